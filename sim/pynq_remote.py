"""A simulated board at the other end of PYNQ.remote: the server's half of PYNQ's own protocol.

`pynq` with `PYNQ_REMOTE_DEVICES=<address>` runs unchanged against it, in any number of processes,
and the board outlives them. Behaviour is that of the server in PYNQ's image (C++, `pynq-cpp`) as
far as a driver sees it: buffers are moved from their start, those of a client that is gone stay, an
allocation that fails is answered with an empty name, and there are no interrupts.
"""

import fcntl
import os
import struct
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.hls.engine import Engine
from m3vit.hls.hwh import hardware_handoff
from m3vit.hls.vivado.names import OVERLAY
from m3vit.sim.engine.library import EngineLibrary, Memory, Options
from m3vit.sim.pynq_device import POOL_BYTES, SimulatedDevice

try:
    import grpc  # type: ignore[import-untyped]
    import pynq
    from pynq.remote import (
        buffer_pb2,
        buffer_pb2_grpc,
        mmio_pb2,
        mmio_pb2_grpc,
        remote_device_pb2,
        remote_device_pb2_grpc,
    )
except ImportError as error:
    raise UserError(
        f"the simulated board needs PYNQ 4 ({error}): install it with pip install 'm3vit[board]'"
    ) from error

PORT = 7967
"""That PYNQ's clients ask at; they cannot be told another."""

FIRMWARE = "/lib/firmware/"
_MANAGER = "/sys/class/fpga_manager/fpga0/"
_CHUNK = 1 << 20
_STATE = Path(pynq.pl_server.__path__[0])
# What PYNQ's clients remember of the board: one for all processes and boards of their machine.
_CLIENT_FILES = (_STATE / "global_pl_state_.json", _STATE / "_current_metadata.pkl")


class _Registers(mmio_pb2_grpc.MmioServicer):  # type: ignore[misc]
    """Words of the board's address space."""

    def __init__(self, device: SimulatedDevice) -> None:
        self._device = device
        self._bases: list[int] = []

    def get_mmio(self, request: Any, context: Any) -> Any:
        self._bases.append(request.base_addr)
        return mmio_pb2.GetMmioResponse(mmio_id=str(len(self._bases) - 1))

    def read(self, request: Any, context: Any) -> Any:
        address = self._bases[int(request.mmio_id)] + request.offset
        (word,) = struct.unpack("<I", self._device.read_registers(address, 4))
        return mmio_pb2.ReadResponse(data=word)

    def write(self, request: Any, context: Any) -> Any:
        address = self._bases[int(request.mmio_id)] + request.offset
        self._device.write_registers(address, request.data[:4])
        return mmio_pb2.WriteResponse()


class _Buffers(buffer_pb2_grpc.RemoteBufferServicer):  # type: ignore[misc]
    """Contiguous memory of the board, until the server ends or a client gives it back."""

    def __init__(self, device: SimulatedDevice) -> None:
        self._device = device
        self._count = 0
        self.held: dict[str, Any] = {}

    def allocate(self, request: Any, context: Any) -> Any:
        try:
            buffer = self._device.allocate((request.size,), np.uint8)
        except MemoryError:
            return buffer_pb2.AllocateResponse()
        self._count += 1
        self.held[str(self._count)] = buffer
        return buffer_pb2.AllocateResponse(buffer_id=str(self._count))

    def write(self, requests: Any, context: Any) -> Any:
        start = 0
        for request in requests:
            stop = start + len(request.data)
            self._find(request, context)[start:stop] = np.frombuffer(request.data, np.uint8)
            start = stop
        return buffer_pb2.BufferWriteResponse()

    def read(self, request: Any, context: Any) -> Iterator[Any]:
        content = self._find(request, context).tobytes()
        for start in range(0, len(content), _CHUNK):
            yield buffer_pb2.BufferReadResponse(data=content[start : start + _CHUNK])

    def freebuffer(self, request: Any, context: Any) -> Any:
        self._find(request, context).freebuffer()
        del self.held[request.buffer_id]
        return buffer_pb2.FreeBufferResponse()

    def flush(self, request: Any, context: Any) -> Any:
        self._find(request, context).flush()
        return buffer_pb2.FlushResponse()

    def invalidate(self, request: Any, context: Any) -> Any:
        self._find(request, context).invalidate()
        return buffer_pb2.InvalidateResponse()

    def physical_address(self, request: Any, context: Any) -> Any:
        address = self._find(request, context).device_address
        return buffer_pb2.AddressResponse(address=address)

    def _find(self, request: Any, context: Any) -> Any:
        if request.buffer_id not in self.held:
            context.abort(grpc.StatusCode.NOT_FOUND, "Buffer not found.")
        return self.held[request.buffer_id]


class _Files(remote_device_pb2_grpc.RemoteDeviceServicer):  # type: ignore[misc]
    """The board's files; writing a name to the FPGA manager loads that bitstream."""

    def __init__(self, device: SimulatedDevice) -> None:
        self._device = device
        self.content = {
            "/proc/version": b"Linux version 6.1 (aarch64)",
            "/proc/device-tree/chosen/pynq_board": b"ZCU104\0",
            f"{_MANAGER}state": b"operating\n",
            f"{_MANAGER}flags": b"0\n",
        }
        self.loads: list[bytes] = []

    def existsfile(self, request: Any, context: Any) -> Any:
        return remote_device_pb2.ExistsFileResponse(exists=request.file_path in self.content)

    def readfile(self, request: Any, context: Any) -> Iterator[Any]:
        yield remote_device_pb2.ReadFileResponse(data=self.content[request.file_path])

    def writefile(self, requests: Any, context: Any) -> Any:
        content = b""
        for request in requests:
            content += request.data
            path = request.file_path
        self.content[path] = content
        if path == f"{_MANAGER}firmware":
            self.loads.append(self.content[FIRMWARE + content.decode()])
            self._device.library.reset()
        return remote_device_pb2.WriteFileResponse()

    def set_bitstream_attrs(self, request: Any, context: Any) -> Any:
        return remote_device_pb2.SetBitstreamAttrsResponse(status=True)


@dataclass(frozen=True)
class RemoteBoard:
    """A simulated board that serves PYNQ.remote.

    Attributes:
        address: for `PYNQ_REMOTE_DEVICES`.
        bitstream: path of a .bit file for it, with its .hwh.
        device: the board behind the server; `device.library` is the engine.
        buffers: what clients hold, by the server's names. loads: the bitstreams that were loaded.
    """

    address: str
    bitstream: Path
    device: SimulatedDevice
    buffers: dict[str, Any] = field(repr=False)
    loads: list[bytes] = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """Of a process that is to use this board."""
        return {
            **os.environ,
            "PYNQ_REMOTE_DEVICES": self.address,
            "M3VIT_BITSTREAM": str(self.bitstream),
        }


@contextmanager
def remote_board(
    design: str | DesignConfig = "zcu104",
    pool: int = POOL_BYTES,
    memory: Memory | None = None,
    address: str | None = None,
) -> Iterator[RemoteBoard]:
    """Serve a simulated board; one at a time on a machine, the next waits.

    Args:
        design: of the engine.
        pool: bytes of contiguous memory.
        memory: how the DDR memory behaves.
        address: to listen at; by default a loopback address of this process's own.
    """
    chosen = design if isinstance(design, DesignConfig) else DesignConfig.load(design)
    options = Options(memory=memory or Memory(size=pool))
    own = address or "127.{}.{}.{}".format(*(os.getpid() | 1 << 16).to_bytes(3, "big"))
    # One worker: the simulated engine is used by one thread at a time.
    server = grpc.server(ThreadPoolExecutor(max_workers=1))
    with (
        _alone(),
        EngineLibrary(Engine.compile(chosen), options) as library,
        tempfile.TemporaryDirectory(prefix="m3vit-") as directory,
    ):
        device = SimulatedDevice(library, min(pool, options.memory.size))
        registers, buffers, files = _Registers(device), _Buffers(device), _Files(device)
        mmio_pb2_grpc.add_MmioServicer_to_server(registers, server)
        buffer_pb2_grpc.add_RemoteBufferServicer_to_server(buffers, server)
        remote_device_pb2_grpc.add_RemoteDeviceServicer_to_server(files, server)
        server.add_insecure_port(f"{own}:{PORT}")
        bitstream = Path(directory) / f"{OVERLAY}.bit"
        bitstream.write_bytes(empty_bitstream(chosen))
        bitstream.with_suffix(".hwh").write_text(hardware_handoff(chosen))
        before = [path for path in _CLIENT_FILES if path.exists()]
        server.start()
        try:
            yield RemoteBoard(own, bitstream, device, buffers.held, files.loads)
        finally:
            server.stop(None).wait()
            buffers.held.clear()
            for path in _CLIENT_FILES:
                if path not in before:
                    path.unlink(missing_ok=True)


@contextmanager
def _alone() -> Iterator[None]:
    """Clients of two boards would take each other's files away."""
    folder = os.open(_STATE, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def empty_bitstream(design: DesignConfig) -> bytes:
    """A .bit file as Vivado writes it, around a word that configures nothing: the design's id."""
    content = design.design_id.to_bytes(4, "big")
    texts = (f"{OVERLAY};Version=none", design.part, "2000/01/01", "00:00:00")
    header = struct.pack(">h9sh", 9, bytes(9), 1)
    for letter, text in zip("abcd", texts, strict=True):
        header += struct.pack(f">ch{len(text) + 1}s", letter.encode(), len(text) + 1, text.encode())
    return header + struct.pack(">ci", b"e", len(content)) + content
