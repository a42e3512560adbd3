"""The driver against an engine whose programs are executed by the instruction set's definition."""

from dataclasses import replace

import numpy as np
import pytest
from interpreted import CYCLES, InterpretedEngine

from m3vit.errors import UserError
from m3vit.hls import isa
from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import LINE_BYTES, Instruction
from m3vit.hls.registers import REGISTERS
from m3vit.host.accelerator import Accelerator
from m3vit.host.driver import EngineDriver, EngineError
from m3vit.host.program import build_plan
from m3vit.model.reference import Reference
from m3vit.model.synthetic import random_image, random_model


@pytest.fixture(scope="module")
def plan():
    return build_plan(random_model(), DesignConfig.load("nano"))


@pytest.fixture
def engine(plan):
    return InterpretedEngine(plan.design, plan.arena_bytes)


def test_runs_equal_the_reference(plan, engine):
    driver, reference = EngineDriver(engine, plan), Reference(plan.model)
    assert engine.written == plan.content_bytes
    for seed in (0, 1):
        pixels = random_image(seed=seed)
        for task in ("semseg", "depth"):
            expected = reference.run(pixels, task)
            found = driver.run(pixels, task)
            np.testing.assert_array_equal(found.output, expected.output)
            assert found.scale == expected.scale
            for ours, theirs in zip(found.routing, expected.routing, strict=True):
                np.testing.assert_array_equal(ours.experts, theirs.experts)
                np.testing.assert_array_equal(ours.scores, theirs.scores)
    assert engine.written == plan.content_bytes + 4 * pixels.size
    address = [engine.words[REGISTERS["ARENA"].offset + part] for part in (0, 4)]
    assert address[0] | address[1] << 32 == engine.arena_address


def test_several_tasks_share_what_precedes_the_first_gate(plan, engine):
    pixels = random_image(seed=2)
    runs = EngineDriver(engine, plan).run_all(pixels, ["depth", "semseg"])
    assert list(runs) == ["depth", "semseg"]
    for task, run in runs.items():
        expected = Reference(plan.model).run(pixels, task)
        np.testing.assert_array_equal(run.output, expected.output)


def test_a_traced_run(plan, engine):
    pixels, trace = random_image(), {}
    expected = Reference(plan.model).run(pixels, "depth", trace)
    run, found = EngineDriver(engine, plan).run_traced(pixels, "depth")
    np.testing.assert_array_equal(run.output, expected.output)
    assert len(found) == 9
    for name, rows in found.items():
        np.testing.assert_array_equal(rows, trace[name], name)


def test_counters_are_put_together(plan, engine):
    driver = EngineDriver(engine, plan)
    driver.run(random_image(), "depth")
    statistics = driver.statistics()
    assert statistics["cycles"] == CYCLES
    assert set(statistics) > {"weight_beats", "blocks"}


def test_an_accelerator_on_the_engine(plan, engine):
    def interpreted(model):
        return EngineDriver(engine, plan)

    result = Accelerator(plan.model, interpreted).run(random_image(), "semseg")
    expected = Accelerator(plan.model).run(random_image(), "semseg")
    assert result.digest == expected.digest
    assert result.backend == "interpreted"
    np.testing.assert_array_equal(result.loads, expected.loads)
    assert result.weight_bytes == expected.weight_bytes


def test_an_error_names_the_instruction_and_the_engine_stays_usable(plan, engine):
    driver, pixels = EngineDriver(engine, plan), random_image()
    program = plan.programs["depth"]
    place = program.line * LINE_BYTES + 6 * isa.INSTRUCTION_BYTES
    good = engine.read(place, isa.INSTRUCTION_BYTES)
    broken = Instruction.decode(good)
    assert broken.name == "MATMUL"
    engine.write(place, Instruction("MATMUL", **{**broken.values, "beats": 0}).encode())
    with pytest.raises(EngineError, match=r"code 2 at instruction 6 \(MATMUL\): ") as caught:
        driver.run(pixels, "depth")
    assert (caught.value.code, caught.value.position) == (2, 6)
    engine.write(place, good)
    expected = Reference(plan.model).run(pixels, "depth")
    np.testing.assert_array_equal(driver.run(pixels, "depth").output, expected.output)


def test_a_program_without_end(plan, engine):
    program = plan.programs["depth"]
    shorter = replace(program, instructions=program.instructions[:-1])
    with pytest.raises(EngineError, match="code 21"):
        EngineDriver(engine, plan).execute(shorter)


def test_an_engine_that_never_ends(plan):
    engine = InterpretedEngine(plan.design, plan.arena_bytes, ends=False)
    with pytest.raises(EngineError, match=r"did not end its program within 0\.01 s"):
        EngineDriver(engine, plan, timeout=0.01).run(random_image(), "depth")


def test_engines_that_the_plan_is_not_for(plan):
    other = InterpretedEngine(DesignConfig.load("zcu104"), plan.arena_bytes)
    with pytest.raises(
        UserError, match=f"the programs are for 'nano', 0x{plan.design.design_id:08x}"
    ):
        EngineDriver(other, plan)
    old = InterpretedEngine(plan.design, plan.arena_bytes, version=isa.VERSION + 1)
    with pytest.raises(UserError, match="build the hardware again"):
        EngineDriver(old, plan)
    small = InterpretedEngine(plan.design, plan.arena_bytes - LINE_BYTES)
    with pytest.raises(UserError, match="64 more than"):
        EngineDriver(small, plan)


def test_unknown_tasks_and_images_of_another_size(plan, engine):
    driver = EngineDriver(engine, plan)
    with pytest.raises(UserError, match="no task 'edges'"):
        driver.run(random_image(), "edges")
    with pytest.raises(UserError, match="no task 'edges'"):
        driver.run_all(random_image(), ["depth", "edges"])
    with pytest.raises(UserError, match="resize or convert"):
        driver.run(random_image()[:-1], "depth")
