"""Two ways to run one bench: under cocotb, and on its own.

The bench is the same SystemVerilog in both, and so are its beats and cycles. cocotb drives reset
and scalars from Python; alone, a simulation starts in milliseconds and may hold many designs.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from m3vit.files import atomic_path

from . import runner, verilator
from .harness import LIBRARY, NATIVE_MAIN, Target, cocotb_top, native_top

_PREFIX = "Vbench"  # of the model's class; native.cpp names it


def build_native(
    targets: Sequence[Target], program: Path, *, waves: bool = False, optimisation: str = "-O1"
) -> None:
    """Compile a simulation of one or more designs side by side.

    Args:
        targets: the designs; files that they share are compiled once.
        program: where it appears.
        waves: it writes a waveform, which makes it slower.
        optimisation: of the C++ compiler.
    """
    with tempfile.TemporaryDirectory(prefix="m3vit-") as scratch:
        directory = Path(scratch)
        (directory / "bench.sv").write_text(native_top(targets))
        arguments = [
            "--exe",
            str(NATIVE_MAIN),
            *("--top-module", "bench", "--prefix", _PREFIX, "-Wno-fatal", "--no-timing"),
            *("--x-assign", "unique", "--x-initial", "unique"),
            *(["--trace-fst"] if waves else []),
            *map(str, [*LIBRARY, *_files(targets), directory / "bench.sv"]),
        ]
        verilator.verilate(arguments, directory)
        verilator.run_make(verilator.make_arguments(directory, _PREFIX, optimisation))
        with atomic_path(program) as fresh:
            shutil.copy2(directory / _PREFIX, fresh)


def native_program(target: Target, *, waves: bool = False, optimisation: str = "-O1") -> Path:
    """A simulation of one design, from the cache where it is there."""
    files = [*LIBRARY, NATIVE_MAIN, *target.files]
    settings = ["native", native_top([target]), str(waves), optimisation]
    program = verilator.cached_model(f"native-{target.name}", files, settings)
    if not program.exists():
        build_native([target], program, waves=waves, optimisation=optimisation)
    verilator.remember(program)
    return program


def _files(targets: Sequence[Target]) -> list[Path]:
    return list(dict.fromkeys(path for target in targets for path in target.files))


def run_native(
    program: Path,
    directory: Path,
    *,
    seed: int = 1,
    waves: Path | None = None,
    plusargs: Sequence[str] = (),
) -> None:
    """Run a simulation whose stimuli lie in `directory`, those of design number k in `<k>`."""
    command = [
        str(program),
        f"+run={directory}",
        *plusargs,
        "+verilator+rand+reset+2",
        f"+verilator+seed+{seed}",
        *([f"+waves={waves}"] if waves else []),
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if said.returncode != 0:
        raise verilator.VerilatorError(f"the simulation failed:\n{said.stdout}{said.stderr}")


def cocotb_simulation(target: Target, optimisation: str = "-O1") -> runner.Simulation:
    """A simulation of one design for `run_cocotb`, from the cache where it is there."""
    with tempfile.TemporaryDirectory(prefix="m3vit-") as scratch:
        top = Path(scratch) / "bench.sv"
        top.write_text(cocotb_top(target))
        files = [*LIBRARY, *target.files, top]
        return runner.build(files, "bench", hdl_clock=True, optimisation=optimisation)


def run_cocotb(
    simulation: runner.Simulation, directory: Path, *, scalars: Mapping[str, int], seed: int = 1
) -> None:
    """Run a simulation whose stimulus lies in `directory/0`."""
    simulation.run(
        "m3vit.sim.rtl.cocotb_bench",
        directory,
        environment={f"M3VIT_SCALAR_{name}": str(value) for name, value in scalars.items()},
        plusargs=[f"+run={directory}"],
        seed=seed,
    )
