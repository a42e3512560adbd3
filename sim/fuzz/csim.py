"""C simulation of arbitrary kernels: g++ with the unmodified ap_types, streams as files."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import m3vit.hls
from m3vit.errors import UserError
from m3vit.hls.compiler.ir import Payload
from m3vit.hls.compiler.vendor_headers import vendor_directory
from m3vit.sim.rtl.packing import Bytes, memory_bytes, pack, payload_type, unpack

_HLS = Path(m3vit.hls.__file__).parent


class CSimulationError(RuntimeError):
    """A kernel does not compile with g++, or its simulation fails; the message says why."""


@dataclass(frozen=True)
class Job:
    """A kernel and its stimulus.

    Attributes:
        source: C++ file; included into a namespace of its own, after ap_types and hls_stream.
        top: function to call.
        arguments: in order: the payload of a stream, or the value of a number.
        inputs: packed words of every input stream, see `sim.rtl.packing`.
        calls: how often it is called.
    """

    source: Path
    top: str
    arguments: Mapping[str, Payload | int]
    inputs: Mapping[str, Bytes]
    calls: int = 1


@dataclass(frozen=True)
class Outcome:
    """What a kernel did.

    Attributes:
        outputs: packed words of every output stream.
        left: items of every input stream that were not read.
    """

    outputs: Mapping[str, Bytes]
    left: Mapping[str, int]


def simulate(jobs: Sequence[Job], directory: Path) -> list[Outcome]:
    """Compile kernels into one program, run it, and read what came out.

    Args:
        jobs: the kernels.
        directory: for the program and its files, one subdirectory per kernel.

    Raises:
        CSimulationError: g++ refuses a kernel, or one reads from an empty stream.
        UserError: there is no g++.
    """
    directory.mkdir(parents=True, exist_ok=True)
    program = directory / "csim"
    _compile(_main(jobs, directory), program)
    for number, job in enumerate(jobs):
        folder = directory / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        for name, words in job.inputs.items():
            payload = job.arguments[name]
            assert isinstance(payload, Payload)
            (folder / f"{name}.items").write_bytes(unpack(words, payload).tobytes())
    ran = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise CSimulationError(f"the C simulation ends with code {ran.returncode}: {ran.stderr}")
    return [_outcome(job, directory / str(number)) for number, job in enumerate(jobs)]


def _compile(text: str, program: Path) -> None:
    if shutil.which("g++") is None:
        raise UserError("the C simulation needs g++: install it, on Debian with apt install g++")
    source = program.with_suffix(".cpp")
    source.write_text(text)
    command = [
        *("g++", "-std=c++17", "-O0", "-w"),
        *(f"-I{path}" for path in (Path(__file__).parent, _HLS / "csim", _HLS / "include")),
        *("-isystem", str(vendor_directory())),
        *(str(source), "-o", str(program)),
    ]
    compiled = subprocess.run(command, capture_output=True, text=True, check=False)
    if compiled.returncode != 0:
        raise CSimulationError(f"g++ refuses a kernel:\n{compiled.stderr[:4000]}")


def _main(jobs: Sequence[Job], directory: Path) -> str:
    lines = ['#include "csim_main.hpp"', "#include <m3vit/stream.hpp>"]
    for number, job in enumerate(jobs):
        lines += [f"namespace kernel_{number} {{", f'#include "{job.source}"', "}"]
    lines.append("int main() {")
    for number, job in enumerate(jobs):
        arguments = ", ".join(_argument(job, name) for name in job.arguments)
        lines.append(
            f"    m3vit::fuzz::Play(kernel_{number}::{job.top}, {job.calls}, "
            f'"{directory / str(number)}", {{{arguments}}});'
        )
    return "\n".join([*lines, "}", ""])


def _argument(job: Job, name: str) -> str:
    kind = job.arguments[name]
    if isinstance(kind, Payload):
        output = "false" if name in job.inputs else "true"
        return f'{{"{name}", {output}, {memory_bytes(kind)}, 0}}'
    return f'{{"{name}", false, 0, {kind}}}'


def _outcome(job: Job, folder: Path) -> Outcome:
    outputs = {
        name: pack(np.fromfile(folder / f"{name}.items", payload_type(payload)), payload)
        for name, payload in job.arguments.items()
        if isinstance(payload, Payload) and name not in job.inputs
    }
    left = {name: int((folder / f"{name}.left").read_text()) for name in job.inputs}
    return Outcome(outputs, left)
