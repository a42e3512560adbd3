"""The comparison of float and integers: it says where, and notices what is wrong."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from m3vit.errors import UserError
from m3vit.model.evaluation.compare import compare, dequantise
from m3vit.model.quantization.quantize import quantize


@pytest.fixture(scope="module")
def compiled(small_model, smooth_images):
    return quantize(small_model, smooth_images[:8])


def test_report(small_model, compiled, smooth_images):
    report = compare(small_model, compiled, smooth_images[8:10])
    assert report.images == 2
    task = report.tasks[1]
    assert task.task == "depth"
    names = [difference.name for difference in task.differences]
    assert names[0] == "embeddings.output"
    assert names[-1] == "heads.depth.output"
    for part in (
        "layers.0.attention.query",
        "layers.0.mlp.hidden",
        "layers.1.mlp.gate_logits",
        "layers.1.mlp.branch",
        "layers.3.output",
    ):
        assert part in names
    assert set(task.assignments_kept) == {"layers.1", "layers.3"}
    assert json.loads(json.dumps(report.as_dict()))["images"] == 2


def test_worst_elements_are_where_they_say(small_model, compiled, smooth_images):
    report = compare(small_model, compiled, smooth_images[8:9])
    last = report.tasks[0].differences[-1]
    assert last.worst.image == 0
    assert len(last.worst.index) == 2
    assert math.isfinite(last.worst.float_value)
    assert last.worst.float_value != last.worst.integer_value


def test_a_wrong_layer_is_found_where_it_is(small_model, compiled, smooth_images):
    layers = list(compiled.layers)
    mlp = layers[2].mlp
    table = np.roll(mlp.table, 10)
    layers[2] = replace(layers[2], mlp=replace(mlp, table=table))
    parameters = replace(compiled.parameters, layers=tuple(layers))
    broken = replace(compiled, parameters=parameters)
    good, bad = (
        {
            d.name: d.sqnr_db
            for d in compare(small_model, m, smooth_images[8:9]).tasks[0].differences
        }
        for m in (compiled, broken)
    )
    assert bad["layers.2.mlp.hidden"] == good["layers.2.mlp.hidden"]
    assert bad["layers.2.mlp.activation"] < good["layers.2.mlp.activation"] - 10


def test_models_that_do_not_belong_together_are_refused(
    small_config, randomised, compiled, smooth_images
):
    from m3vit.model.dense_prediction import ViTMoEForDensePrediction

    other = randomised(ViTMoEForDensePrediction(small_config(num_experts=8)))
    with pytest.raises(UserError, match="do not belong together: experts 8"):
        compare(other, compiled, smooth_images[:1])


def test_no_images_are_refused(small_model, compiled):
    with pytest.raises(UserError, match="no images"):
        compare(small_model, compiled, [])


def test_dequantise_knows_scales_per_head():
    codes = np.array([[[1, 2]], [[3, 4]]], np.int8)
    scale = {"scale": [0.5, 2.0], "zero_point": 1}
    np.testing.assert_array_equal(dequantise(codes, scale), [[[0.0, 0.5]], [[4.0, 6.0]]])
