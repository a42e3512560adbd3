"""Forks and joins around the array: words go where a passage says, one per cycle."""

import dataclasses

import numpy as np
import pytest

FORKS = {
    "row_router": ("rows", ("requantise", "context", "gate")),
}
JOINS = {
    "panel_feed": (("tokens", "gate_rows"), "words"),
    "weight_feed": (("weights", "key_values"), "tiles"),
    "result_merge": (("plain", "activated"), "codes"),
}
SHAPES = {
    "sum_router": lambda design: (design.array_tokens, design.lanes),
    "row_router": lambda design: (design.lanes,),
    "panel_feed": lambda design: (design.panel_lanes,),
    "weight_feed": lambda design: (design.array_outputs, design.array_inputs),
    "result_merge": lambda design: (design.lanes,),
}


def passages(ways):
    """Some passages over all ways, and the way of every word."""
    random = np.random.default_rng(3)
    way = np.concatenate([np.arange(ways), random.integers(0, ways, 20)])
    words = np.concatenate([np.full(ways, 40), random.integers(1, 6, 20)])
    return {"way": way, "words": words}, way.repeat(words)


def values(kernel, design, count):
    return np.random.default_rng(4).integers(-128, 128, (count, *SHAPES[kernel](design)))


@pytest.mark.parametrize("kernel", FORKS)
def test_forks(nano, ladder, kernel):
    source, targets = FORKS[kernel]
    commands, way = passages(len(targets))
    words = values(kernel, nano, way.size)
    expected = {name: words[way == index] for index, name in enumerate(targets)}
    found = ladder(kernel, nano, {"commands": commands, source: words}, expected, rtl=True)
    assert found[source].interval == 1


@pytest.mark.parametrize("kernel", JOINS)
def test_joins(nano, ladder, kernel):
    sources, target = JOINS[kernel]
    commands, way = passages(len(sources))
    words = values(kernel, nano, way.size)
    inputs = {name: words[way == index] for index, name in enumerate(sources)}
    found = ladder(kernel, nano, {"commands": commands, **inputs}, {target: words}, rtl=True)
    assert found[target].interval == 1


@pytest.mark.parametrize("tokens", [2, 4])
def test_logits_go_two_ways_by_halves(nano, ladder, tokens):
    """To both softmaxes or to the first one alone, whose rows are all that count."""
    design = dataclasses.replace(nano, array_tokens=tokens)
    commands, way = passages(3)
    tiles = values("sum_router", design, way.size)
    expected = {
        "logits_0": tiles[way < 2, : tokens // 2],
        "logits_1": tiles[way == 0, tokens // 2 :],
        "others": tiles[way == 2],
    }
    found = ladder("sum_router", design, {"commands": commands, "sums": tiles}, expected, rtl=True)
    assert found["sums"].interval == 1


def test_results_go_five_ways(nano, ladder):
    """As codes of 8 bits into memories of codes, unchanged to the residual stream and the store."""
    commands, way = passages(5)
    wide = np.random.default_rng(5).integers(-(1 << 17), 1 << 17, (way.size, nano.lanes))
    wide[np.isin(way, (0, 1, 3))] %= 128
    names = ("tokens", "activation", "residual", "key_values", "store")
    expected = {name: wide[way == index] for index, name in enumerate(names)}
    inputs = {"commands": commands, "results": wide}
    found = ladder("result_router", nano, inputs, expected, rtl=True)
    assert found["results"].interval == 1
