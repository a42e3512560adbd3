"""The look-up tables that C++ sees are those of the reference."""

import re

import numpy as np
import pytest

from m3vit.hls.tables import tables_header
from m3vit.model.fixed import EXP2, GATE_EXP2, ROOT_TABLE


@pytest.mark.parametrize(
    ("name", "table"), [("kRootTable", ROOT_TABLE), ("kExp2", EXP2), ("kGateExp2", GATE_EXP2)]
)
def test_a_table_holds_the_references_entries(name, table):
    found = re.search(rf"unsigned short {name}\[(\d+)\] = \{{([^}}]*)\}}", tables_header())
    size, entries = found.groups()
    assert int(size) == table.size
    np.testing.assert_array_equal([int(entry) for entry in re.findall(r"\d+", entries)], table)
    assert table.min() >= 0 and table.max() < 1 << 16


def test_lines_are_short():
    assert max(map(len, tables_header().splitlines())) <= 100
