"""The whole integer network on random models; what it equals in float is in test_quantize."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from m3vit.errors import UserError
from m3vit.model import integer_ops
from m3vit.model.network import Task
from m3vit.model.reference import Reference
from m3vit.model.synthetic import NANO, random_image, random_model

IMAGE = random_image()

WITHOUT_TORCH = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED}:
            raise ImportError(f"{name} is not installed here")

sys.meta_path.insert(0, Blocked())
from m3vit.model.compiled import CompiledModel
from m3vit.model.golden import read_golden, write_golden
from m3vit.model.reference import Reference
from m3vit.model.synthetic import random_image, random_model

directory = sys.argv[1]
random_model().save(f"{directory}/model")
run = Reference(CompiledModel.load(f"{directory}/model")).run(random_image(), "depth")
write_golden(f"{directory}/model", random_image(), f"{directory}/golden")
assert sum(1 for _ in read_golden(f"{directory}/golden")) > 20
print(run.output.shape, int(run.output.sum()))
"""


def test_works_without_torch_and_everything_heavy(tmp_path):
    blocked = {"torch", "transformers", "safetensors", "brevitas", "pydantic", "scipy"}
    script = WITHOUT_TORCH.replace("{BLOCKED}", repr(blocked))
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    output = Reference(random_model()).run(IMAGE, "depth").output
    assert done.stdout.split() == ["(24,", "4)", str(int(output.sum()))]


def test_shapes_types_and_routing():
    run = Reference(random_model()).run(IMAGE, "semseg")
    assert (run.task, run.scale) == ("semseg", 0.001)
    assert (run.output.shape, run.output.dtype) == ((24, 5 * 4), np.int16)
    assert len(run.routing) == 2
    for routing in run.routing:
        assert routing.experts.shape == routing.scores.shape == (25, 2)
        assert np.all(routing.experts[:, 0] != routing.experts[:, 1])
        assert np.all(routing.scores[:, 0] >= routing.scores[:, 1])


def test_a_run_repeats_itself_and_a_trace_changes_nothing():
    engine, trace = Reference(random_model()), {}
    first = engine.run(IMAGE, "semseg", trace)
    np.testing.assert_array_equal(engine.run(IMAGE, "semseg").output, first.output)
    np.testing.assert_array_equal(trace["heads.semseg.output"], first.output)
    assert {array.dtype.kind for array in trace.values()} <= {"i", "u"}


def test_tasks_share_everything_up_to_the_first_gate():
    engine, traces = Reference(random_model()), ({}, {})
    runs = [
        engine.run(IMAGE, task, trace)
        for task, trace in zip(("semseg", "depth"), traces, strict=True)
    ]
    same = [
        name
        for name, array in traces[0].items()
        if name in traces[1] and np.array_equal(array, traces[1][name])
    ]
    assert "layers.1.mlp.input" in same
    assert "layers.1.output" not in same
    together = engine.run_all(IMAGE, ["semseg", "depth"])
    for run in runs:
        np.testing.assert_array_equal(together[run.task].output, run.output)


def test_the_order_of_experts_changes_no_integer(monkeypatch):
    engine = Reference(random_model(replace(NANO, experts_per_token=3)))
    expected = engine.run(IMAGE, "semseg").output
    original = integer_ops.run_experts

    def shuffled(inputs, routing, experts, order):
        return original(inputs, routing, experts, np.random.default_rng(1).permutation(list(order)))

    monkeypatch.setattr(integer_ops, "run_experts", shuffled)
    np.testing.assert_array_equal(engine.run(IMAGE, "semseg").output, expected)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_constant_images(level):
    """Pixels of 0 are codes of -128 everywhere; patches then differ by position only."""
    run = Reference(random_model()).run(np.full_like(IMAGE, level), "depth")
    assert run.output.shape == (24, 4)


@pytest.mark.parametrize(
    "change",
    [
        {"experts_per_token": 6},
        {"experts_per_token": 1, "norm_topk_prob": True},
        {"gate_input_ahead": True},
        {"prune_threshold": 9000},
        {"moe_layers": []},
        {"moe_layers": [0, 1, 2, 3]},
        {"image_height": 8, "image_width": 8},
        {"channels": 1},
        {"image_height": 256, "image_width": 288, "num_layers": 2, "moe_layers": [1]},
    ],
    ids=str,
)
def test_variants_run(change):
    network = replace(NANO, **change)
    run = Reference(random_model(network)).run(random_image(network), "semseg")
    assert len(run.routing) == len(network.moe_layers)
    for routing in run.routing:
        if network.norm_topk_prob:
            np.testing.assert_array_equal(routing.scores, 32768)
        small = routing.scores[routing.scores > 0]
        assert np.all(small > network.prune_threshold)


def test_tasks_with_their_own_ranges_of_experts():
    tasks = (Task("semseg", 5, 0, [0, 3], 0.1), Task("depth", 1, 0, [3, 6], 0.1))
    engine = Reference(random_model(tasks=tasks))
    for task, low, high in (("semseg", 0, 2), ("depth", 3, 5)):
        for routing in engine.run(IMAGE, task).routing:
            assert low <= routing.experts.min() <= routing.experts.max() <= high


def test_a_network_without_head_ends_with_the_residual_stream():
    trace = {}
    run = Reference(random_model(replace(NANO, head="tokens"))).run(IMAGE, "depth", trace)
    np.testing.assert_array_equal(run.output, trace["layers.3.output"])
    assert run.output.shape == (25, 32)


def test_a_classifier_reads_the_class_token_alone():
    network = replace(NANO, head="classification", head_patch_grid=1)
    assert Reference(random_model(network)).run(IMAGE, "semseg").output.shape == (1, 5)


@pytest.mark.parametrize(
    "image", [IMAGE[:-1], IMAGE.astype(np.float32), IMAGE[..., :1], IMAGE[..., 0]]
)
def test_images_of_another_shape_or_type_are_refused(image):
    with pytest.raises(UserError, match=r"takes uint8 \(32, 48, 3\)"):
        Reference(random_model()).run(image, "semseg")


def test_unknown_tasks_are_refused():
    with pytest.raises(UserError, match="no task 'edge'"):
        Reference(random_model()).run(IMAGE, "edge")
