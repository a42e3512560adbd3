"""Six faults of a board: what the user is told, and that the next run gives the right integers.

The driver and PYNQ are the real ones. The board is simulated; where processes are killed or meet,
it is at the other end of PYNQ.remote and outlives them.
"""

import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pynq
import pytest

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import LINE_BYTES, READ_ERROR, STALLED, TOO_MANY_CYCLES, WRITE_ERROR
from m3vit.hls.registers import DONE, IDLE, REGISTERS
from m3vit.host import claim, overlay
from m3vit.host.accelerator import digest
from m3vit.host.arena import pool_remedy
from m3vit.host.driver import EngineError
from m3vit.host.overlay import BoardEngine, EngineOverlay, find_bitstream
from m3vit.model.reference import Reference
from m3vit.model.synthetic import random_image, random_model
from m3vit.sim.engine.library import Memory
from m3vit.sim.pynq_device import simulated_board
from m3vit.sim.pynq_remote import remote_board

SIZE = 1 << 22
MEMORY, SILENT = Memory(size=SIZE), Memory(size=SIZE, bandwidth=0)
CTRL = REGISTERS["CTRL"].offset
STALL_LIMIT, CYCLE_LIMIT = (REGISTERS[name].offset for name in ("STALL_LIMIT", "CYCLE_LIMIT"))


@pytest.fixture(scope="module")
def model():
    return random_model()


@pytest.fixture
def board():
    with simulated_board("nano", memory=MEMORY) as device:
        yield device


@pytest.fixture
def remote():
    with remote_board("nano", memory=MEMORY) as served:
        yield served


def check(engine, seed=0, task="depth"):
    pixels = random_image(seed=seed)
    expected, found = Reference(engine.plan.model).run(pixels, task), engine.run(pixels, task)
    np.testing.assert_array_equal(found.output, expected.output)


# 1. The engine never finishes ---------------------------------------------------------------------


def test_an_engine_that_finishes_too_late(board, model):
    """Its result is not taken for that of the run behind."""
    engine = BoardEngine(model, timeout=0.2)
    board.library.configure(SILENT)
    with pytest.raises(EngineError, match=r"did not end its program within 0\.2 s: give a longer"):
        engine.run(random_image(seed=1), "semseg")
    board.library.configure(MEMORY)
    engine.timeout = 60
    check(engine)


def test_an_engine_that_never_finishes(board, model):
    engine = BoardEngine(model, timeout=0.2)
    board.library.configure(SILENT)
    with pytest.raises(EngineError, match=r"did not end its program within 0\.2 s"):
        engine.run(random_image(), "semseg")
    with pytest.raises(EngineError, match=r"busy with an earlier .* load its bitstream again"):
        engine.run(random_image(), "semseg")
    with pytest.raises(
        UserError, match=r"does not end: load the bitstream again \(download=True\)"
    ):
        BoardEngine(model, download=False, timeout=0.2)
    again = BoardEngine(model, timeout=0.2)
    assert again.overlay is not engine.overlay, "what is stuck is loaded again"
    board.library.configure(MEMORY)
    check(again)


def test_the_engine_gives_up_a_program_that_is_stuck(board, model):
    engine = BoardEngine(model)
    engine.block.write(STALL_LIMIT, 3000)
    board.library.configure(Memory(size=SIZE, read_latency=9000))
    with pytest.raises(
        EngineError, match=f"stopped with code {STALLED} at instruction 0"
    ) as caught:
        engine.run(random_image(), "semseg")
    assert caught.value.code == STALLED
    board.library.configure(MEMORY)
    check(engine)


def test_the_engine_gives_up_a_program_that_is_too_long(board, model):
    engine = BoardEngine(model)
    engine.block.write(CYCLE_LIMIT, 5000)
    with pytest.raises(EngineError, match=f"stopped with code {TOO_MANY_CYCLES} at instruction"):
        engine.run(random_image(), "semseg")
    check(BoardEngine(model), task="depth")
    assert engine.block.read(CYCLE_LIMIT) == (1 << 32) - 1, "the limits are the driver's own again"


@pytest.fixture
def keyboard():
    """Python's own answer to Ctrl-C, which jobs in the background do not have."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("keyboard")
def test_a_run_that_is_interrupted_from_the_keyboard(board, model, monkeypatch):
    engine = BoardEngine(model)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "await_done", lambda *_: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            engine.run(random_image(seed=1), "semseg")
    assert not board.library.read_register(CTRL) & IDLE
    check(engine)


# 2. The memory answers with an error --------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code", "sentence"),
    [
        ("failing_read", READ_ERROR, "a read"),
        ("failing_write", WRITE_ERROR, "a write"),
    ],
)
def test_an_error_response_of_memory(board, model, fault, code, sentence):
    engine = BoardEngine(model)
    plan = engine.plan
    place = plan.image if fault == "failing_read" else plan.outputs["depth"]
    line = (engine.port.arena_address - MEMORY.base + place.start) // LINE_BYTES
    board.library.configure(Memory(size=SIZE, **{fault: line}))
    with pytest.raises(
        EngineError, match=rf"stopped with code {code} at instruction \d+"
    ) as caught:
        engine.run(random_image(), "depth")
    assert sentence in str(caught.value) and "memory" in str(caught.value)
    board.library.configure(MEMORY)
    check(engine)


def test_an_error_response_in_the_middle_of_a_stream(board, model):
    """Of the second of its two images."""
    engine = BoardEngine(model)
    frames = [(random_image(seed=seed), "depth") for seed in range(4)]
    place = engine.port.arena_address - MEMORY.base + engine.plan.slots[1].image.start
    board.library.configure(Memory(size=SIZE, failing_read=place // LINE_BYTES))
    results = engine.stream(frames)
    first = next(results)
    np.testing.assert_array_equal(first.output, Reference(model).run(*frames[0]).output)
    with pytest.raises(EngineError, match=f"stopped with code {READ_ERROR}"):
        next(results)
    board.library.configure(MEMORY)
    check(engine)
    assert len(list(engine.stream(frames))) == 4


# 3. The wrong bitstream ---------------------------------------------------------------------------


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
    with monkeypatch.context() as patch:
        patch.setattr(overlay, "design_names", lambda: ["zcu104"])
        with pytest.raises(UserError, match="none of zcu104"):
            BoardEngine(model)
    check(BoardEngine(model))


def test_an_overlay_that_is_loaded_over_the_engine(board, model, tmp_path):
    engine = BoardEngine(model)
    other = tmp_path / "other.bit"
    other.touch()
    handoff = find_bitstream().with_suffix(".hwh").read_text()
    other.with_suffix(".hwh").write_text(handoff)
    pynq.Overlay(str(other))
    with pytest.raises(UserError, match=r"other\.bit has been loaded since over the engine: make"):
        engine.run(random_image(), "depth")
    check(BoardEngine(model))
    check(engine, seed=1)


# 4. The arena does not fit ------------------------------------------------------------------------


def test_memory_that_is_taken_by_others(board, model):
    others = pynq.allocate(board.pool - (1 << 15), "u1")
    with pytest.raises(UserError, match=r"takes \d+ bytes \(0\.\d MiB\).*free other.*cma=512M"):
        BoardEngine(model)
    others.freebuffer()
    check(BoardEngine(model))


def test_the_pool_that_is_asked_for():
    for mebibytes, pool in ((1, 512), (255, 512), (256, 1024), (600, 2048)):
        assert f"cma={pool}M" in pool_remedy(mebibytes << 20)


# 5. The process is killed in the middle of a run --------------------------------------------------

RUN = """
import sys
from m3vit.errors import UserError
from m3vit.host.accelerator import digest
from m3vit.host.overlay import BoardEngine
from m3vit.model.synthetic import random_image, random_model

try:
    engine = BoardEngine(random_model(), download=eval(sys.argv[1]))
except UserError as error:
    sys.exit(str(error))
"""
COMPUTE = 'print(digest(engine.run(random_image(seed=3), "depth").output))'
START = """
engine._send(random_image(seed=4))
engine.start(engine.plan.programs["semseg"])
print("running", flush=True)
sys.stdin.read()
"""


def process(served, text, download="None"):
    command = [sys.executable, "-W", "ignore", "-c", RUN + text, download]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(command, env=served.environment, text=True, **pipes)


def finish(running):
    """What a process prints, and its last words."""
    said, error = running.communicate(timeout=120)
    return said.strip(), error.strip()


def expected(model):
    return digest(Reference(model).run(random_image(seed=3), "depth").output)


@pytest.mark.parametrize("download", ["None", "False"])
def test_a_process_that_is_killed_while_the_engine_runs(remote, model, download):
    with process(remote, START) as first:
        assert first.stdout.readline() == "running\n"
        first.kill()
    engine = remote.device.library
    assert first.returncode < 0
    assert not engine.read_register(CTRL) & (DONE | IDLE), "its program runs on"
    assert len(remote.buffers) == 1, "the server keeps its arena"
    assert finish(process(remote, COMPUTE, download)) == (expected(model), "")
    assert len(remote.loads) == (2 if download == "None" else 1)


def test_a_process_whose_memory_was_given_back_while_the_engine_runs(board, model):
    """As on the board itself, where the kernel does so when a process ends, however it ends."""
    engine = BoardEngine(model)
    before = engine.port.arena_address
    engine.start(engine.plan.programs["semseg"])
    del engine
    assert not board.library.read_register(CTRL) & (DONE | IDLE)
    again = BoardEngine(model, download=False)
    assert again.port.arena_address == before, "the old program could have written there"
    check(again)


# 6. Two processes at once -------------------------------------------------------------------------


def test_two_processes_at_once(remote, model):
    with process(remote, START) as first:
        assert first.stdout.readline() == "running\n"
        told = f"process {first.pid} uses the engine: end it first, for example by shutting down"
        said, error = finish(process(remote, COMPUTE))
        assert said == "" and error.startswith(told)
        assert len(remote.loads) == 1, "the second has touched nothing"
        first.stdin.close()
    assert finish(process(remote, COMPUTE)) == (expected(model), "")


def test_two_boards_are_two_boards():
    """PYNQ gives both of two remote ones the same tag."""
    for address in ("127.9.9.1", "127.9.9.2"):
        overlay.claim_device(
            SimpleNamespace(tag="remote0", ip_addr=address, has_capability="REMOTE".__eq__)
        )
        assert address in claim._claims
