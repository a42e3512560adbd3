"""A board for PYNQ whose programmable logic is the engine in Verilator.

The `pynq` package runs unchanged on it: overlays, drivers, `register_map`, `allocate`, clocks and
interrupts. The host's memory is a copy of the engine's, and the two meet only where PYNQ flushes
or invalidates, as caches that are not coherent: a forgotten flush gives wrong results.

    with simulated_board("zcu104"):
        Accelerator(model, backend="board").run(pixels, "depth")

In notebooks, whose cells cannot share a `with`: `use_simulated_board`.
"""

import asyncio
import atexit
import os
import struct
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.hls.engine import Engine
from m3vit.hls.hwh import INTERRUPTS_ADDRESS, hardware_handoff
from m3vit.hls.isa import LINE_BYTES
from m3vit.hls.vivado.names import CONTROL_ADDRESS, OVERLAY
from m3vit.sim.engine.library import EngineLibrary, Memory, Options
from m3vit.sim.engine.port import SimulatedPort

try:
    import pynq
    from pynq.interrupt import _InterruptController
    from pynqmetadata.frontends import Metadata
    from pynqmetadata.views.runtime import RuntimeMetadataParser
except ImportError as error:
    raise UserError(
        f"the simulated board needs PYNQ ({error}): install it with pip install 'm3vit[board]'"
    ) from error

POOL_BYTES = 512 << 20
"""Contiguous memory of the board, unless told otherwise; what PYNQ's image for it has."""

_PAGE = 4096
_INTERRUPT_NUMBER = 121  # of pl_ps_irq0
_INTERRUPT_CYCLES = 4096  # between two looks at the interrupt
_PROCESSOR_BASE = 0xF800_0000
# PLLs that make 1,500 MHz out of the ZCU104's 33.33 MHz, as its boot loader sets them.
_PROCESSOR_REGISTERS = {
    0xFF5E_0020: 0x0001_5A00,  # IOPLL
    0xFF5E_0030: 0x0001_4800,  # RPLL
    0xFD1A_0020: 0x0001_4800,  # APLL
    0xFD1A_002C: 0x0001_4800,  # DPLL
}


class _Allocation:
    """Memory that PYNQ has been given: bytes of the host, and what they were when last equal."""

    def __init__(self, size: int) -> None:
        self.offset, self.size = 0, size
        self.host = np.full(-(-size // LINE_BYTES) * LINE_BYTES, 0xA5, np.uint8)
        self.clean = self.host.copy()
        self.buffer: weakref.ref[Any]

    def dirty(self) -> NDArray[np.intp]:
        """Lines that the host has changed."""
        lines = (self.host != self.clean).reshape(-1, LINE_BYTES).any(axis=1)
        return np.flatnonzero(lines)


class SimulatedDevice(pynq.Device):  # type: ignore[misc]
    """A ZCU104 whose programmable logic is a simulated engine.

    Args:
        library: the engine.
        pool: bytes of contiguous memory; not more than the library's.
        tag: distinguishes devices; by default those of other processes are others.

    Attributes:
        flushes, invalidates: how often PYNQ has moved memory.
    """

    def __init__(
        self, library: EngineLibrary, pool: int = POOL_BYTES, tag: str | None = None
    ) -> None:
        super().__init__(tag or f"simulated{os.getpid()}")
        self.name, self.arch = "ZCU104 (simulated)", "aarch64"
        self.capabilities = {"REGISTER_RW": True}
        self.library, self.pool = library, pool
        self.interrupts = _InterruptRegisters(library)
        self.flushes = self.invalidates = 0
        self._port = SimulatedPort(library)
        self._processor = dict(_PROCESSOR_REGISTERS)
        self._allocations: list[_Allocation] = []

    # Registers -----------------------------------------------------------------------------------

    def read_registers(self, address: int, length: int) -> bytes:
        """Whole words, as PYNQ's `MMIO` asks for them."""
        words = [self._read(address + place) for place in range(0, length, 4)]
        return struct.pack(f"<{len(words)}I", *words)

    def write_registers(self, address: int, data: Any) -> None:
        """Whole words."""
        content = bytes(data)
        for place in range(0, len(content), 4):
            self._write(address + place, int.from_bytes(content[place : place + 4], "little"))

    def _read(self, address: int) -> int:
        if address >= _PROCESSOR_BASE:
            return self._processor.get(address, 0)
        if CONTROL_ADDRESS <= address < INTERRUPTS_ADDRESS:
            return self._port.read_register(address - CONTROL_ADDRESS)
        return self.interrupts.read(address - INTERRUPTS_ADDRESS)

    def _write(self, address: int, value: int) -> None:
        if address >= _PROCESSOR_BASE:
            self._processor[address] = value
        elif CONTROL_ADDRESS <= address < INTERRUPTS_ADDRESS:
            self._port.write_register(address - CONTROL_ADDRESS, value)
        else:
            self.interrupts.write(address - INTERRUPTS_ADDRESS, value)

    # Bitstreams ----------------------------------------------------------------------------------

    def get_bitfile_metadata(self, bitfile_name: str, partial: bool = False) -> Any:
        """What the .hwh beside a bitstream says."""
        parser = RuntimeMetadataParser(Metadata(input=Path(bitfile_name).with_suffix(".hwh")))
        parser.refresh_hierarchy_dict()
        return parser

    def download(self, bitstream: Any, parser: Any = None) -> None:
        """Reset the engine; the bitstream's content does not matter."""
        self.library.reset()
        self.interrupts.reset()
        self.post_download(bitstream, parser, self.name)

    def shutdown(self) -> None:
        """Nothing to do: there are no other masters."""

    def gen_cache(self, bitstream: Any, parser: Any = None) -> None:
        """Nothing to keep."""

    # Memory --------------------------------------------------------------------------------------

    def allocate(self, shape: Any, dtype: Any = "u4", **_: Any) -> Any:
        """A buffer of PYNQ, at a page of the pool; MemoryError if there is no room."""
        kind = np.dtype(dtype)
        allocation = _Allocation(int(np.prod(shape)) * kind.itemsize)
        for used in sorted(self._allocations, key=lambda used: used.offset):
            if allocation.offset + allocation.size <= used.offset:
                break
            allocation.offset = -(-(used.offset + used.size) // _PAGE) * _PAGE
        if allocation.offset + allocation.size > self.pool:
            raise MemoryError(f"{self.pool >> 20} MiB are too few")
        self._allocations.append(allocation)
        buffer = pynq.buffer.PynqBuffer(
            shape,
            kind,
            buffer=allocation.host,
            device=self,
            device_address=self.library.options.memory.base + allocation.offset,
            bo=allocation,
            coherent=False,
        )
        # What PYNQ gives back through `return_pointer` it does not unmap.
        buffer.memory = buffer.return_to = self
        buffer.pointer = allocation
        allocation.buffer = weakref.ref(buffer)
        return buffer

    def return_pointer(self, allocation: _Allocation) -> None:
        """A buffer is not used any more."""
        self._allocations.remove(allocation)
        if (buffer := allocation.buffer()) is not None:  # freed, but not forgotten
            buffer.freed = True

    def flush(self, bo: _Allocation, offset: int, virtual_address: int, nbytes: int) -> None:
        """Dirty lines become the engine's; of the whole buffer, as PYNQ 4.0.0 does it."""
        self.flushes += 1
        lines = bo.dirty()
        self._memory(bo)[lines] = bo.host.reshape(-1, LINE_BYTES)[lines]
        bo.clean[:] = bo.host

    def invalidate(self, bo: _Allocation, offset: int, virtual_address: int, nbytes: int) -> None:
        """The host sees the engine's memory; what was not flushed is lost, in the whole buffer."""
        self.invalidates += 1
        bo.host.reshape(-1, LINE_BYTES)[:] = self._memory(bo)
        bo.clean[:] = bo.host

    def _memory(self, bo: _Allocation) -> NDArray[np.uint8]:
        """The engine's lines of an allocation."""
        stop = bo.offset + bo.host.size
        return self.library.memory[bo.offset : stop].reshape(-1, LINE_BYTES)


class _InterruptRegisters:
    """The registers of AMD's axi_intc with the engine's level on line 0, and the UIO behind it.

    A line that is acknowledged while it is still high becomes pending again, as in the original.
    """

    STATUS, PENDING, ENABLE, ACKNOWLEDGE, SET, CLEAR, MASTER = (0, 4, 8, 0xC, 0x10, 0x14, 0x1C)

    def __init__(self, library: EngineLibrary) -> None:
        self.library = library
        self.reset()

    def reset(self) -> None:
        self.status = self.enable = self.master = 0
        self._waiting: list[Any] = []

    def read(self, offset: int) -> int:
        self.status |= int(self.library.interrupt)
        values = {
            self.STATUS: self.status,
            self.PENDING: self.status & self.enable,
            self.ENABLE: self.enable,
            self.MASTER: self.master,
        }
        return values.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        if offset == self.ENABLE:
            self.enable = value
        elif offset == self.ACKNOWLEDGE:
            self.status &= ~value
        elif offset == self.SET:
            self.enable |= value
        elif offset == self.CLEAR:
            self.enable &= ~value
        elif offset == self.MASTER:
            self.master = value

    def add_event(self, event: Any, number: int) -> None:
        """What PYNQ calls to be told; time passes in the engine until its line rises."""
        self._waiting.append(event)
        if len(self._waiting) == 1:
            asyncio.get_event_loop().call_soon(self._look)

    def _look(self) -> None:
        if not self._waiting:  # reset since; the engine may be gone
            return
        if self.read(self.PENDING) and self.master == 3:
            waiting, self._waiting = self._waiting, []
            for event in waiting:
                event.set()
        else:
            self.library.run_until_done(_INTERRUPT_CYCLES)
            asyncio.get_event_loop().call_soon(self._look)


@contextmanager
def simulated_board(
    design: str | DesignConfig = "zcu104",
    pool: int = POOL_BYTES,
    interrupt: bool = True,
    memory: Memory | None = None,
) -> Iterator[SimulatedDevice]:
    """A simulated board as PYNQ's active device, and a bitstream for it in `$M3VIT_BITSTREAM`.

    Args:
        design: of the engine.
        pool: bytes of contiguous memory.
        interrupt: whether the engine's interrupt reaches the processor.
        memory: how the DDR memory behaves.
    """
    chosen = design if isinstance(design, DesignConfig) else DesignConfig.load(design)
    options = Options(memory=memory or Memory(size=pool))
    before = os.environ.get("M3VIT_BITSTREAM")
    active = getattr(pynq.Device, "_active_device", None)
    controllers = _InterruptController._uio_devices
    connected = controllers.get(_INTERRUPT_NUMBER)
    with EngineLibrary(Engine.compile(chosen), options) as library:
        device = SimulatedDevice(library, min(pool, options.memory.size))
        with tempfile.TemporaryDirectory(prefix="m3vit-") as directory:
            bitstream = Path(directory) / f"{OVERLAY}.bit"
            bitstream.touch()
            bitstream.with_suffix(".hwh").write_text(hardware_handoff(chosen, interrupt))
            os.environ["M3VIT_BITSTREAM"] = str(bitstream)
            pynq.Device.active_device = device
            controllers[_INTERRUPT_NUMBER] = device.interrupts
            try:
                yield device
            finally:
                device.interrupts.reset()
                if active is None:
                    del controllers[_INTERRUPT_NUMBER], pynq.Device._active_device
                else:
                    controllers[_INTERRUPT_NUMBER] = connected
                    pynq.Device.active_device = active
                if before is None:
                    del os.environ["M3VIT_BITSTREAM"]
                else:
                    os.environ["M3VIT_BITSTREAM"] = before


def use_simulated_board(design: str | DesignConfig = "zcu104") -> SimulatedDevice:
    """The same until this process ends."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(simulated_board(design))
