import json

import numpy as np
import pytest
import torch

from m3vit.errors import UserError
from m3vit.model.config import ViTMoEConfig
from m3vit.model.cost import (
    expert_loads,
    network_parameters,
    run_macs,
    run_weight_bytes,
    task_cost,
)
from m3vit.model.dense_prediction import ViTMoEForDensePrediction
from m3vit.model.parameters import walk
from m3vit.model.shape import PUBLISHED, Shape
from m3vit.model.synthetic import NANO, random_model
from m3vit.model.vit import ViTMoEModel

TINY = {
    "hidden_size": 192,
    "num_attention_heads": 3,
    "intermediate_size": 768,
    "moe_intermediate_size": 384,
    "num_experts": 16,
    "image_size": [128, 256],
}
TWO_TASKS = {"tasks": ["semseg", "depth"], "task_channels": {"semseg": 7, "depth": 1}}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"image_size": 32, "hidden_size": 24, "num_attention_heads": 2, "moe_layers": []},
        TINY,
        {**TINY, "final_layernorm": False, "qkv_bias": False},
        {**TINY, **TWO_TASKS},
        {**TINY, **TWO_TASKS, "head_patch_grid": 4, "router_type": "shared"},
        {**TINY, **TWO_TASKS, "head_type": "upsampling"},
        {**TINY, **TWO_TASKS, "head_type": "upsampling", "head_convolutions": 2},
        {**TINY, **TWO_TASKS, "router_type": "task_embedding", "task_embedding_size": 20},
        {**TINY, **TWO_TASKS, "task_expert_ranges": [[0, 8], [8, 16]]},
    ],
)
def test_parameters_equal_those_of_torch(options):
    config = ViTMoEConfig(**options)
    with torch.device("meta"):
        network = (ViTMoEForDensePrediction if config.tasks else ViTMoEModel)(config)
    expected = sum(parameter.numel() for parameter in network.parameters())
    # As saved: keys that equal the defaults are absent.
    shape = Shape.from_config(json.loads(config.to_json_string()))
    assert network_parameters(shape) == expected


def test_macs_of_m3vit_tiny_by_hand():
    shape = Shape.from_config(PUBLISHED["cityscapes_tiny"])
    cost = task_cost(shape, "depth")
    macs = {part.name: part.macs for part in cost.parts}
    tokens, width = 129, 192
    assert macs["patch embedding"] == 128 * 768 * width
    assert macs["attention"] == 12 * (4 * tokens * width**2 + 2 * tokens**2 * width)
    assert macs["dense MLPs"] == 6 * tokens * 2 * width * 768
    assert macs["gates"] == 6 * tokens * width * 16
    assert macs["experts"] == 6 * tokens * 2 * 2 * width * 384
    # 783 million: the published engine's workload.
    assert cost.encoder_macs == sum(macs.values()) - macs["head"] == 782_719_488
    all_experts = cost.encoder_macs + 7 * macs["experts"]
    assert cost.dense_macs == all_experts + macs["head"]
    assert (
        cost.separate_macs
        == 2 * all_experts + macs["head"] + task_cost(shape, "semseg").parts[-1].macs
    )
    assert cost.everything_macs == cost.separate_macs - all_experts


def test_a_head_of_convolutions_costs_what_its_maps_do():
    shape = Shape.from_config(PUBLISHED["cityscapes_tiny"])
    stages = 9 * 192 * 256 + (4 + 16 + 64) * 9 * 256 * 256 + 64 * 256
    assert task_cost(shape, "depth").parts[-1].macs == 128 * stages


@pytest.fixture(scope="module")
def compiled():
    return random_model()


def test_a_compiled_model_counts_as_its_float_original():
    options = {
        **TWO_TASKS,
        "hidden_size": NANO.width,
        "num_attention_heads": NANO.num_heads,
        "num_hidden_layers": NANO.num_layers,
        "intermediate_size": NANO.hidden,
        "moe_intermediate_size": NANO.expert_hidden,
        "num_experts": NANO.num_experts,
        "image_size": [NANO.image_height, NANO.image_width],
        "patch_size": NANO.patch_size,
        "head_patch_grid": NANO.head_patch_grid,
        "task_channels": {"semseg": 5, "depth": 1},
    }
    shape = Shape.from_config(json.loads(ViTMoEConfig(**options).to_json_string()))
    compiled = Shape.from_compiled(random_model())
    assert network_parameters(compiled) == network_parameters(shape)
    for task in shape.tasks:
        assert task_cost(compiled, task) == task_cost(shape, task)


def test_a_run_costs_the_static_count_when_nothing_is_dropped(compiled):
    shape = Shape.from_compiled(compiled)
    loads = np.zeros((2, 6), np.int64)
    fixed = run_macs(shape, "depth", loads)
    loads[:, :2] = shape.tokens
    assert run_macs(shape, "depth", loads) == task_cost(shape, "depth").macs
    assert fixed == task_cost(shape, "depth").macs - task_cost(shape, "depth").parts[4].macs


def test_idle_experts_are_not_read(compiled):
    sizes = {name: getattr(value, "nbytes", 4) for name, value in walk(compiled.parameters)}
    experts = np.array(
        [
            [
                sum(v for k, v in sizes.items() if k.startswith(f"layers.{i}.experts.{e}."))
                for e in range(6)
            ]
            for i in NANO.moe_layers
        ]
    )
    busy = np.ones((2, 6), np.int64)
    everything = run_weight_bytes(compiled, "semseg", busy)
    for layer, expert in np.ndindex(2, 6):
        loads = busy.copy()
        loads[layer, expert] = 0
        idle = everything - run_weight_bytes(compiled, "semseg", loads)
        assert idle == experts[layer, expert] > 2 * NANO.width * NANO.expert_hidden
    gates = sum(v for k, v in sizes.items() if k.split(".")[2:3] == ["gate"])
    heads = sum(v for k, v in sizes.items() if k.startswith("heads.depth."))
    assert everything == sum(sizes.values()) - gates / 2 - heads


def test_queues_are_counted_from_the_routing():
    chosen = np.array([[0, 2], [2, 1], [2, 0]])
    np.testing.assert_array_equal(
        expert_loads([chosen, chosen[:1]], 4), [[2, 1, 3, 0], [1, 0, 1, 0]]
    )
    assert expert_loads([], 4).shape == (0, 4)


def test_unknown_tasks_are_refused(compiled):
    with pytest.raises(UserError, match="no task 'flow': this network has semseg, depth"):
        task_cost(Shape.from_compiled(compiled), "flow")
