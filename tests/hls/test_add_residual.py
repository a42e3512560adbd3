"""The residual sum against `integer_ops.add_residual`."""

import numpy as np
import pytest

from m3vit.model.integer_ops import add_residual
from m3vit.sim.rtl.stalls import RANDOM

ENDS = [-(1 << 17), -65536, -32769, -32768, -1, 0, 1, 32767, 32768, 65535, (1 << 17) - 1]


def expected(residuals, branches):
    return {"sums": add_residual(residuals.astype(np.int16), branches.astype(np.int32))}


@pytest.mark.parametrize("design", ["nano", "zcu104"])
def test_random_rows(request, ladder, design):
    design = request.getfixturevalue(design)
    random = np.random.default_rng(5)
    residuals = random.integers(-(1 << 15), 1 << 15, (50, design.lanes))
    branches = random.integers(-(1 << 17), 1 << 17, (50, design.lanes))
    inputs = {"residuals": residuals, "branches": branches}
    ladder("add_residual", design, inputs, expected(residuals, branches))


def test_every_pair_of_ends(nano, ladder):
    residuals, branches = np.meshgrid([end for end in ENDS if -32768 <= end <= 32767], ENDS)
    residuals, branches = (
        np.resize(values, (-(-values.size // nano.lanes), nano.lanes))
        for values in (residuals, branches)
    )
    inputs = {"residuals": residuals, "branches": branches}
    found = ladder("add_residual", nano, inputs, expected(residuals, branches), rtl=True)
    assert found["sums"].interval == 1


def test_network(nano, ladder, golden):
    for call in golden("add_residual"):
        residuals = call.inputs["residual"][:9].reshape(-1, nano.lanes)
        branches = call.inputs["branch"][:9].reshape(-1, nano.lanes)
        branches = np.clip(branches, ENDS[0], ENDS[-1])
        inputs = {"residuals": residuals, "branches": branches}
        ladder("add_residual", nano, inputs, expected(residuals, branches), RANDOM[:1])
