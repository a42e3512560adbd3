"""The activation table against `integer_ops.activate`."""

import numpy as np

from m3vit.model.integer_ops import activate
from m3vit.sim.rtl.stalls import RANDOM


def stimulus(design, steps):
    """Streams for steps that are a table of 256 entries or a number of rows."""
    random = np.random.default_rng(3)
    table, entries, codes, results = None, [], [], []
    for step in steps:
        if isinstance(step, int):
            rows = random.integers(-128, 128, (step, design.lanes)).astype(np.int8)
            codes.append(rows)
            results.append(activate(rows, table))
        else:
            table = step
            entries.append(table)
    commands = {
        "load": [not isinstance(step, int) for step in steps],
        "rows": [step if isinstance(step, int) else 0 for step in steps],
    }
    inputs = {
        "commands": commands,
        "entries": np.concatenate(entries),
        "codes": np.concatenate(codes),
    }
    return inputs, {"results": np.concatenate(results)}


def tables(count):
    return np.random.default_rng(4).integers(-128, 128, (count, 256)).astype(np.int8)


def test_tables_and_rows_in_turn(nano, ladder):
    first, second, third = tables(3)
    steps = [first, 1, 2, 100, second, 1, third, second, 30]
    found = ladder("activation", nano, *stimulus(nano, steps), rtl=True)
    # Not a cycle lost, between commands neither: 4 tables of 256 entries and 134 rows.
    assert found["results"].last_cycle - found["entries"].first_cycle < 4 * 256 + 134 + 10


def test_every_code(nano, ladder):
    (table,) = tables(1)
    codes = np.arange(-128, 128, dtype=np.int8).reshape(-1, nano.lanes)
    inputs = {"commands": {"load": [1, 0], "rows": [0, len(codes)]}, "entries": table}
    ladder(
        "activation",
        nano,
        {**inputs, "codes": codes},
        {"results": table.reshape(codes.shape)},
    )


def test_every_lane_of_the_large_design(zcu104, ladder):
    (table,) = tables(1)
    ladder("activation", zcu104, *stimulus(zcu104, [table, 64]))


def test_network(nano, ladder, golden):
    for call in golden("activate"):
        codes, table = call.inputs["codes"][:2].reshape(-1, nano.lanes), call.inputs["table"]
        commands = {"load": [1, 0], "rows": [0, len(codes)]}
        inputs = {"commands": commands, "entries": table, "codes": codes}
        ladder("activation", nano, inputs, {"results": activate(codes, table)}, RANDOM[:1])
