from pathlib import Path

import pytest

import m3vit.hls
from m3vit.hls.compiler import emit, schedule
from m3vit.hls.compiler.graph import ModuleFunction, Process
from m3vit.hls.compiler.interpreter import Interpreter
from m3vit.hls.compiler.ir import StreamPort
from m3vit.hls.compiler.timing import Clock
from m3vit.sim.rtl import packing, verilator
from m3vit.sim.rtl.bench import run_bench
from m3vit.sim.rtl.harness import Target
from m3vit.sim.rtl.stalls import NONE

LIBRARY = sorted((Path(m3vit.hls.__file__).parent / "rtl").glob("*.sv"))


def _port(name, width):
    return StreamPort(name, packing.lay_out("Word", [("bits", width, False)]))


@pytest.fixture
def make_process():
    """A function that makes a process of regions; streams are {name: width}."""

    def make(regions, inputs, outputs, *, name="dut", free_running=True, registers=(), storages=()):
        return Process(
            name,
            {key: _port(key, width) for key, width in {**inputs, **outputs}.items()},
            list(inputs),
            list(outputs),
            {},
            {register.name: register for register in registers},
            {storage.name: storage for storage in storages},
            {region.name: region for region in regions},
            regions[0].name,
            free_running=free_running,
        )

    return make


@pytest.fixture
def generate(tmp_path):
    """A function: process -> (bench target, statistics), scheduled, emitted and lint-clean."""

    def run(process: Process, functions: list[ModuleFunction] | tuple = (), clock_ns=3.333):
        clock, known = Clock(clock_ns), {}
        texts = {}
        for function in functions:
            schedule.schedule_function(function, known, clock)
            known[function.name] = function
            texts[function.name] = emit.module_function(function, known).text
        schedule.schedule_process(process, known, clock)
        texts[process.name], statistics = emit.process(process, known)
        files = []
        for name, text in texts.items():
            files.append(tmp_path / f"{name}.sv")
            files[-1].write_text(text)
        library = [
            path for path in LIBRARY if any(f"{path.stem} #" in text for text in texts.values())
        ]
        library += [x for x in LIBRARY if x.stem == "ram_sdp" and library and x not in library]
        assert verilator.lint([*files, *library], process.name) == [], texts[process.name]
        target = Target(
            process.name,
            (*files, *library),
            {name: process.streams[name].payload for name in process.inputs},
            {name: process.streams[name].payload for name in process.outputs},
            {name: scalar.width for name, scalar in process.scalars.items()},
            handshake=not process.free_running,
        )
        return target, statistics

    return run


@pytest.fixture
def compare(generate):
    """A function that compares a process's hardware with the interpreter, under stalls."""

    def run(process, inputs, functions=(), stalls=(NONE,), scalars=None, clock_ns=3.333):
        target, statistics = generate(process, functions, clock_ns)
        known = {function.name: function for function in functions}
        expected = Interpreter(process, known).run(inputs, scalars)
        results = [
            run_bench(
                target, inputs, scalars, expected, pattern, engine="native", optimisation="-O0"
            )
            for pattern in stalls
        ]
        return expected, results, statistics

    return run
