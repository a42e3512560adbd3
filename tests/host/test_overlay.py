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
from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import LINE_BYTES
from m3vit.hls.registers import DONE, IDLE, REGISTERS
from m3vit.host import overlay
from m3vit.host.accelerator import Accelerator
from m3vit.host.driver import EngineError
from m3vit.host.overlay import ArenaPort, BoardEngine, EngineOverlay, find_bitstream
from m3vit.host.stream import Throughput
from m3vit.model.reference import Reference
from m3vit.model.synthetic import random_image, random_model
from m3vit.sim.engine.library import Memory
from m3vit.sim.pynq_device import simulated_board

MEMORY = Memory(size=1 << 22)
CTRL = REGISTERS["CTRL"].offset


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


def test_two_models_take_turns(board, model):
    other = random_model(seed=9)
    first, second = BoardEngine(model), BoardEngine(other, download=False)
    for seed in range(2):
        check(first, model, seed)
        check(second, other, seed, "semseg")


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


def test_an_arena_that_does_not_fit(model):
    with simulated_board("nano", pool=1 << 16, memory=MEMORY) as device:
        with pytest.raises(UserError, match=r"takes \d+ bytes \(0\.\d MiB\).*cma=512M"):
            BoardEngine(model)
        assert pynq.Device.active_device is device
    assert overlay._enough(600 << 20) == 2048


def test_wrong_bitstreams(board, model, tmp_path, monkeypatch):
    bitstream = tmp_path / "other.bit"
    with pytest.raises(UserError, match=r"no .*other\.bit: give its path"):
        BoardEngine(model, bitstream)
    bitstream.touch()
    with pytest.raises(UserError, match=r"no .*other\.hwh: copy it"):
        BoardEngine(model, bitstream)
    handoff = find_bitstream().with_suffix(".hwh").read_text()
    handoff = handoff.replace("m3vit:engine:m3vit_engine:1.0", "acme:hls:filter:1.0")
    bitstream.with_suffix(".hwh").write_text(handoff)
    with pytest.raises(UserError, match=r"has no block m3vit:engine:m3vit_engine:1\.0"):
        EngineOverlay(bitstream)
    with pytest.raises(UserError, match="the engine is of the design"):
        BoardEngine(model, design=DesignConfig.load("zcu104"))
    monkeypatch.setattr(overlay, "design_names", lambda: ["zcu104"])
    with pytest.raises(UserError, match="none of zcu104"):
        BoardEngine(model)


def test_a_memory_error_ends_the_program_and_the_next_one_runs(board, model):
    engine = BoardEngine(model)
    image = (engine.port.arena_address - MEMORY.base + engine.plan.image.start) // LINE_BYTES
    board.library.configure(Memory(size=MEMORY.size, failing_read=image))
    with pytest.raises(EngineError, match="memory"):
        engine.run(random_image(), "depth")
    board.library.configure(MEMORY)
    check(engine, model)


def test_a_program_of_a_process_that_was_killed(board, model):
    engine = BoardEngine(model)
    engine.start(engine.plan.programs["depth"])
    assert not board.library.read_register(CTRL) & (DONE | IDLE)
    check(BoardEngine(model, download=False), model)
    engine.start(engine.plan.programs["depth"])
    check(BoardEngine(model), model)


def test_an_engine_that_never_ends(board, model, monkeypatch):
    engine = BoardEngine(model, timeout=0.05)
    read = engine.block.read
    monkeypatch.setattr(
        engine.block, "read", lambda offset: 0 if offset == CTRL else read(offset), raising=False
    )
    with pytest.raises(EngineError, match=r"within 0\.05 s"):
        engine.run(random_image(), "depth")
    with pytest.raises(UserError, match="download the bitstream again"):
        overlay._await_idle(engine.block, 0.01)


def test_two_processes_at_once():
    device = SimpleNamespace(tag="test-of-two-processes")
    program = (
        "from types import SimpleNamespace; from m3vit.host.overlay import claim; import sys;"
        f"claim(SimpleNamespace(tag={device.tag!r})); print('mine', flush=True); sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", program], **pipes) as other:
        assert other.stdout.readline() == "mine\n"
        with pytest.raises(UserError, match=f"process {other.pid} uses the engine: end it first"):
            overlay.claim(device)
        other.kill()
    overlay.claim(device)
    overlay.claim(device)


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
    with pytest.raises(UserError, match="sudo -E"):
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
