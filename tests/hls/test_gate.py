"""The gate against `integer_ops.route`: ties, ranges, pruning, groups of tokens, wide sums."""

import numpy as np
import pytest

from m3vit.model.integer_ops import route
from m3vit.model.parameters import Gate
from m3vit.sim.streams import gate as streams

WHOLE = {"top_k": 2, "normalise_kept": False, "prune_threshold": -1}


def gate(random, experts, width, shifts=(26, 32), bias=0, tasks=1):
    """Logits of several octaves either way, for codes of the whole range."""
    return Gate(
        random.integers(-127, 128, (1, experts, width)).astype(np.int8),
        random.integers(-bias, bias + 1, (tasks, experts)),
        random.integers(1 << 14, 1 << 15, (1, experts)).astype(np.int16),
        random.integers(*shifts, (1, experts)).astype(np.uint8),
    )


def climb(ladder, design, *calls, rtl=False):
    """Each call: codes (T, D), parameters, and by name what else `route` and the streams take."""
    inputs, picks, trace = [], {"token": [], "expert": [], "rank": [], "score": []}, []
    for codes, parameters, settings in calls:
        first, last = settings.get("expert_range", (0, parameters.weight.shape[1]))
        ours = {name: settings[name] for name in ("group", "load", "trace") if name in settings}
        rest = {**WHOLE, "task": 0, **{k: v for k, v in settings.items() if k not in ours}}
        rest = {**rest, "gate": 0, "expert_range": (first, last)}
        sums = streams.split_bytes(codes).astype(np.int64) @ parameters.weight[0].T.astype(np.int64)
        inputs.append(streams.inputs(design, sums, parameters, **rest, **ours))
        found = route(codes, parameters, **rest)
        tokens, kept = found.experts.shape
        picks["token"] += np.repeat(np.arange(tokens), kept).tolist()
        picks["rank"] += list(range(kept)) * tokens
        picks["expert"] += found.experts.ravel().tolist()
        picks["score"] += found.scores.ravel().tolist()
        if settings.get("trace", True):
            order = streams.logit_order(design.lanes, tokens, first, last, ours.get("group", 1))
            trace += found.logits.ravel()[order].tolist()
    given = {name: np.concatenate([streams[name] for streams in inputs]) for name in inputs[0]}
    return ladder("gate", design, given, {"picks": picks, "trace": np.array(trace, np.int16)}, rtl)


def codes(random, tokens, width):
    return random.integers(-32768, 32768, (tokens, width)).astype(np.int16)


@pytest.mark.parametrize("normalise_kept", [False, True])
@pytest.mark.parametrize("top_k", [1, 2, 3, 4])
@pytest.mark.parametrize("experts", [4, 5, 16])
def test_shapes(nano, ladder, experts, top_k, normalise_kept):
    random = np.random.default_rng(experts)
    settings = {"top_k": top_k, "normalise_kept": normalise_kept}
    climb(ladder, nano, (codes(random, 9, 16), gate(random, experts, 16), settings))


def test_a_single_expert_and_a_single_token(nano, ladder):
    random = np.random.default_rng(15)
    settings = {"top_k": 1, "normalise_kept": True}
    climb(ladder, nano, (codes(random, 1, 8), gate(random, 1, 8), settings))


@pytest.mark.parametrize("expert_range", [(0, 4), (3, 9), (8, 16), (5, 6), (15, 16)])
def test_ranges_of_experts(nano, ladder, expert_range):
    """Experts outside the range neither win nor weigh."""
    random = np.random.default_rng(expert_range[0])
    settings = {"expert_range": expert_range, "top_k": min(2, expert_range[1] - expert_range[0])}
    climb(ladder, nano, (codes(random, 6, 16), gate(random, 16, 16), settings))


def test_ties_go_to_the_lower_expert(nano, ladder):
    """Few different logits: the same rows of weights for several experts."""
    random = np.random.default_rng(16)
    parameters = gate(random, 16, 8, shifts=(30, 31))
    parameters.weight[:] = parameters.weight[:, [0, 1, 0, 1, 2, 0, 2, 2, 1, 0, 0, 0, 1, 2, 2, 1]]
    parameters.multiplier[:] = 20_000
    climb(ladder, nano, (codes(random, 20, 8), parameters, {"top_k": 4}), rtl=True)
    climb(ladder, nano, (np.zeros((3, 8), np.int16), parameters, {"top_k": 3}))


@pytest.mark.parametrize("shift", [19, 20, 27, 35, 49, 50])
def test_logits_that_saturate_and_that_vanish(nano, ladder, shift):
    random = np.random.default_rng(shift)
    parameters = gate(random, 8, 32, (shift, shift + 1))
    climb(ladder, nano, (codes(random, 5, 32), parameters, {"top_k": 4}))


def test_largest_sums(nano, ladder):
    """Inputs, weights and biases at their ends, up to the bound of 2^34."""
    random = np.random.default_rng(17)
    ends = random.choice([-32768, 32767], (6, 2048)).astype(np.int16)
    parameters = gate(random, 8, 2048, (34, 37), bias=(1 << 33) - 1)
    parameters.weight[:] = random.choice([-127, 127], parameters.weight.shape)
    ends[:2] = np.where(parameters.weight[0, :2] > 0, 32767, -32768)
    ends[2:4] = -ends[:2] - 1
    climb(ladder, nano, (ends, parameters, {"top_k": 4}), rtl=True)


def test_all_logits_at_the_lowest_value(nano, ladder):
    """A rank that nobody has taken is still below them."""
    random = np.random.default_rng(24)
    parameters = gate(random, 16, 8, shifts=(19, 20))
    parameters.bias[:] = -(1 << 31)
    climb(ladder, nano, (codes(random, 3, 8), parameters, {"top_k": 3, "expert_range": (6, 12)}))


@pytest.mark.parametrize("prune_threshold", [0, 3277, 32767, 32768, 100_000])
def test_pruning(nano, ladder, prune_threshold):
    random = np.random.default_rng(18)
    settings = {"top_k": 4, "prune_threshold": prune_threshold}
    climb(ladder, nano, (codes(random, 12, 16), gate(random, 8, 16), settings))


def test_a_score_at_the_threshold_is_pruned(nano, ladder):
    random = np.random.default_rng(25)
    given, parameters = codes(random, 6, 16), gate(random, 8, 16)
    scores = route(given, parameters, 0, 0, (0, 8), **WHOLE).scores
    for threshold in (int(scores[0, 1]), int(scores[0, 1]) - 1, int(scores[3, 0])):
        climb(ladder, nano, (given, parameters, {"prune_threshold": threshold}))


def test_biases_of_tasks(nano, ladder):
    random = np.random.default_rng(19)
    parameters = gate(random, 6, 8, bias=1 << 20, tasks=3)
    given = codes(random, 4, 8)
    climb(ladder, nano, *((given, parameters, {"task": task}) for task in (2, 0, 1)))


def test_a_sequence_of_commands(nano, ladder):
    """Parameters are kept or loaded, logits asked for or not, tokens many or one."""
    random = np.random.default_rng(20)
    first, second = gate(random, 8, 8), gate(random, 13, 8)
    climb(
        ladder,
        nano,
        (codes(random, 4, 8), first, {}),
        (codes(random, 1, 8), first, {"load": False, "trace": False, "top_k": 3}),
        (codes(random, 3, 8), second, {"trace": False, "expert_range": (2, 13)}),
        (codes(random, 2, 8), second, {"load": False, "normalise_kept": True}),
        rtl=True,
    )


@pytest.mark.parametrize("experts", [4, 7, 16])
def test_an_expert_per_cycle(nano, ladder, experts):
    """A token takes as many cycles as it has experts."""
    random = np.random.default_rng(29)
    call = (codes(random, 20, 8), gate(random, experts, 8), {"top_k": 2})
    found = climb(ladder, nano, call, rtl=True)
    assert found["trace"].interval == 1


def test_numbers_of_the_first_tokens(nano, ladder):
    """A command can begin anywhere in the image."""
    random = np.random.default_rng(21)
    parameters, given = gate(random, 8, 8), codes(random, 3, 8)
    sums = streams.split_bytes(given).astype(np.int64) @ parameters.weight[0].T.astype(np.int64)
    items = streams.inputs(nano, sums, parameters, 0, 0, (0, 8), **WHOLE, trace=False)
    items["commands"]["token"] = 2045
    found = route(given, parameters, 0, 0, (0, 8), **WHOLE)
    picks = {
        "token": np.repeat([2045, 2046, 2047], 2),
        "expert": found.experts.ravel(),
        "rank": [0, 1] * 3,
        "score": found.scores.ravel(),
    }
    ladder("gate", nano, items, {"picks": picks, "trace": np.zeros(0, np.int16)})


def test_large_design(zcu104, ladder):
    """Two tokens at a time, four words each, the last group with one; and one after another."""
    random = np.random.default_rng(22)
    parameters = gate(random, 64, 32)
    settings = {"top_k": 8, "group": 2, "expert_range": (5, 61)}
    climb(
        ladder,
        zcu104,
        (codes(random, 7, 32), parameters, settings),
        (codes(random, 3, 32), parameters, {"top_k": 3, "normalise_kept": True}),
        (codes(random, 5, 32), gate(random, 16, 32), {"group": 2}),
    )


def test_network(nano, ladder, golden):
    for call in golden("route"):
        settings = {
            name: int(call.inputs[name])
            for name in ("task", "top_k", "normalise_kept", "prune_threshold")
        }
        used = int(call.inputs["gate"])
        parameters = call.parameters
        chosen = Gate(
            parameters.weight[used : used + 1],
            parameters.bias,
            parameters.multiplier[used : used + 1],
            parameters.shift[used : used + 1],
        )
        settings["expert_range"] = tuple(call.inputs["expert_range"].tolist())
        climb(ladder, nano, (call.inputs["codes"], chosen, settings))
