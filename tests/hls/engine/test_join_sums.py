"""Sums of attention weights of both halves of a block, in the order of rows."""

import dataclasses

import numpy as np
import pytest


@pytest.mark.parametrize("tokens", [2, 4, 6])
def test_order_of_rows(nano, ladder, tokens):
    design = dataclasses.replace(nano, array_tokens=tokens)
    random = np.random.default_rng(tokens)
    rows = np.concatenate([np.full(9, tokens), 1 + random.integers(0, tokens, 40)])
    row = np.concatenate([np.arange(count) for count in rows])
    sums = random.integers(0, 1 << 19, row.size)
    inputs = {
        "block_rows": rows,
        "sums_0": sums[row < tokens // 2],
        "sums_1": sums[row >= tokens // 2],
    }
    found = ladder("join_sums", design, inputs, {"joined": sums}, rtl=True)
    assert found["joined"].interval == 1
