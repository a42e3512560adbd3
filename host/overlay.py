"""The engine on a board, through PYNQ: overlay, driver of the block, one buffer for the arena.

The only module of the runtime that imports `pynq`. It takes nothing but what PYNQ gives: registers
through `MMIO`, memory through `pynq.allocate`, hence it works through PYNQ.remote as well, slowly.
"""

import asyncio
import hashlib
import os
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig, design_names
from m3vit.hls.isa import LINE_BYTES
from m3vit.hls.registers import DONE, IDLE, REGISTERS
from m3vit.hls.vivado.names import VLNV
from m3vit.model.compiled import CompiledModel

from . import bitstreams
from .arena import MEBIBYTE, pool_remedy
from .claim import claim
from .driver import EngineDriver
from .program import Program, build_plan

try:
    import pynq
except ImportError as error:
    raise UserError(
        f"the backend 'board' needs PYNQ ({error}): install it with pip install 'm3vit[board]'"
    ) from error

PATIENCE = 1.0
"""Seconds to wait for an interrupt before CTRL is looked at instead."""

LONGEST_PROGRAM = (1 << 32) - 1
"""Cycles after which the engine gives up a program itself: 14 s at 300 MHz."""


class EngineIP(pynq.DefaultIP):  # type: ignore[misc]
    """The engine's registers; PYNQ binds it to the block of the overlay.

    `register_map` has all of them by name.
    """

    bindto = (VLNV,)

    def __init__(self, description: Any) -> None:
        super().__init__(description=description)

    @property
    def interrupt(self) -> Any:
        """PYNQ's interrupt of the block, or None if the overlay connects none.

        PYNQ.remote has only a placeholder, which cannot be waited for.
        """
        return None if is_remote(self.device) else getattr(self, "irq", None)


class EngineOverlay(pynq.Overlay):  # type: ignore[misc]
    """A bitstream with an engine in it.

    Args:
        bitstream: path of the .bit file; the .hwh of the same name lies beside it.
        download: whether it is loaded; otherwise it is there already.

    Raises:
        UserError: a file is missing, there is no board, or the bitstream has no engine.
    """

    def __init__(self, bitstream: str | Path, download: bool = True) -> None:
        path = Path(bitstream).absolute()
        _check_files(path)
        super().__init__(str(path), download=False, device=active_device())
        self._name = self._find_engine(path)
        self._content = _digest(path)
        if download:
            if is_remote(self.device):
                # PYNQ does not send a file whose name the board has already.
                self.binfile_name = f"{path.stem}-{self._content[:16]}.bin"
            self.download()

    def is_current(self, bitstream: Path) -> bool:
        """Whether this is what PYNQ has loaded last, and still what is in a file."""
        return bool(
            self.bitfile_name == str(bitstream.absolute())
            and self._content == _digest(bitstream)
            and self.device is pynq.Device.active_device
            and self.is_loaded()
        )

    @property
    def block(self) -> EngineIP:
        """The driver of the engine, wherever it is in the block design."""
        found: Any = self
        for part in self._name.split("/"):
            found = getattr(found, part)
        return found  # type: ignore[no-any-return]

    def _find_engine(self, path: Path) -> str:
        name = VLNV.rpartition(":")[0]
        for block, entry in self.ip_dict.items():
            if entry["type"].rpartition(":")[0] == name:
                return str(block)
        raise UserError(
            f"{path} has no block {VLNV}: give the bitstream that belongs to this version of m3vit"
        )


class ArenaPort:
    """Registers of the engine, and its arena in a buffer of PYNQ.

    Everything that is written is flushed at once, and everything that is read is invalidated
    before, by whole cache lines. PYNQ may do either to the whole buffer; since nothing written
    ever waits, that is no harm.

    Args:
        block: the engine's driver.
        size: bytes of the arena.

    Raises:
        UserError: there is not so much contiguous memory.
    """

    def __init__(self, block: EngineIP, size: int) -> None:
        self.block, self.arena_bytes = block, size
        self.remote = is_remote(block.device)
        self._buffer = _allocate(size, block.device)
        if self.remote:
            # The board's server keeps what nobody gives back, and not every Python deletes its
            # objects before the connection is closed.
            weakref.finalize(self, self._buffer.freebuffer)
        self.arena_address = int(self._buffer.device_address)
        if self.arena_address % LINE_BYTES:
            raise RuntimeError(f"PYNQ's buffer at 0x{self.arena_address:x} is not aligned")
        # Lines of the cache that are dirty from before must not be written back over results.
        self._buffer.flush()

    def read_register(self, offset: int) -> int:
        """The 32 bits at a byte address."""
        return int(self.block.read(offset))

    def write_register(self, offset: int, value: int) -> None:
        """Set the 32 bits at a byte address."""
        self.block.write(offset, value)

    def read(self, offset: int, count: int) -> bytes:
        """Bytes of the arena."""
        self._part(offset, count).invalidate()
        return bytes(memoryview(self._buffer)[offset : offset + count])

    def write(self, offset: int, content: bytes) -> None:
        """Put bytes into the arena."""
        self._buffer[offset : offset + len(content)] = np.frombuffer(content, np.uint8)
        self._part(offset, len(content)).flush()

    def _part(self, offset: int, count: int) -> Any:
        """The lines that hold some bytes; of a remote buffer PYNQ can move only the whole."""
        if self.remote:
            return self._buffer
        first = offset // LINE_BYTES * LINE_BYTES
        return self._buffer[first : -(-(offset + count) // LINE_BYTES) * LINE_BYTES]


class BoardEngine(EngineDriver):
    """The engine on the board that PYNQ drives, with a model in its memory.

    Args:
        model: a compiled model.
        bitstream: path of the .bit file; by default that of `find_bitstream`.
        design: of the bitstream, if it is none of those that ship.
        download: whether the bitstream is loaded; by default it is unless this process has done so
            already, so that several models share one engine.
        timeout: seconds that a program may take.

    Attributes:
        overlay: PYNQ's view of the bitstream.

    Raises:
        UserError: no board, no bitstream or the wrong one, not enough memory, or another process
            uses the engine.
    """

    def __init__(
        self,
        model: CompiledModel,
        bitstream: str | Path | None = None,
        design: DesignConfig | None = None,
        download: bool | None = None,
        timeout: float = 60.0,
    ) -> None:
        path = Path(bitstream) if bitstream is not None else find_bitstream()
        _check_files(path)
        claim_device(active_device())
        self.overlay = _open_overlay(path, download, timeout)
        self.block = self.overlay.block
        if not _ends(self.block, timeout):
            raise UserError(
                "the engine is busy with a program that does not end: load the bitstream again "
                "(download=True), which resets it"
            )
        plan = build_plan(model, design or find_design(self.block))
        port = ArenaPort(self.block, plan.arena_bytes)
        self.overlapped = not port.remote  # a flush moves all of the arena, results too
        super().__init__(port, plan, timeout)
        # A process before this one may have changed them.
        self._set("STALL_LIMIT", REGISTERS["STALL_LIMIT"].reset)
        self._set("CYCLE_LIMIT", LONGEST_PROGRAM)
        self._set("IRQ_ENABLE", int(self.block.interrupt is not None))

    @property
    def clock_mhz(self) -> float:
        """Of the engine, as the processing system is set."""
        return float(pynq.Clocks.fclk0_mhz)

    def start(self, program: Program) -> None:
        """Start a program, as any driver does.

        Raises:
            UserError: there is another overlay now where the engine was.
            EngineError: the engine is busy and stays so.
        """
        loaded = self.block.device.bitfile_name
        if loaded != self.overlay.bitfile_name:
            # Registers that are not there can stop the processor.
            raise UserError(
                f"{loaded} has been loaded since over the engine: make a new Accelerator, which "
                "loads the engine's bitstream again"
            )
        super().start(program)

    def await_done(self, seconds: float | None = None) -> bool:
        """Wait for the interrupt if there is one, then look at CTRL; whether it says done."""
        deadline = time.monotonic() + (self.timeout if seconds is None else seconds)
        interrupt = self.block.interrupt
        while interrupt is not None and not self._get("CTRL") & DONE:
            # An interrupt may be one of before; then there is time left to wait for the next.
            if not _await_interrupt(interrupt, min(PATIENCE, deadline - time.monotonic())):
                break
        return super().await_done(max(0.0, deadline - time.monotonic()))


def find_bitstream() -> Path:
    """`$M3VIT_BITSTREAM`, else the overlay for the ZCU104 that was fetched or deployed.

    Raises:
        UserError: there is none.
    """
    chosen = os.environ.get("M3VIT_BITSTREAM")
    return Path(chosen) if chosen else bitstreams.find(DesignConfig.load("zcu104"))


def find_design(block: EngineIP) -> DesignConfig:
    """The design that ships and that an engine says it has.

    Raises:
        UserError: none of them.
    """
    found = int(block.read(REGISTERS["DESIGN_ID"].offset))
    for name in design_names():
        design = DesignConfig.load(name)
        if design.design_id == found:
            return design
    raise UserError(
        f"the bitstream is of the design 0x{found:08x}, which is none of "
        f"{', '.join(design_names())}: give the design that it was built from, or build it again"
    )


def active_device() -> Any:
    """PYNQ's device.

    Raises:
        UserError: there is none, or only root may use it.
    """
    try:
        device = pynq.Device.active_device
    except RuntimeError as error:
        raise UserError(
            f"PYNQ finds no board ({error}): run this on the board, in a shell of sudo -i, "
            "which has XRT, or set PYNQ_REMOTE_DEVICES to the board's address; the backend 'rtl' "
            "simulates the engine"
        ) from None
    if device.has_capability("MEMORY_MAPPED") and os.geteuid() != 0:
        raise UserError("only root may use the board's registers: run this in a shell of sudo -i")
    return device


def claim_device(device: Any) -> None:
    """Keep other processes of this machine off a device until this one ends.

    Raises:
        UserError: another process has it.
    """
    # All remote devices that are the first of their processes have the same tag.
    claim(device.ip_addr if is_remote(device) else device.tag)


def is_remote(device: Any) -> bool:
    """Whether PYNQ reaches a device over the network."""
    return bool(device.has_capability("REMOTE"))


def _check_files(path: Path) -> None:
    for file, remedy in (
        (path, "give its path, set M3VIT_BITSTREAM, or build it as docs/board.md says"),
        (path.with_suffix(".hwh"), "copy it from where the bitstream was built"),
    ):
        if not file.is_file():
            raise UserError(f"there is no {file}: {remedy}")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


_overlays: dict[str, EngineOverlay] = {}  # by the device's tag: what this process has loaded


def _open_overlay(path: Path, download: bool | None, seconds: float) -> EngineOverlay:
    """What this process has loaded already, or the bitstream of a path."""
    tag = active_device().tag
    before = None if download else _overlays.get(tag)
    if (
        before is not None
        and before.is_current(path)
        and (download is False or _ends(before.block, seconds))
    ):
        return before
    _overlays[tag] = EngineOverlay(path, download is not False)
    return _overlays[tag]


def _allocate(size: int, device: Any) -> Any:
    try:
        buffer = pynq.allocate((size,), dtype=np.uint8, target=device)
        if is_remote(device) and not buffer.buffer_id:
            # What PYNQ makes of the server's empty answer.
            raise MemoryError("its server keeps buffers of clients that were killed until it ends")
    except (MemoryError, OSError, RuntimeError) as error:
        raise UserError(
            f"the arena of this model takes {size} bytes ({size / MEBIBYTE:.1f} MiB) of contiguous "
            f"memory and the board gives none ({error}): {pool_remedy(size)}"
        ) from error
    return buffer


def _ends(block: EngineIP, seconds: float) -> bool:
    """Wait for what another driver, or a process that was killed, has left running."""
    deadline = time.monotonic() + seconds
    while not int(block.read(REGISTERS["CTRL"].offset)) & IDLE:
        if time.monotonic() > deadline:
            return False
    return True


def _await_interrupt(interrupt: Any, seconds: float) -> bool:
    """Wait at most so long; whether it came.

    PYNQ's interrupts belong to the main thread's event loop. Where there is none, or inside of one
    that runs, as in a notebook, they cannot be waited for; nor after the overlay was loaded again.
    """
    try:
        loop = asyncio.get_event_loop()
    except RuntimeError:
        return False
    if loop.is_running() or seconds <= 0:
        return False
    try:
        loop.run_until_complete(asyncio.wait_for(interrupt.wait(), seconds))
    except (asyncio.TimeoutError, RuntimeError):
        return False
    return True
