from itertools import pairwise

import numpy as np
import pytest
from interpreted import CYCLES, InterpretedEngine

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.hls.registers import DONE, IDLE, REGISTERS, START
from m3vit.host.driver import EngineDriver
from m3vit.host.program import build_plan
from m3vit.host.stream import Throughput
from m3vit.model.reference import Reference
from m3vit.model.synthetic import random_image, random_model


class BusyEngine(InterpretedEngine):
    """Computes when CTRL is read, as late as possible, and records what the driver does."""

    def __init__(self, plan):
        super().__init__(plan.design, plan.arena_bytes)
        self.events, self.running = [], False

    def read_register(self, offset):
        if offset == REGISTERS["CTRL"].offset and self.running:
            self.running = False
            self.start()
            self.events.append("done")
        return super().read_register(offset)

    def write_register(self, offset, value):
        assert not self.running, "registers do not change while a program runs"
        if offset == REGISTERS["CTRL"].offset and value & START:
            self.running = True
            self.events.append("start")
            self.words[offset] = 0
        else:
            super().write_register(offset, value)

    def read(self, offset, count):
        self.events.append("read")
        return super().read(offset, count)

    def write(self, offset, content):
        self.events.append("write")
        super().write(offset, content)


FRAMES = [(random_image(seed=seed), task) for seed, task in enumerate(["depth", "semseg"] * 2)]


@pytest.fixture(scope="module")
def plan():
    return build_plan(random_model(), DesignConfig.load("nano"))


@pytest.fixture
def engine(plan):
    return BusyEngine(plan)


def expected(plan):
    reference = Reference(plan.model)
    return [reference.run(pixels, task).output for pixels, task in FRAMES]


def test_a_stream_gives_what_single_runs_give(plan, engine):
    driver = EngineDriver(engine, plan)
    engine.events.clear()
    runs = list(driver.stream(FRAMES))
    for run, output in zip(runs, expected(plan), strict=True):
        np.testing.assert_array_equal(run.output, output)
        assert run.cycles == CYCLES
    assert [run.task for run in runs] == [task for _, task in FRAMES]
    between = ["write", "done", "start", "read"]
    assert engine.events == ["write", "start", *between * 3, "done", "read"]


def test_memory_that_is_not_touched_while_the_engine_runs(plan, engine):
    driver = EngineDriver(engine, plan)
    driver.overlapped = False
    engine.events.clear()
    for run, output in zip(driver.stream(FRAMES), expected(plan), strict=True):
        np.testing.assert_array_equal(run.output, output)
    assert engine.events == ["write", "start", "done", "read"] * 4


def test_slots_share_nothing_but_parameters(plan):
    first, second = plan.slots
    places = sorted(
        (region.start, region.stop)
        for slot in (first, second)
        for region in (slot.image, *slot.outputs.values())
    )
    assert len(places) == 6
    assert all(end <= start for (_, end), (start, _) in pairwise(places))
    lines = [program.line for slot in (first, second) for program in slot.programs.values()]
    assert len(set(lines)) == 4


def test_where_the_time_goes(plan, engine):
    throughput = Throughput()
    assert throughput.milliseconds() == {} and throughput.frames_per_second == 0
    list(EngineDriver(engine, plan).stream(FRAMES, throughput))
    assert throughput.frames == 4 and throughput.cycles == 4 * CYCLES
    times = throughput.milliseconds()
    assert list(times) == ["pack", "copy", "run", "unpack", "total"]
    assert all(time > 0 for time in times.values())
    assert sum(times.values()) <= 2 * times["total"]
    assert throughput.frames_per_second == pytest.approx(1000 / times["total"])


def test_a_report_of_it():
    assert str(Throughput()) == "no frames"
    parts = {"pack": 0.001, "copy": 0.002, "run": 0.003, "unpack": 0.004}
    counted = Throughput(frames=2, seconds=0.01, cycles=5000, parts=parts)
    assert str(counted) == (
        "2 frames, 200.0 per second; each pack 0.50 ms, copy 1.00 ms, run 1.50 ms, unpack 2.00 ms, "
        "total 5.00 ms; 2,500 cycles of the engine"
    )


def test_whoever_leaves_early_leaves_an_idle_engine(plan, engine):
    driver = EngineDriver(engine, plan)
    results = driver.stream(FRAMES)
    next(results)
    assert engine.running
    results.close()
    assert not engine.running
    assert engine.words[REGISTERS["CTRL"].offset] == DONE | IDLE
    pixels, task = FRAMES[1]
    np.testing.assert_array_equal(driver.run(pixels, task).output, expected(plan)[1])


def test_a_frame_that_is_refused(plan, engine):
    frames = [FRAMES[0], (FRAMES[1][0][:-1], "depth")]
    results = EngineDriver(engine, plan).stream(frames)
    with pytest.raises(UserError, match="resize or convert"):
        next(results)
    assert not engine.running


def test_no_frames(plan, engine):
    assert list(EngineDriver(engine, plan).stream([])) == []
