"""Whole networks in RTL: every integer that the engine stores equals the reference's."""

import secrets
from dataclasses import replace

import pytest

from m3vit.hls.design import DesignConfig
from m3vit.host.buffers import Division
from m3vit.model.network import Task
from m3vit.model.parameters import LayerNorm
from m3vit.model.reference import Reference
from m3vit.model.synthetic import NANO, random_image, random_model
from m3vit.sim.engine import exactness
from m3vit.sim.engine.exactness import Comparison, unequal
from m3vit.sim.engine.library import Memory
from m3vit.sim.engine.shape_fuzz import failures
from m3vit.sim.engine.shapes import random_case

SMALL = {"image_height": 24, "image_width": 24}  # ten tokens
THREE_TASKS = (
    Task("semseg", 5, 0, [0, 2], scale=0.001),
    Task("depth", 1, 1, [5, 6], scale=0.001),
    Task("normals", 3, 1, [1, 6], scale=0.001),
)
NETWORKS = {
    "two of six experts": {},
    "one expert, renormalised": {"experts_per_token": 1, "norm_topk_prob": True},
    "three experts, some pruned": {"experts_per_token": 3, "prune_threshold": 9000},
    "gates read the block's input": {"gate_input_ahead": True},
    "gates ahead in the first layer": {"gate_input_ahead": True, "moe_layers": [0, 1]},
    "no experts": {"moe_layers": []},
    "classifier": {"head": "classification", **SMALL},
    "tokens": {"head": "tokens", "num_layers": 2, "moe_layers": [1], **SMALL},
    "one patch": {"image_height": 8, "image_width": 8},
    "widths that fill no word": {
        "width": 51,
        "num_heads": 3,
        "hidden": 50,
        "expert_hidden": 27,
        "patch_size": 5,
        "image_height": 15,
        "image_width": 20,
    },
    "a token more than a block": {"image_height": 8, "image_width": 24, "channels": 1},
}
MEMORIES = {
    "near and wide": Memory(read_latency=10, write_latency=3, bandwidth=64, stalls=20),
    "far and narrow": Memory(
        read_latency=350, write_latency=500, bandwidth=17, bandwidth_cycles=2, stalls=150
    ),
}


@pytest.fixture(scope="module")
def nano():
    with Comparison(DesignConfig.load("nano")) as comparison:
        yield comparison


def images(network, count, seed=0):
    return [random_image(network, seed + number) for number in range(count)]


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_every_kind(nano, name):
    network = replace(NANO, **NETWORKS[name])
    model = random_model(network, seed=len(name))
    assert nano.differences(model, images(network, 1)) == []


@pytest.mark.parametrize("name", MEMORIES)
def test_several_images_under_every_memory(nano, name):
    """Two seeds of weights, and of the memory's random hesitation."""
    model = random_model(seed=len(name))
    assert nano.differences(model, images(NANO, 2, seed=5), MEMORIES[name]) == []


def test_tasks_with_a_range_of_the_experts(nano):
    """One with fewer experts than a token may choose."""
    assert nano.differences(random_model(tasks=THREE_TASKS), images(NANO, 1)) == []


@pytest.mark.parametrize("head", ["tokens", "linear"])
def test_a_final_norm(nano, head):
    network = replace(NANO, head=head, num_layers=2, moe_layers=[1], **SMALL)
    model = random_model(network)
    parameters = replace(model.parameters, final_norm=LayerNorm(1000, model.layers[1].norm.gate))
    model = replace(model, parameters=parameters)
    assert nano.differences(model, images(network, 1)) == []


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize(
    "division", [Division(heads=1), Division(tiles=100), Division(tiles=2, heads=1)]
)
def test_divided_networks(nano, ahead, division):
    """Tiles of eight tokens and more, heads one by one."""
    layers = {"num_layers": 3, "moe_layers": [1, 2], "gate_input_ahead": ahead}
    network = replace(NANO, image_height=64, **layers)
    memory = Memory(read_latency=200, bandwidth=20, stalls=60)
    assert nano.differences(random_model(network), images(network, 1), memory, division) == []


def test_the_design_of_the_board():
    with Comparison(DesignConfig.load("zcu104"), seed=7) as comparison:
        memory = Memory(read_latency=90, bandwidth=41, stalls=60)
        assert comparison.differences(random_model(seed=3), images(NANO, 1), memory) == []


def test_random_shapes():
    first = secrets.randbelow(10**9)
    found = list(failures(DesignConfig.load("nano"), range(first, first + 3), images=1))
    assert len(found) == 3
    for case, what in found:
        assert what == [], str(case)


@pytest.mark.slow
def test_many_random_shapes():
    first = secrets.randbelow(10**9)
    found = {
        str(case): what
        for case, what in failures(DesignConfig.load("nano"), range(first, first + 30))
    }
    assert len(found) == 30
    assert {case: what for case, what in found.items() if what} == {}


def test_random_shapes_are_of_every_kind():
    design = DesignConfig.load("nano")
    models = [random_case(seed, design).model for seed in range(60)]
    networks = [model.network for model in models]
    assert {network.head for network in networks} == {"linear", "classification", "tokens"}
    assert {network.num_heads for network in networks} == {1, 2, 3, 4}
    assert {network.experts_per_token for network in networks} == {1, 2, 3, 4}
    assert {network.gate_input_ahead for network in networks} == {True, False}
    assert {len(model.tasks) for model in models} == {1, 2, 3}
    assert any(not network.moe_layers for network in networks)
    assert any(network.num_tokens > 40 for network in networks)
    assert any(network.width % 4 for network in networks)
    assert any(task.experts[0] > 0 for model in models for task in model.tasks)
    assert {model.parameters.final_norm is None for model in models} == {True, False}


def test_differences_are_seen(nano, monkeypatch):
    """Against the reference of a model whose last block adds a little more."""
    network = replace(NANO, num_layers=2, moe_layers=[0], **SMALL)
    model = random_model(network)
    layer = model.layers[1]
    down = replace(layer.mlp.down, bias=layer.mlp.down.bias + 4000)
    layers = (model.layers[0], replace(layer, mlp=replace(layer.mlp, down=down)))
    other = replace(model, parameters=replace(model.parameters, layers=layers))
    monkeypatch.setattr(exactness, "Reference", lambda _: Reference(other))
    assert nano.differences(model, images(network, 1)) == [
        "image 0, semseg: layers.1.output",
        "image 0, semseg: output",
        "image 0, depth: layers.1.output",
        "image 0, depth: output",
        "image 0, depth from the snapshot: output",
        "image 0, semseg from the snapshot: output",
        "image 0, semseg alone: output",
    ]


def test_other_routing_is_seen():
    network = replace(NANO, **SMALL)
    reference = Reference(random_model(network))
    run = reference.run(random_image(network), "depth")
    first, second = run.routing
    changed = replace(second, scores=second.scores + 1)
    assert list(unequal(run, run)) == []
    assert list(unequal(replace(run, routing=(first, changed)), run)) == ["scores of routing 1"]
    assert list(unequal(replace(run, routing=(second, first)), run)) == [
        f"{part} of routing {layer}" for layer in (0, 1) for part in ("experts", "scores")
    ]
    assert list(unequal(replace(run, routing=(first,)), run)) == ["number of routings"]
