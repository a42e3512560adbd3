"""An engine and its memory as a shared library that Python steps: registers, cycles, bytes.

The memory's bytes are a NumPy array without copies in between. `M3VIT_WAVES=<file.fst>` in the
environment records a waveform, `M3VIT_WATCH=<streams>` prints every word of streams of the core,
separated by commas: `weight_requests`, or `module:stream` for one inside the core.
"""

import ctypes
import logging
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m3vit.files import atomic_path
from m3vit.hls.engine import Engine
from m3vit.hls.registers import DONE, REGISTERS
from m3vit.sim.rtl import verilator

from .bench import MODULE, bench

logger = logging.getLogger(__name__)

_SV = Path(__file__).parent / "sv"
_SHIM = _SV / "engine.cpp"
_PREFIX = f"V{MODULE}"  # of the model's class; engine.cpp names it
_POLL_CYCLES = 64  # between two looks at CTRL


@dataclass(frozen=True)
class Memory:
    """How the simulated DDR memory behaves.

    Attributes:
        size: bytes; untouched ones take no space.
        base: address of the first byte.
        read_latency, write_latency: cycles from an address to the first beat, and from the last
            beat to its acknowledgement.
        bandwidth, bandwidth_cycles: bytes that all ports together move in so many cycles.
        stalls: of 256 handshakes, how many hesitate for a cycle, at random.
        failing_read, failing_write: line of 64 bytes whose access is answered with an error.
    """

    size: int = 1 << 28
    base: int = 0x1000_0000
    read_latency: int = 60
    write_latency: int = 40
    bandwidth: int = 50
    bandwidth_cycles: int = 1
    stalls: int = 0
    failing_read: int | None = None
    failing_write: int | None = None


@dataclass(frozen=True)
class Options:
    """How an engine is simulated.

    Attributes:
        memory: its memory.
        seed: of the memory's stalls and of every register without a reset value.
        optimisation: of the C++ compiler.
        waves: where a waveform appears; recording makes the simulation slower.
        watch: streams whose words are printed, see the head of this file.
    """

    memory: Memory = field(default_factory=Memory)
    seed: int = 1
    optimisation: str = "-O2"
    waves: str | None = field(default_factory=lambda: os.environ.get("M3VIT_WAVES") or None)
    watch: tuple[str, ...] = field(
        default_factory=lambda: tuple(filter(None, os.environ.get("M3VIT_WATCH", "").split(",")))
    )


class PortProtocolError(RuntimeError):
    """The engine did on a memory port what AXI4 forbids."""


class EngineLibrary:
    """A simulated engine, reset and idle.

    Args:
        engine: what is simulated; compiled if it is not in the cache.
        options: how.
    """

    def __init__(self, engine: Engine, options: Options | None = None) -> None:
        self.options = options or Options()
        self._library = _load(library(engine, self.options))
        memory = self.options.memory
        self._handle = self._library.m3vit_create(memory.size, self.options.seed)
        self.configure(memory)
        if self.options.waves:
            self._library.m3vit_open_waves(self._handle, os.fsencode(self.options.waves))
        self.reset()
        pointer = self._library.m3vit_memory(self._handle)
        self.memory: NDArray[np.uint8] = np.ctypeslib.as_array(pointer, (memory.size,))

    def configure(self, memory: Memory) -> None:
        """Change the memory's behaviour, not its size, from now on."""
        settings = _Settings(
            base=memory.base,
            read_latency=memory.read_latency,
            write_latency=memory.write_latency,
            bandwidth=memory.bandwidth,
            bandwidth_cycles=memory.bandwidth_cycles,
            stalls=memory.stalls,
            failing_read=-1 if memory.failing_read is None else memory.failing_read,
            failing_write=-1 if memory.failing_write is None else memory.failing_write,
        )
        self._library.m3vit_configure(self._handle, ctypes.byref(settings))

    def reset(self) -> None:
        """Reset the engine as a bitstream does that is loaded; memory keeps its bytes."""
        self._library.m3vit_reset(self._handle)

    @property
    def cycles(self) -> int:
        """Clock cycles so far."""
        return int(self._library.m3vit_cycles(self._handle))

    @property
    def interrupt(self) -> bool:
        """The engine's interrupt line."""
        return bool(self._library.m3vit_interrupt(self._handle))

    def step(self, cycles: int) -> None:
        """Let clock cycles pass; PortProtocolError as all that follow."""
        self._library.m3vit_step(self._handle, cycles)
        self._check()

    def run_until_done(self, limit: int) -> bool:
        """Let cycles pass until CTRL says done, at most about `limit`; whether it does."""
        ctrl = REGISTERS["CTRL"].offset
        done = self._library.m3vit_run_until(self._handle, ctrl, DONE, _POLL_CYCLES, limit)
        self._check()
        return bool(done)

    def read_register(self, offset: int) -> int:
        """The 32 bits at a byte address, read through AXI4-Lite."""
        value = int(self._library.m3vit_read(self._handle, offset))
        self._check()
        return value

    def write_register(self, offset: int, value: int) -> None:
        """Write 32 bits through AXI4-Lite."""
        self._library.m3vit_write(self._handle, offset, value)
        self._check()

    def close(self) -> None:
        """Free the memory, and complete the waveform; `memory` must not be used any more."""
        if self._handle:
            self._library.m3vit_destroy(self._handle)
            self._handle = None

    def __enter__(self) -> "EngineLibrary":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self) -> None:
        fault = self._library.m3vit_fault(self._handle)
        if fault:
            raise PortProtocolError(fault.decode())


def library(engine: Engine, options: Options) -> Path:
    """The shared library of an engine, from the cache where it is there."""
    texts = engine.texts()
    top = bench(engine, options.watch)
    own = [*sorted(_SV.glob("*.sv")), _SHIM]
    settings = [
        "engine",
        options.optimisation,
        str(options.waves is not None),
        top,
        *texts,
        *texts.values(),
    ]
    path = verilator.cached_model(f"engine-{engine.design.name}", own, settings)
    if not path.exists():
        logger.warning("building the simulated engine '%s': minutes, once", engine.design.name)
        with tempfile.TemporaryDirectory(prefix="m3vit-") as scratch:
            directory = Path(scratch)
            for name, text in {**texts, f"{MODULE}.sv": top}.items():
                (directory / name).write_text(text)
            files = [directory / name for name in (*texts, f"{MODULE}.sv")]
            _build([*own[:-1], *files], directory, options)
            with atomic_path(path) as fresh:
                shutil.copy2(directory / _PREFIX, fresh)
    verilator.remember(path)
    return path


def _build(files: list[Path], directory: Path, options: Options) -> None:
    arguments = [
        *("--exe", str(_SHIM), "--top-module", MODULE, "--prefix", _PREFIX),
        *("-Wno-fatal", "-Wno-BLKSEQ", "--no-timing", "-O3", "--no-assert"),
        *("--x-assign", "fast", "--x-initial", "unique"),
        # Several libraries live in one process: none may use the other's symbols.
        *("-CFLAGS", "-fPIC -fno-gnu-unique", "-LDFLAGS", "-shared -Wl,-Bsymbolic"),
        *(["--trace-fst", "--trace-structs"] if options.waves else []),
        *map(str, files),
    ]
    verilator.verilate(arguments, directory)
    verilator.run_make(verilator.make_arguments(directory, _PREFIX, options.optimisation))


class _Settings(ctypes.Structure):
    """`Settings` of engine.cpp."""

    _fields_ = (
        ("base", ctypes.c_uint64),
        ("read_latency", ctypes.c_uint32),
        ("write_latency", ctypes.c_uint32),
        ("bandwidth", ctypes.c_uint32),
        ("bandwidth_cycles", ctypes.c_uint32),
        ("stalls", ctypes.c_uint32),
        ("failing_read", ctypes.c_int64),
        ("failing_write", ctypes.c_int64),
    )


_HANDLE, _U32, _U64 = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64
_FUNCTIONS = {
    "create": ([_U64, _U64], _HANDLE),
    "destroy": ([_HANDLE], None),
    "configure": ([_HANDLE, ctypes.POINTER(_Settings)], None),
    "open_waves": ([_HANDLE, ctypes.c_char_p], None),
    "reset": ([_HANDLE], None),
    "memory": ([_HANDLE], ctypes.POINTER(ctypes.c_uint8)),
    "fault": ([_HANDLE], ctypes.c_char_p),
    "cycles": ([_HANDLE], _U64),
    "interrupt": ([_HANDLE], ctypes.c_int),
    "step": ([_HANDLE, _U64], None),
    "read": ([_HANDLE, _U32], _U32),
    "write": ([_HANDLE, _U32, _U32], None),
    "run_until": ([_HANDLE, _U32, _U32, _U64, _U64], ctypes.c_int),
}


@cache
def _load(path: Path) -> ctypes.CDLL:
    loaded = ctypes.CDLL(str(path))
    for name, (arguments, result) in _FUNCTIONS.items():
        function = getattr(loaded, f"m3vit_{name}")
        function.argtypes, function.restype = arguments, result
    return loaded
