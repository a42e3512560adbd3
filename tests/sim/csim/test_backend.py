"""Whole networks through the kernels: the integers of the reference, bit for bit."""

from dataclasses import replace

import numpy as np
import pytest

from m3vit.errors import UserError
from m3vit.host.accelerator import Accelerator
from m3vit.host.image import default_photograph, load_image
from m3vit.model.network import Task
from m3vit.model.reference import Reference
from m3vit.model.shipped import find_model
from m3vit.model.synthetic import NANO, TINY, random_image, random_model
from m3vit.sim.csim.backend import KernelSimulation

VARIANTS = {
    "as it is": {},
    "one expert per token, renormalised": {"experts_per_token": 1, "norm_topk_prob": True},
    "four experts per token": {"experts_per_token": 4, "norm_topk_prob": True},
    "gates ahead": {"gate_input_ahead": True},
    "pruned scores": {"prune_threshold": 9000},
    "no experts": {"moe_layers": []},
    "classifier": {"head": "classification"},
    "tokens": {"head": "tokens"},
    "widths that fill no word": {"width": 36, "hidden": 50, "expert_hidden": 26, "patch_size": 4},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_small_networks(nano, variant):
    """Every intermediate array, for both tasks."""
    network = replace(NANO, **VARIANTS[variant])
    if variant == "widths that fill no word":
        network = replace(network, image_height=12, image_width=20)
    model, image = random_model(network), random_image(network)
    for task in ("semseg", "depth"):
        expected, found = {}, {}
        Reference(model).run(image, task, expected)
        KernelSimulation(model, nano).run(image, task, found)
        assert list(found) == list(expected)
        for name, array in expected.items():
            if name.endswith("branch"):
                array = array.clip(-(1 << 17), (1 << 17) - 1)
            np.testing.assert_array_equal(found[name], array, name)


def test_tasks_with_a_range_of_the_experts(nano):
    tasks = (
        Task("semseg", 5, 0, [0, 2], scale=0.001),
        Task("depth", 1, 1, [3, 6], scale=0.001),
    )
    model, image = random_model(tasks=tasks), random_image()
    for task in tasks:
        expected = Reference(model).run(image, task.name)
        found = KernelSimulation(model, nano).run(image, task.name)
        np.testing.assert_array_equal(found.output, expected.output)
        for ours, theirs in zip(found.routing, expected.routing, strict=True):
            np.testing.assert_array_equal(ours.experts, theirs.experts)
            np.testing.assert_array_equal(ours.scores, theirs.scores)
            np.testing.assert_array_equal(ours.logits, theirs.logits)


def test_the_shipped_network_on_a_photograph():
    """As `m3vit demo --backend csim` runs it."""
    model = find_model("m3vit-nano-int8")
    reference, simulation = Accelerator(model), Accelerator(model, "csim")
    pixels = load_image(default_photograph(), reference.model.image_size).pixels
    for task in reference.tasks:
        expected, found = reference.run(pixels, task), simulation.run(pixels, task)
        assert found.digest == expected.digest
        assert found.backend == "csim"
        assert found.macs == expected.macs


@pytest.mark.slow
def test_the_tiny_network():
    model, image = random_model(TINY), random_image(TINY)
    expected = Reference(model).run(image, "semseg")
    found = KernelSimulation(model).run(image, "semseg")
    np.testing.assert_array_equal(found.output, expected.output)


def test_networks_that_do_not_fit(nano):
    model = random_model(replace(NANO, image_height=128, image_width=128))
    with pytest.raises(UserError, match=r"tokens 257 and the design 'nano' holds 136 .* zcu104"):
        KernelSimulation(model, nano)
