"""Networks against the maxima of designs."""

from dataclasses import replace

import pytest

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.hls.fit import check_fits
from m3vit.model.synthetic import NANO, TINY


@pytest.mark.parametrize("design", ["nano", "zcu104"])
def test_the_networks_for_which_the_designs_are_made(design):
    check_fits(NANO, DesignConfig.load(design))
    check_fits(TINY, DesignConfig.load(design))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"image_width": 512}, "tokens 257 .* holds 136 .max_tokens.: use the design zcu104"),
        ({"width": 384, "num_heads": 6}, "width 384 .* 192 .max_width.: use the design zcu104"),
        ({"hidden": 3076}, "hidden width 3076 .* .max_hidden.: use a design of your own"),
        ({"expert_hidden": 1024}, "experts of hidden width 1024"),
        ({"patch_size": 32, "image_height": 64}, "values in a patch 3072"),
        ({"num_heads": 6}, "attention heads 6"),
        ({"num_heads": 1}, "heads of width 192"),
        ({"channels": 4}, "values in a patch 1024|image channels 4"),
        ({"num_experts": 32}, "has experts 32"),
        ({"experts_per_token": 5}, "experts per token 5"),
    ],
)
def test_the_first_size_that_is_too_large(change, sentence):
    with pytest.raises(UserError, match=sentence):
        check_fits(replace(TINY, **change), DesignConfig.load("nano"))


def test_experts_of_a_network_without_them_do_not_count():
    check_fits(replace(TINY, moe_layers=[], num_experts=999), DesignConfig.load("nano"))
