"""Expert queues against NumPy's sorting, on every rung."""

import numpy as np
import pytest

from m3vit.model.integer_ops import Routing
from m3vit.sim.streams.experts import route_inputs


def routing(experts, seed=0):
    """A routing with random scores, among them 0 and one."""
    random = np.random.default_rng(seed)
    scores = random.choice([0, 1, 9, 16384, 32767, 32768], experts.shape)
    return Routing(np.zeros((0, 0), np.int16), experts, scores.astype(np.int32))


def random_experts(tokens, kept, first, last, seed=0):
    """(tokens, kept) different experts of a range."""
    random = np.random.default_rng(seed)
    return np.array([first + random.permutation(last - first)[:kept] for _ in range(tokens)])


def expected(chosen, first, last, order=None):
    """Queue lengths, and visits from the definition in `run_experts`."""
    lengths = [(chosen.experts == expert).sum() for expert in range(first, last)]
    tokens, scores = [np.zeros(0, int)], [np.zeros(0, int)]
    for expert in range(first, last) if order is None else order:
        token, rank = np.nonzero(chosen.experts == expert)
        tokens.append(token)
        scores.append(chosen.scores[token, rank])
    tokens, scores = np.concatenate(tokens), np.concatenate(scores)
    return {
        "queues": {"expert": np.arange(first, last), "length": np.array(lengths)},
        "tokens": tokens,
        "visits": {"token": tokens, "score": scores},
    }


def climb(ladder, design, chosen, first, last, rtl=False, order=None):
    inputs = route_inputs(design, chosen, (first, last), order)
    return ladder("route", design, inputs, expected(chosen, first, last, order), rtl)


@pytest.mark.parametrize(("tokens", "kept"), [(1, 1), (1, 4), (129, 2), (136, 4)])
def test_random_choices(nano, ladder, tokens, kept):
    chosen = routing(random_experts(tokens, kept, 0, 16))
    found = climb(ladder, nano, chosen, 0, 16, rtl=tokens in (1, 129))
    if tokens == 129:
        assert found["picks"].interval == 1


def test_some_of_the_experts(nano, ladder):
    climb(ladder, nano, routing(random_experts(40, 2, 5, 9)), 5, 9)


@pytest.mark.parametrize("order", [[], [7], [3, 15, 0, 8], [2, 2, 5, 2], list(range(15, -1, -1))])
def test_queues_as_they_are_ordered(nano, ladder, order):
    """None, some, one several times, all backwards."""
    chosen = routing(random_experts(40, 3, 0, 16))
    climb(ladder, nano, chosen, 0, 16, rtl=order == [3, 15, 0, 8], order=order)


def test_the_queue_of_nobody(nano, ladder):
    climb(ladder, nano, routing(np.full((9, 1), 11)), 8, 16, rtl=True, order=[9, 11, 9, 9, 10])


@pytest.mark.parametrize("tokens", [15, 16, 17, 32, 33, 136])
def test_all_tokens_at_one_expert(nano, ladder, tokens):
    """Full pages, pages of one visit, the longest queue; every other queue is empty."""
    climb(ladder, nano, routing(np.full((tokens, 1), 11)), 0, 16)


def test_as_many_pages_as_there_are(nano, ladder):
    """Every queue ends with a page of one visit."""
    picks = nano.max_tokens * nano.max_experts_per_token
    lengths = [33] * 15 + [picks - 33 * 15]
    experts = np.repeat(np.arange(16), lengths).reshape(nano.max_experts_per_token, -1).T
    climb(ladder, nano, routing(experts), 0, 16, rtl=True)


def test_a_command_starts_from_empty_queues(nano, ladder):
    runs = [routing(random_experts(20, 2, 0, 16, seed), seed) for seed in range(3)]
    inputs = [route_inputs(nano, run, (0, 16)) for run in runs]
    outputs = [expected(run, 0, 16) for run in runs]
    ladder(
        "route",
        nano,
        {name: np.concatenate([given[name] for given in inputs]) for name in inputs[0]},
        {
            "queues": joined([given["queues"] for given in outputs]),
            "tokens": np.concatenate([given["tokens"] for given in outputs]),
            "visits": joined([given["visits"] for given in outputs]),
        },
        rtl=True,
    )


def joined(parts):
    """Mappings of arrays, one behind the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def test_network(nano, ladder, golden):
    for vector in golden("run_experts"):
        chosen = Routing(None, vector.inputs["experts"], vector.inputs["scores"])
        climb(ladder, nano, chosen, 0, 8)


def test_large_design(zcu104, ladder):
    climb(ladder, zcu104, routing(random_experts(1216, 8, 0, 64)), 0, 64)
