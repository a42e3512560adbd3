"""Bundles of parameters refuse what could overflow or does not fit."""

from dataclasses import replace

import numpy as np
import pytest

from m3vit.errors import UserError
from m3vit.model.parameters import walk
from m3vit.model.synthetic import random_model

MODEL = random_model()
DENSE, MOE = MODEL.layers[0], MODEL.layers[1]


@pytest.mark.parametrize(
    ("bundle", "change", "message"),
    [
        (DENSE.mlp.up, {"weight": DENSE.mlp.up.weight.astype(np.int16)}, "'weight' is int16"),
        (DENSE.mlp.up, {"bias": DENSE.mlp.up.bias[:-1]}, r"'bias' is int32 \(63,\) .*\(64,\)"),
        (DENSE.mlp.up, {"multiplier": DENSE.mlp.up.multiplier // 2}, "below 2.14"),
        (DENSE.mlp.up, {"shift": DENSE.mlp.up.shift * 0}, "outside 11..42"),
        (DENSE.mlp.up, {"shift": DENSE.mlp.up.shift * 0 + 43}, "outside 11..42"),
        (DENSE.mlp.up, {"bias": DENSE.mlp.up.bias * 0 + 2**26}, "beyond 2.26"),
        (DENSE.norm.output, {"shift": 31}, "outside 1..30"),
        (DENSE.norm.output, {"gain": DENSE.norm.output.gain.astype(int)}, "'gain' is int64"),
        (DENSE.norm, {"epsilon": 0}, "epsilon"),
        (DENSE.mlp, {"table": DENSE.mlp.table[:255]}, r"'table' is int8 \(255,\)"),
        (MOE.gate, {"bias": MOE.gate.bias + 2**34}, "beyond 2.34"),
        (MOE.gate, {"shift": MOE.gate.shift * 0 + 18}, "outside 19..50"),
        (DENSE.attention.logits, {"shift": DENSE.attention.logits.shift * 0}, "outside 11..42"),
    ],
)
def test_bundles_refuse(bundle, change, message):
    with pytest.raises(UserError, match=message):
        replace(bundle, **change)


def test_a_weight_of_minus_128_is_refused_nowhere_it_could_overflow():
    # The bound uses the weights as they are, so even -128 everywhere is judged rightly.
    weight = np.full_like(DENSE.mlp.up.weight, -128)
    assert replace(DENSE.mlp.up, weight=weight).magnitude.max() == 128 * 32


def test_walk_names_every_array_once_in_order_of_definition():
    names = [name for name, _ in walk(MODEL.parameters)]
    assert len(names) == len(set(names))
    assert names[0] == "embeddings.projection.weight"
    assert "layers.1.experts.5.down.shift" in names
    assert "layers.0.norm.gate.gain" not in names
    assert "layers.1.norm.gate.gain" in names
    assert names[-1] == "heads.depth.projection.bits"
