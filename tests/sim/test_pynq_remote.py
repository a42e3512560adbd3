"""PYNQ.remote against a simulated board: PYNQ's own client, in another process."""

import fcntl
import json
import os
import subprocess
import sys

import pynq
import pytest

from m3vit.hls.design import DesignConfig
from m3vit.host.accelerator import Accelerator
from m3vit.model.synthetic import random_image, random_model
from m3vit.sim.engine.library import Memory
from m3vit.sim.pynq_remote import empty_bitstream, remote_board

SIZE = 1 << 22
PRELUDE = """
import json, sys
import pynq
from pynq.pl_server.remote_device import RemoteDevice
from m3vit import Accelerator, UserError
from m3vit.host.stream import Throughput
from m3vit.model.synthetic import random_image, random_model
"""


@pytest.fixture(scope="module")
def board():
    with remote_board("nano", memory=Memory(size=SIZE)) as served:
        yield served


def client(served, text):
    """What a process prints as JSON."""
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRELUDE + text],
        env=served.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def test_runs_and_streams_give_the_same_integers(board):
    found = client(
        board,
        """
accelerator = Accelerator(random_model(), backend="board")
engine, device = accelerator._engine, pynq.Device.active_device
frames = [(random_image(seed=seed), task) for seed, task in enumerate(["depth", "semseg"] * 2)]
throughput = Throughput()
single = accelerator.run(*frames[0]).digest
streamed = [result.digest for result in accelerator.stream(frames, throughput)]
print(json.dumps({
    "single": single, "streamed": streamed, "device": type(device) is RemoteDevice,
    "name": device.name, "irq": type(engine.block.irq).__name__, "overlapped": engine.overlapped,
    "interrupt": engine.block.interrupt, "clock": round(engine.clock_mhz), "parts":
    sorted(throughput.milliseconds()), "id": int(engine.block.register_map.DESIGN_ID),
}))
""",
    )
    frames = [(random_image(seed=seed), task) for seed, task in enumerate(["depth", "semseg"] * 2)]
    expected = [result.digest for result in Accelerator(random_model()).stream(frames)]
    assert found["streamed"] == expected and found["single"] == expected[0]
    assert found["device"] and found["name"] == "ZCU104" and found["clock"] == 300
    assert found["irq"] == "RemoteInterrupt" and found["interrupt"] is None
    assert not found["overlapped"]
    assert found["parts"] == ["copy", "pack", "run", "total", "unpack"]
    assert found["id"] == DesignConfig.load("nano").design_id
    assert not board.buffers, "a client that ends gives its memory back"


def test_a_slice_of_a_remote_buffer_is_written_to_its_start(board):
    """Why the driver moves the whole arena."""
    found = client(
        board,
        """
buffer = pynq.allocate((16,), "u1")
buffer[:] = 1
buffer.flush()
buffer[8:12] = 7
buffer[8:12].flush()
buffer.invalidate()
print(json.dumps(buffer.tolist()))
""",
    )
    assert found == [7] * 4 + [1] * 12


def test_a_pool_that_is_exhausted(board):
    found = client(
        board,
        f"""
other = pynq.allocate(({SIZE - (1 << 15)},), "u1")
try:
    Accelerator(random_model(), backend="board")
except UserError as error:
    said = str(error)
other.freebuffer()
digest = Accelerator(random_model(), backend="board").run(random_image(), "depth").digest
print(json.dumps([said, digest]))
""",
    )
    assert "keeps buffers of clients that were killed" in found[0] and "cma=512M" in found[0]
    assert found[1] == Accelerator(random_model()).run(random_image(), "depth").digest


def test_a_bitstream_that_was_built_again_is_sent_under_the_same_name(board):
    """PYNQ sends no file whose name the board has already."""
    twice = """
Accelerator(random_model(), backend="board")
print(json.dumps(None))
"""
    before = len(board.loads)
    client(board, twice)
    newer = empty_bitstream(DesignConfig.load("zcu104"))
    older = board.bitstream.read_bytes()
    board.bitstream.write_bytes(newer)
    client(board, twice)
    board.bitstream.write_bytes(older)
    client(board, twice)
    first, second, third = board.loads[before:]
    assert first == third != second


def test_no_board_at_the_address(board):
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRELUDE + "Accelerator(random_model(), 'board')"],
        env={**board.environment, "PYNQ_REMOTE_DEVICES": "127.8.8.8"},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 1
    assert "UserError: PYNQ finds no board (Failed to connect to remote device)" in found.stderr


def test_one_board_at_a_time(board):
    """Clients of both would share what PYNQ remembers."""
    folder = os.open(pynq.pl_server.__path__[0], os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(folder)
