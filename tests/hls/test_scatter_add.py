"""Weighted sums of expert outputs against NumPy, on every rung."""

import numpy as np
import pytest

from m3vit.sim.csim.kernels import stream_types
from m3vit.sim.streams.experts import scatter_add_inputs


def queue(design, tokens, scores):
    """Visits of one expert."""
    visits = np.zeros(len(tokens), stream_types("scatter_add", design)["visits"].dtype)
    visits["token"], visits["score"] = tokens, scores
    return visits


def sums(design, tokens, queues, outputs):
    """What leaves, in words."""
    width = outputs[0].shape[1]
    total = np.zeros((tokens, -(-width // design.lanes) * design.lanes), np.int64)
    for visits, output in zip(queues, outputs, strict=True):
        score = visits["score"].astype(np.int64)[:, None]
        total[visits["token"], :width] += (output * score + (1 << 14)) >> 15
    return {"sums": total.reshape(-1, design.lanes)}


def climb(ladder, design, tokens, queues, outputs, rtl=False):
    for group in range(1, design.array_tokens + 1):
        inputs = scatter_add_inputs(design, tokens, queues, outputs, group)
        found = ladder("scatter_add", design, inputs, sums(design, tokens, queues, outputs), rtl)
    return found


def random_outputs(queues, width, seed=0):
    """Codes over the whole range, some at its ends."""
    random = np.random.default_rng(seed)
    ends = np.array([-32768, -1, 0, 1, 32767])
    drawn = [random.integers(-32768, 32768, (len(visits), width)) for visits in queues]
    return [np.where(random.random(x.shape) < 0.3, random.choice(ends, x.shape), x) for x in drawn]


@pytest.mark.parametrize("score", [0, 1, 16384, 32767, 32768])
def test_every_output_of_one_expert(nano, ladder, score):
    """65,536 codes; half of those with score 1/2 are ties of the rounding."""
    codes = np.arange(-32768, 32768).reshape(128, 512)[:, ::16]
    climb(ladder, nano, 128, [queue(nano, np.arange(128), score)], [codes])


@pytest.mark.parametrize(("tokens", "width", "kept"), [(1, 4, 1), (5, 13, 4), (136, 192, 2)])
def test_random_queues(nano, ladder, tokens, width, kept):
    """Every token at `kept` experts, its scores summing to one."""
    random = np.random.default_rng(tokens)
    experts = np.array([random.permutation(6)[:kept] for _ in range(tokens)])
    cuts = np.sort(random.integers(0, 32769, (tokens, kept - 1)), axis=1)
    scores = np.diff(cuts, axis=1, prepend=0, append=32768)
    queues = []
    for expert in range(6):
        token, rank = np.nonzero(experts == expert)
        if token.size:
            queues.append(queue(nano, token, scores[token, rank]))
    climb(ladder, nano, tokens, queues, random_outputs(queues, width), rtl=tokens < 10)


def test_a_word_per_cycle(nano, ladder):
    queues = [queue(nano, np.arange(50), 12345)]
    found = climb(ladder, nano, 50, queues, random_outputs(queues, 12), rtl=True)
    assert found["outputs"].interval == found["sums"].interval == 1


def test_sums_beyond_16_bits(nano, ladder):
    """Two halves of the largest code, each rounded up, and of the smallest one."""
    queues = [queue(nano, [0, 1], 16384)] * 2
    outputs = [np.repeat([[32767], [-32768]], 4, axis=1)] * 2
    assert sums(nano, 2, queues, outputs)["sums"].max() == 32768
    climb(ladder, nano, 2, queues, outputs)


@pytest.mark.parametrize("width", [4, 8])
def test_one_token_at_one_expert_after_another(nano, ladder, width):
    """The same addresses come back as soon as they can."""
    queues = [queue(nano, [2], score) for score in (8192, 16384, 4096, 4096)]
    climb(ladder, nano, 3, queues, random_outputs(queues, width), rtl=True)


def test_sums_start_from_zero(nano, ladder):
    """Two layers; the second one has fewer tokens."""
    layers = []
    for tokens in (6, 3):
        queues = [queue(nano, np.arange(tokens), 30000)]
        layers.append((tokens, queues, random_outputs(queues, 8, seed=tokens)))
    inputs = [scatter_add_inputs(nano, *layer) for layer in layers]
    outputs = [sums(nano, *layer)["sums"] for layer in layers]
    ladder(
        "scatter_add",
        nano,
        {name: np.concatenate([given[name] for given in inputs]) for name in inputs[0]},
        {"sums": np.concatenate(outputs)},
        rtl=True,
    )


def test_network(nano, ladder, golden):
    vector = golden("run_experts")[0]
    experts, scores = vector.inputs["experts"], vector.inputs["scores"]
    queues = []
    for expert in range(8):
        token, rank = np.nonzero(experts == expert)
        if token.size:
            queues.append(queue(nano, token, scores[token, rank]))
    climb(ladder, nano, len(experts), queues, random_outputs(queues, 16))


def test_as_many_rows_as_fit(zcu104, ladder):
    tokens = zcu104.max_routed_values // 256
    queues = [queue(zcu104, [0, tokens - 1], [32768, 5])]
    climb(ladder, zcu104, tokens, queues, random_outputs(queues, 256))
