"""The cycle model agrees with the RTL, and answers changes of its inputs as hardware would."""

import time
from dataclasses import replace

import numpy as np
import pytest

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.hls.engine import Engine
from m3vit.host.buffers import Division
from m3vit.host.driver import EngineDriver
from m3vit.host.program import Plan, build_plan
from m3vit.model import synthetic
from m3vit.model.compiled import CompiledModel
from m3vit.sim.engine.activity import count
from m3vit.sim.engine.library import EngineLibrary, Options
from m3vit.sim.engine.port import SimulatedPort
from m3vit.sim.engine.shapes import random_case
from m3vit.sim.performance import Ddr, estimate, even_loads, last_used, run_loads

DESIGN = DesignConfig.load("nano")
TOLERANCE = 0.05
TASK = "semseg"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return build_plan(synthetic.random_model(), DESIGN)


@pytest.fixture(scope="module")
def tiny() -> Plan:
    return build_plan(synthetic.random_model(synthetic.TINY), DesignConfig.load("zcu104"))


def _model(seed: int | None) -> CompiledModel:
    return synthetic.random_model() if seed is None else random_case(seed, DESIGN).model


def _assert_agrees(model: CompiledModel, plan: Plan) -> None:
    task = model.tasks[0].name
    with EngineLibrary(Engine.compile(DESIGN), Options()) as library:
        driver = EngineDriver(SimulatedPort(library), plan, 600.0)
        run = driver.run(synthetic.random_image(model.network), task)
        counted = driver.statistics()
    found = estimate(plan, task, run_loads(plan, run))
    assert found.cycles == pytest.approx(counted["cycles"], rel=TOLERANCE)
    assert found.weight_bytes == 16 * counted["weight_beats"]
    assert found.data_bytes == 16 * counted["data_beats"]
    assert found.store_bytes == 16 * counted["store_beats"]
    assert found.program_bytes == 16 * counted["program_beats"]
    blocks = count(plan.programs[task].instructions, DESIGN, run_loads(plan, run)).blocks
    if len(plan.tiles) == 1:
        assert blocks == counted["blocks"]
    else:  # tiles guess what the one in front has used, and drop what nobody chose
        assert blocks <= counted["blocks"] < 1.1 * blocks


@pytest.mark.parametrize("seed", [None, 100, 102, 104])
def test_agrees_with_the_rtl(seed: int | None) -> None:
    model = _model(seed)
    _assert_agrees(model, build_plan(model, DESIGN))


@pytest.mark.parametrize("division", [Division(tiles=4), Division(tiles=100, heads=1)])
def test_agrees_with_the_rtl_on_a_divided_network(division: Division) -> None:
    model = synthetic.random_model(replace(synthetic.NANO, image_height=96))
    plan = build_plan(model, DESIGN, division)
    assert len(plan.tiles) == (4 if division.heads > 1 else 10)
    _assert_agrees(model, plan)


@pytest.mark.parametrize("division", [Division(), Division(tiles=4)])
def test_the_next_image_guesses_what_the_last_one_has_used(division: Division) -> None:
    """On the RTL, too: its experts come at once, and none in vain."""
    model = synthetic.random_model(replace(synthetic.NANO, image_height=96))
    plan = build_plan(model, DESIGN, division)
    task = model.tasks[1].name
    with EngineLibrary(Engine.compile(DESIGN), Options()) as library:
        driver = EngineDriver(SimulatedPort(library), plan, 600.0)
        for _ in range(2):
            run = driver.run(synthetic.random_image(model.network), task)
        counted = driver.statistics()
    loads = run_loads(plan, run)
    used = last_used(plan, task, loads)
    assert len(used) == len(model.network.moe_layers)
    found = estimate(plan, task, loads, used=used)
    assert found.cycles == pytest.approx(counted["cycles"], rel=TOLERANCE)
    assert found.weight_bytes == 16 * counted["weight_beats"]


def test_parts_are_the_whole(plan: Plan) -> None:
    found = estimate(plan, TASK)
    names = ["embedding"]
    for layer, second in enumerate(("mlp", "experts", "mlp", "experts")):
        names += [f"layers.{layer}.attention", f"layers.{layer}.{second}"]
    assert [part.name for part in found.parts] == [*names, "head"]
    assert sum(part.cycles for part in found.parts) == pytest.approx(found.cycles, abs=1)
    assert list(found.exp_cycles_per_layer()) == [part.name for part in found.parts]
    performance = found.dataflow_performance()
    assert performance["critical_path_cycles"] == found.cycles
    assert performance["max_cycles_node_name"] in found.exp_cycles_per_layer()
    clock = DESIGN.clock_mhz * 1e6
    assert performance["estimated_throughput_fps"] == pytest.approx(clock / found.cycles)


def test_suffix_begins_at_the_first_gate(plan: Plan) -> None:
    found = estimate(plan, TASK, program=plan.suffixes[TASK])
    assert found.parts[0].name == "layers.1.experts"
    prefix = estimate(plan, TASK, program=plan.prefix)
    whole = estimate(plan, TASK)
    assert max(found.cycles, prefix.cycles) < whole.cycles < found.cycles + prefix.cycles


def test_beats_of_the_array_follow_from_shapes(tiny: Plan) -> None:
    found = estimate(tiny, TASK)
    blocks, layers = -(-129 // 4), 12
    attention = 3 * (9 * 2 + 4 * 5) + 4 * 12 * 6
    dense = 2 * 48 * 6
    gate = -(-2 * 129 // 4) * 6
    loads = even_loads(tiny, TASK)
    experts = sum(-(-int(count) // 4) * 2 * 24 * 6 for count in loads.ravel())
    head = sum(
        32 * item["groups"] * item["beats"] * item["chunks"]
        for item in tiny.programs[TASK].instructions
        if item.name == "MATMUL" and item["store_beats"]
    )
    patches = 32 * 12 * 24
    expected = patches + blocks * (layers * attention + 6 * dense) + 6 * gate + experts + head
    assert found.usage.beats == expected


def test_runs_in_milliseconds(tiny: Plan) -> None:
    estimate(tiny, TASK)
    times = []
    for _ in range(3):
        begin = time.process_time()
        estimate(tiny, TASK)
        times.append(time.process_time() - begin)
    assert min(times) < 1


def test_slow_memory_binds(tiny: Plan) -> None:
    cycles = [estimate(tiny, TASK, ddr=Ddr(rate)).cycles for rate in (400, 50, 25, 12.5)]
    assert cycles == sorted(cycles)
    slow = estimate(tiny, TASK, ddr=Ddr(12.5))
    assert slow.cycles > slow.weight_bytes / 12.5
    assert max(slow.usage.waits, key=lambda cause: slow.usage.waits[cause]) == "DDR"


def test_only_wrong_guesses_of_experts_cost_bytes(tiny: Plan) -> None:
    loads = np.zeros((6, 16), np.int64)
    loads[:, :2] = 129
    slots = range(6 * len(tiny.model.tasks))
    after_reset = estimate(tiny, TASK, loads)
    right = estimate(tiny, TASK, loads, used=dict.fromkeys(slots, (0, 1)))
    wrong = estimate(tiny, TASK, loads, used=dict.fromkeys(slots, tuple(range(16))))
    expert = 2 * (192 * 384) + (384 + 192) * 8
    assert wrong.weight_bytes - right.weight_bytes >= 6 * expert
    assert right.cycles <= wrong.cycles
    assert after_reset.weight_bytes == right.weight_bytes
    assert after_reset.cycles > right.cycles


def test_unknown_task_is_refused(plan: Plan) -> None:
    with pytest.raises(UserError, match="normals"):
        estimate(plan, "normals")
