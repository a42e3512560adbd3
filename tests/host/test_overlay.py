"""The driver for boards, with the real PYNQ on a simulated one."""

import asyncio
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pynq
import pytest
from pynq.pl_server.remote_device import RemoteBuffer

from m3vit.errors import UserError
from m3vit.hls.isa import LINE_BYTES
from m3vit.host import overlay
from m3vit.host.accelerator import Accelerator
from m3vit.host.overlay import ArenaPort, BoardEngine, find_bitstream
from m3vit.host.stream import Throughput
from m3vit.model.reference import Reference
from m3vit.model.synthetic import random_image, random_model
from m3vit.sim.engine.library import Memory
from m3vit.sim.pynq_device import simulated_board

MEMORY = Memory(size=1 << 22)


@pytest.fixture(scope="module")
def board():
    with simulated_board("nano", pool=MEMORY.size) as device:
        yield device


@pytest.fixture(scope="module")
def model():
    return random_model()


def check(engine, model, seed=0, task="depth"):
    pixels = random_image(seed=seed)
    expected, found = Reference(model).run(pixels, task), engine.run(pixels, task)
    np.testing.assert_array_equal(found.output, expected.output)
    for ours, theirs in zip(found.routing, expected.routing, strict=True):
        np.testing.assert_array_equal(ours.experts, theirs.experts)
        np.testing.assert_array_equal(ours.scores, theirs.scores)


def test_the_backend_board_gives_the_same_integers(board, model):
    accelerator, reference = Accelerator(model, "board"), Accelerator(model)
    for seed, task in enumerate(["semseg", "depth", "depth"]):
        expected = reference.run(random_image(seed=seed), task)
        found = accelerator.run(random_image(seed=seed), task=task)
        assert found.digest == expected.digest
        assert found.backend == "board" and found.cycles > 10_000


def test_completion_by_interrupt(board, model, monkeypatch):
    engine = BoardEngine(model)
    awaited, told = [], board.interrupts.add_event
    monkeypatch.setattr(
        board.interrupts, "add_event", lambda *event: (awaited.append(event), told(*event))
    )
    for seed in range(3):
        check(engine, model, seed)
    assert len(awaited) >= 3


def test_completion_without_an_interrupt(model):
    with simulated_board("nano", pool=MEMORY.size, interrupt=False):
        engine = BoardEngine(model)
        assert engine.block.interrupt is None
        check(engine, model)


def test_inside_a_running_event_loop_ctrl_is_looked_at(board, model):
    async def cell():
        check(BoardEngine(model), model)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(cell())
    loop.close()


def test_an_interrupt_that_never_comes(board, model, monkeypatch):
    engine = BoardEngine(model)
    monkeypatch.setattr(overlay, "PATIENCE", 0.05)
    monkeypatch.setattr(board.interrupts, "add_event", lambda *_: None)
    check(engine, model)


def test_a_stream_of_tasks(board, model):
    accelerator, reference = Accelerator(model, "board"), Accelerator(model)
    frames = [(random_image(seed=seed), task) for seed, task in enumerate(["depth", "semseg"] * 2)]
    throughput = Throughput()
    results = list(accelerator.stream(frames, throughput))
    expected = list(reference.stream(frames))
    assert [result.digest for result in results] == [result.digest for result in expected]
    assert [result.task for result in results] == ["depth", "semseg", "depth", "semseg"]
    assert throughput.cycles == sum(result.cycles for result in results)
    assert min(throughput.milliseconds().values()) > 0


def test_two_models_share_what_is_loaded(board, model):
    other = random_model(seed=9)
    first, second = BoardEngine(model), BoardEngine(other)
    assert second.overlay is first.overlay
    for seed in range(2):
        check(first, model, seed)
        check(second, other, seed, "semseg")


def test_a_model_waits_for_the_frame_of_another(board, model):
    other = random_model(seed=9)
    first, second = BoardEngine(model), BoardEngine(other)
    frames = [(random_image(seed=seed), "depth") for seed in range(3)]
    results = first.stream(frames)
    found = [next(results)]
    check(second, other, 5, "semseg")
    found += results
    for run, (pixels, task) in zip(found, frames, strict=True):
        np.testing.assert_array_equal(run.output, Reference(model).run(pixels, task).output)


def test_a_bitstream_that_is_loaded_again_under_a_driver(board, model):
    first = BoardEngine(model)
    second = BoardEngine(model, download=True)
    assert second.overlay is not first.overlay
    check(second, model)
    check(first, model, 1)


def test_a_bitstream_that_was_replaced_is_loaded(board, model):
    first = BoardEngine(model)
    bitstream = find_bitstream()
    before = bitstream.read_bytes()
    bitstream.write_bytes(b"newer")
    second = BoardEngine(model)
    assert second.overlay is not first.overlay
    check(second, model)
    bitstream.write_bytes(before)


def test_memory_that_is_dirty_from_before_is_not_written_over_results(board, model):
    class Dirty:
        """Leaves lines in the cache that nobody has flushed."""

        has_capability = board.has_capability

        def allocate(self, shape, dtype):
            buffer = board.allocate(shape, dtype)
            buffer[:] = 0
            return buffer

    port = ArenaPort(SimpleNamespace(device=Dirty()), 4 * LINE_BYTES)
    place = port.arena_address - MEMORY.base
    board.library.memory[place + LINE_BYTES] = 7  # a result
    port.write(0, b"image")
    assert port.read(LINE_BYTES, 1) == b"\x07"
    assert port.read(0, 5) == b"image"


def test_pynq_is_imported_by_nothing_else():
    program = (
        "import sys; sys.modules['pynq'] = None;"
        "import m3vit.host.accelerator, m3vit.host.driver, m3vit.host.stream, m3vit.hls.hwh;"
        "from m3vit import Accelerator, UserError; from m3vit.model.synthetic import random_model\n"
        "try: Accelerator(random_model(), 'board')\n"
        "except UserError as error: print(error)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert found.stdout.startswith("the backend 'board' needs PYNQ")
    assert "pip install 'm3vit[board]'" in found.stdout


def test_the_driver_needs_nothing_but_numpy_and_pynq(board, tmp_path):
    """What the board does not have is blocked; PYNQ itself brings what it wants."""
    program = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[1].split(), None))
from m3vit import Accelerator
from m3vit.host.stream import Throughput
from m3vit.model.synthetic import random_image, random_model
import m3vit.host.driver, m3vit.host.program, m3vit.host.decoder, m3vit.host.bitstreams
loaded = {name.partition(".")[0] for name, module in sys.modules.items() if module}
loaded -= {"m3vit", "numpy", "tomli", "cython_runtime", *sys.stdlib_module_names}
print(sorted(name for name in loaded if not name.startswith(("_", "sitecustomize"))))
from m3vit.sim.pynq_device import simulated_board
with simulated_board("nano", pool=1 << 22):
    frames = [(random_image(), "depth"), (random_image(), "semseg")]
    print(*(run.digest for run in Accelerator(random_model(), "board").stream(frames)))
"""
    blocked = "torch transformers brevitas matplotlib sklearn scipy rich typer PIL zeus optuna"
    command = [sys.executable, "-W", "ignore", "-c", program, blocked]
    found = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    foreign, digests = found.stdout.splitlines()
    assert foreign == "[]"
    reference = Accelerator(random_model())
    expected = [reference.run(random_image(), task).digest for task in ("depth", "semseg")]
    assert digests.split() == expected


def test_no_board_and_no_root(board, model, monkeypatch):
    class Nothing:
        @property
        def active_device(self):
            raise RuntimeError("No Devices Found")

    with monkeypatch.context() as patch:
        patch.setattr(pynq, "Device", Nothing())
        with pytest.raises(
            UserError, match=r"no board \(No Devices Found\): run this on the board"
        ):
            BoardEngine(model)
    monkeypatch.setitem(board.capabilities, "MEMORY_MAPPED", True)
    monkeypatch.setattr(overlay.os, "geteuid", lambda: 1000)
    with pytest.raises(UserError, match="sudo -i"):
        BoardEngine(model)


class RemoteMemory:
    """The far end of PYNQ.remote's buffers; it can only move all of one, from its start."""

    def __init__(self, size):
        self.far = np.full(size, 0xA5, np.uint8)

    def write(self, requests):
        content = b"".join(request.data for request in requests)
        self.far[: len(content)] = np.frombuffer(content, np.uint8)
        return SimpleNamespace(msg="")

    def read(self, request):
        yield SimpleNamespace(data=self.far.tobytes())

    def flush(self, request):
        return SimpleNamespace(msg="")

    invalidate = freebuffer = flush

    def physical_address(self, request):
        return SimpleNamespace(msg="", address=0x1000_0000)


def test_a_remote_buffer_is_moved_as_a_whole():
    """PYNQ's own class, whose slices would be written to the start of the buffer."""
    memory = RemoteMemory(64 * LINE_BYTES)
    device = SimpleNamespace(
        has_capability=lambda name: name == "REMOTE",
        allocate=lambda shape, dtype: RemoteBuffer(shape, dtype, memory, "1"),
    )
    port = ArenaPort(SimpleNamespace(device=device), memory.far.size)
    assert port.remote and port.arena_address == 0x1000_0000
    port.write(0, b"parameters")
    port.write(10 * LINE_BYTES, b"image")
    assert memory.far[:10].tobytes() == b"parameters"
    assert memory.far[10 * LINE_BYTES : 10 * LINE_BYTES + 5].tobytes() == b"image"
    memory.far[20 * LINE_BYTES] = 7
    assert port.read(20 * LINE_BYTES, 1) == b"\x07"
    assert port.read(0, 10) == b"parameters"
