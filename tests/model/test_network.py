"""Networks that the integer arithmetic does not cover are refused with a reason."""

from dataclasses import replace

import pytest

from m3vit.errors import UserError
from m3vit.model.synthetic import NANO, TINY


def test_derived_sizes():
    assert (TINY.grid, TINY.num_tokens, TINY.head_dim, TINY.first_gate) == ((8, 16), 129, 64, 1)
    assert replace(TINY, moe_layers=[]).first_gate == 12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_heads": 5}, "heads do not divide"),
        ({"width": 4096, "num_heads": 4}, "width 4096 exceeds 2048"),
        ({"image_height": 1024, "image_width": 1024, "patch_size": 16}, "4097 tokens exceed 2048"),
        ({"patch_size": 7}, "patches of 7 do not tile"),
        ({"moe_layers": [3, 1]}, "moe_layers"),
        ({"moe_layers": [1, 4]}, "moe_layers"),
        ({"experts_per_token": 7}, "7 of 6 experts"),
        ({"num_experts": 300}, "limit is 256 experts"),
        ({"head": "upsampling"}, "head 'upsampling'"),
        ({"num_layers": 0}, "at least 1"),
    ],
)
def test_refusals(change, message):
    with pytest.raises(UserError, match=message):
        replace(NANO, **change)
