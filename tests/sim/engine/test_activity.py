"""Counts of activity against the engine's own counters, and against the network's products."""

import pytest

from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import BEAT_BYTES
from m3vit.host.program import build_plan
from m3vit.model import synthetic
from m3vit.model.cost import expert_loads, run_macs
from m3vit.model.reference import Reference
from m3vit.model.shape import Shape
from m3vit.sim.engine.activity import PARAMETERS, WEIGHTS, count
from m3vit.sim.engine.backend import EngineSimulation


def loads_of(run, network):
    return expert_loads([layer.experts for layer in run.routing], network.num_experts)


@pytest.mark.parametrize("task", ["semseg", "depth"])
def test_counts_equal_the_engine_s_counters(task):
    model = synthetic.random_model(seed=7)
    engine = EngineSimulation(model, "nano")
    design, program = engine.plan.design, engine.plan.programs[task]
    loads = loads_of(engine.run(synthetic.random_image(), task), model.network)
    activity, statistics = count(program.instructions, design, loads), engine.statistics()
    # The first program guesses no expert, so none is fetched in vain.
    assert activity.blocks == statistics["blocks"]
    tile = design.array_inputs * design.array_outputs
    fetched = activity.writes[WEIGHTS] + activity.writes[PARAMETERS]
    beats = statistics["weight_beats"] * BEAT_BYTES
    chunks = sum(each["chunks"] for each in program.instructions if each.name == "MATMUL")
    # A chunk is padded to a whole line of memory.
    assert fetched <= beats < fetched + 64 * (chunks + 2 * loads.size + len(loads))
    # A tile of weights per cycle at most.
    assert activity.products / (tile * design.array_tokens) < statistics["cycles"]


@pytest.mark.parametrize("network", [synthetic.NANO, synthetic.TINY], ids=["nano", "tiny"])
def test_the_array_does_the_network_s_products_and_little_more(network):
    model, task = synthetic.random_model(network), "semseg"
    design = DesignConfig.load("zcu104")
    run = Reference(model).run(synthetic.random_image(network), task)
    loads = loads_of(run, network)
    activity = count(build_plan(model, design).programs[task].instructions, design, loads)
    products = run_macs(Shape.from_compiled(model), task, loads)
    # Gates take two passes; rows and channels are padded to whole tiles.
    assert products < activity.products < 2 * products
    if network is synthetic.TINY:
        assert activity.products < 1.06 * products
    weight_bytes = design.array_inputs * design.array_outputs * design.array_tokens
    assert activity.reads[WEIGHTS] < activity.products / weight_bytes * 512
    assert activity.reads[WEIGHTS] > activity.writes[WEIGHTS]
