"""Each operation against its text in plain Python integers, and at its extremes."""

from dataclasses import replace

import numpy as np
import pytest

from m3vit.model import fixed
from m3vit.model.fixed import MAX_TOKENS, split_ratio
from m3vit.model.integer_ops import (
    Routing,
    activate,
    add_residual,
    attention_context,
    attention_logits,
    attention_weights,
    cut_patches,
    embed,
    layer_norm,
    linear,
    normalise,
    route,
    run_experts,
    run_mlp,
    split_heads,
)
from m3vit.model.parameters import Gate, Heads, Linear
from m3vit.model.synthetic import NANO, random_image, random_model

MODEL = random_model()
DENSE, MOE = MODEL.layers[0], MODEL.layers[1]
LIMITS = {np.int8: (-128, 127), np.int16: (-32768, 32767)}


def sat(value, bits):
    return min(max(value, -(1 << (bits - 1))), (1 << (bits - 1)) - 1)


def shifted(value, shift):
    """Round half up and shift."""
    return (value + (1 << (shift - 1))) >> shift


def codes(shape, dtype=np.int8, seed=0):
    """Full-range codes; the first rows hold the extremes."""
    low, high = LIMITS[dtype]
    array = np.random.default_rng(seed).integers(low, high + 1, shape).astype(dtype)
    rows = np.moveaxis(array, -2, 0)
    for row, value in zip(rows, (low, high, 0), strict=False):
        row[...] = value
    return array


def plain_linear(inputs, parameters):
    rows = []
    for row in inputs.tolist():
        out = []
        for n, weights in enumerate(parameters.weight.tolist()):
            acc = sum(x * w for x, w in zip(row, weights, strict=True)) + int(parameters.bias[n])
            assert abs(acc) < 1 << 26
            value = shifted(acc * int(parameters.multiplier[n]), int(parameters.shift[n]))
            out.append(sat(value + parameters.zero_point, parameters.bits))
        rows.append(out)
    return rows


def plain_normalise(row, epsilon):
    width = len(row)
    total, squares = sum(row), sum(x * x for x in row)
    variance = width * squares - total * total + epsilon
    length = variance.bit_length()
    shift = length + length % 2 - 32
    scaled = variance >> shift if shift >= 0 else variance << -shift
    start = int(fixed.ROOT_TABLE[(scaled >> 23) - 128])
    correction = 3 * 2**30 - ((scaled * start * start) >> 32)
    root = shifted(start * correction, 30)
    return [shifted((width * x - total) * root, 20 + shift // 2) for x in row]


def plain_affine(normalised, affine):
    return [
        sat(shifted(n * int(gain) + int(bias), affine.shift), affine.bits)
        for n, gain, bias in zip(normalised, affine.gain, affine.bias, strict=True)
    ]


def plain_weight(distance):
    octave = min(distance >> 7, 9)
    return (int(fixed.EXP2[distance & 127]) + (1 << (7 + octave))) >> (8 + octave)


def plain_gate_weight(distance):
    octave = min(distance >> 10, 17)
    return (int(fixed.GATE_EXP2[distance & 1023]) + ((1 << octave) >> 1)) >> octave


def plain_reciprocal(value):
    return ((1 << (value.bit_length() + 15)) - 1) // value, value.bit_length()


@pytest.mark.parametrize(
    "parameters",
    [
        DENSE.attention.projection,
        DENSE.attention.output,
        MOE.experts[0].down,
        MODEL.parameters.embeddings.projection,
    ],
    ids=["int8", "wide", "int16", "patches"],
)
def test_linear(parameters):
    inputs = codes((6, parameters.weight.shape[1]))
    np.testing.assert_array_equal(linear(inputs, parameters), plain_linear(inputs, parameters))


def test_linear_is_exact_where_float32_is_not():
    # 1100 products of -128 x -127 exceed 2^24 and need the last bit: float64 is chosen.
    weight = np.full((1, 1100), -127, np.int8)
    multiplier, shift = split_ratio(np.array([2.0**-10]))
    bias = np.array([1], np.int32)
    parameters = Linear(weight, bias, multiplier, shift, 0, 32)
    assert parameters.matrix.dtype == np.float64
    inputs = np.full((1, 1100), -128, np.int8)
    np.testing.assert_array_equal(linear(inputs, parameters), plain_linear(inputs, parameters))


def test_cut_patches_orders_channel_row_column():
    pixels = random_image(NANO)
    patches, size = cut_patches(pixels, 8), 8
    assert patches.shape == (24, 192)
    for patch, channel, row, column in [(0, 0, 0, 0), (7, 2, 3, 5), (23, 1, 7, 7)]:
        down, across = divmod(patch, 48 // size)
        pixel = int(pixels[down * size + row, across * size + column, channel])
        assert patches[patch, (channel * size + row) * size + column] == pixel - 128


def test_embed_adds_positions_and_saturates_once():
    embeddings = MODEL.parameters.embeddings
    pixels = random_image(NANO)
    tokens = embed(pixels, embeddings, 8)
    np.testing.assert_array_equal(tokens[0], embeddings.cls_row)
    patches = plain_linear(cut_patches(pixels, 8), embeddings.projection)
    expected = [
        [sat(value + int(position), 16) for value, position in zip(row, positions, strict=True)]
        for row, positions in zip(patches, embeddings.positions, strict=True)
    ]
    np.testing.assert_array_equal(tokens[1:], expected)


@pytest.mark.parametrize("seed", range(3))
def test_layer_norm(seed):
    residual = codes((12, 32), np.int16, seed)
    residual[3] = 5  # variance 0 away from zero
    residual[4] = np.arange(32) % 2  # tiny variance
    residual[5] = 0
    residual[5, 0] = 32767  # one outlier
    norm = MOE.norm
    got, gate = layer_norm(residual, norm)
    assert (got.dtype, gate.dtype) == (np.int8, np.int16)
    for row, narrow, wide in zip(residual.tolist(), got, gate, strict=True):
        normalised = plain_normalise(row, norm.epsilon)
        np.testing.assert_array_equal(narrow, plain_affine(normalised, norm.output))
        np.testing.assert_array_equal(wide, plain_affine(normalised, norm.gate))


def test_layer_norm_of_a_constant_row_is_its_bias():
    norm = DENSE.norm
    got, _ = layer_norm(np.full((1, 32), -32768, np.int16), norm)
    np.testing.assert_array_equal(got[0], plain_affine([0] * 32, norm.output))


def test_normalised_values_fit_18_bits_up_to_width_1024():
    row = np.zeros((1, 1024), np.int16)
    row[0, 0] = 32767
    row[0, 1:] = -32768
    normalised = normalise(row, 1)
    assert np.abs(normalised).max() < 1 << 17
    np.testing.assert_array_equal(normalised[0], plain_normalise(row[0].tolist(), 1))


def test_normalise_at_the_largest_width_is_exact():
    row = codes((5, fixed.MAX_WIDTH), np.int16)
    row[3, ::2], row[3, 1::2] = -32768, 32767  # the largest variance there is
    for got, expected in zip(normalise(row, (1 << 52) - 1), row.tolist(), strict=True):
        np.testing.assert_array_equal(got, plain_normalise(expected, (1 << 52) - 1))


def test_normalise_is_close_to_float():
    rows = np.random.default_rng(0).normal(0, 3000, (20, 192)).astype(np.int16)
    exact = (rows - rows.mean(1, keepdims=True)) / np.sqrt(rows.var(1, keepdims=True))
    # Half a step of rounding, and a root that is off by less than 1.4e-5.
    error = np.abs(normalise(rows, 1) / 4096 - exact)
    assert np.all(error <= 0.5 / 4096 + 1.4e-5 * np.abs(exact) + 1e-9)


def test_split_heads():
    qkv = np.arange(5 * 96).reshape(5, 96)
    query, key, value = split_heads(qkv, 2)
    assert query.shape == (2, 5, 16)
    assert query[1, 3, 2] == qkv[3, 18]
    assert key[0, 4, 15] == qkv[4, 32 + 15]
    assert value[1, 0, 0] == qkv[0, 64 + 16]


def plain_attention(query, key, value, logits, context):
    heads, tokens, width = query.shape
    result = np.zeros((tokens, heads * width), int)
    for h in range(heads):
        for t in range(tokens):
            row = []
            for other in range(tokens):
                acc = sum(int(a) * int(b) for a, b in zip(query[h, t], key[h, other], strict=True))
                scaled = shifted(acc * int(logits.multiplier[h]), int(logits.shift[h]))
                row.append(sat(scaled, 16))
            weights = [plain_weight(max(row) - logit) for logit in row]
            mantissa, length = plain_reciprocal(sum(weights))
            for c in range(width):
                acc = sum(p * int(v) for p, v in zip(weights, value[h, :, c], strict=True))
                normalised = shifted(acc * mantissa, length + 5)
                assert abs(normalised) <= 1 << 17
                scaled = shifted(normalised * int(context.multiplier[h]), int(context.shift[h]))
                result[t, h * width + c] = sat(scaled + context.zero_point, 8)
    return result


@pytest.mark.parametrize("tokens", [1, 7])
def test_attention(tokens):
    attention = DENSE.attention
    query, key, value = (codes((2, tokens, 16), np.int8, seed) for seed in range(3))
    logits = attention_logits(query, key, attention.logits)
    weights = attention_weights(logits)
    got = attention_context(weights, value, attention.context)
    assert (logits.dtype, weights.dtype, got.dtype) == (np.int16, np.uint8, np.int8)
    expected = plain_attention(query, key, value, attention.logits, attention.context)
    np.testing.assert_array_equal(got, expected)


def test_attention_does_not_depend_on_the_order_of_tokens():
    query, key, value = (codes((2, 40, 16), np.int8, seed) for seed in range(3))
    order = np.random.default_rng(3).permutation(40)
    attention = DENSE.attention

    def run(q, k, v):
        weights = attention_weights(attention_logits(q, k, attention.logits))
        return attention_context(weights, v, attention.context)

    expected = run(query, key, value)
    np.testing.assert_array_equal(run(query, key[:, order], value[:, order]), expected)


def test_attention_over_the_longest_rows_is_exact():
    """All weights 255 and all values -128 reach the largest sums; the mean is -128 again."""
    tokens = MAX_TOKENS
    logits = np.full((1, tokens, tokens), 7, np.int16)
    weights = attention_weights(logits)
    assert weights.min() == 255
    multiplier, shift = split_ratio(np.array([2.0**-10]))
    heads = Heads(multiplier, shift, 0, 8)
    value = np.full((1, tokens, 2), -128, np.int8)
    np.testing.assert_array_equal(attention_context(weights, value, heads), -128)


def heads_of(ratio, bits):
    return Heads(*split_ratio(np.array([ratio])), 0, bits)


def test_context_keeps_ten_fraction_bits_rounded_half_up():
    generator = np.random.default_rng(0)
    weights = generator.integers(0, 256, (1, 50, 50)).astype(np.uint8)
    weights[:, :, 0] = 255
    value = (generator.integers(0, 50, (1, 50, 8)) == 0).astype(np.int8)
    got = attention_context(weights, value, heads_of(1.0, 16))
    for row, codes_of_row in zip(weights[0].tolist(), got, strict=True):
        mantissa, length = plain_reciprocal(sum(row))
        sums = [sum(p * int(v) for p, v in zip(row, value[0, :, c], strict=True)) for c in range(8)]
        np.testing.assert_array_equal(
            codes_of_row, [shifted(x * mantissa, length + 5) for x in sums]
        )


def test_long_rows_are_summed_exactly():
    """Sums beyond 2^24, which float32 would round; 16 bits show what int8 would hide."""
    generator = np.random.default_rng(0)
    weights = generator.integers(200, 256, (1, 64, MAX_TOKENS)).astype(np.uint8)
    value = generator.integers(100, 128, (1, MAX_TOKENS, 64)).astype(np.int8)
    padded = np.zeros((1, MAX_TOKENS, MAX_TOKENS), np.uint8)
    padded[:, :, 0] = 255
    padded[:, :64] = weights
    got = attention_context(padded, value, heads_of(0.2, 16))[:64]
    rule = heads_of(0.2, 16)
    sums = weights[0].astype(np.int64) @ value[0].astype(np.int64)
    assert sums.max() > 1 << 25
    for row, total, found in zip(sums.tolist(), weights[0].sum(axis=1), got, strict=True):
        mantissa, length = plain_reciprocal(int(total))
        expected = [
            shifted(shifted(x * mantissa, length + 5) * int(rule.multiplier[0]), int(rule.shift[0]))
            for x in row
        ]
        np.testing.assert_array_equal(found, expected)


def test_logits_of_wide_heads_are_exact():
    """1101 products reach beyond 2^24."""
    generator = np.random.default_rng(0)
    query, key = generator.integers(126, 128, (2, 1, 250, 1101)).astype(np.int8)
    rule = heads_of(1 / 600, 16)
    sums = query[0].astype(np.int64) @ key[0].astype(np.int64).T
    assert sums.min() > 1 << 24
    expected = shifted(sums * int(rule.multiplier[0]), int(rule.shift[0]))
    np.testing.assert_array_equal(attention_logits(query, key, rule)[0], expected)


def test_attention_saturates_logits_that_are_too_far_apart():
    multiplier, shift = split_ratio(np.array([8.0]))
    query = np.full((1, 2, 16), 127, np.int8)
    key = np.stack([np.full((2, 16), 127), np.full((2, 16), -128)])[None, :, 0].astype(np.int8)
    logits = attention_logits(query, key, Heads(multiplier, shift, 0, 16))
    np.testing.assert_array_equal(logits[0], [[32767, -32768]] * 2)
    np.testing.assert_array_equal(attention_weights(logits)[0], [[255, 0]] * 2)


def test_activate_reads_entry_code_plus_128():
    table = np.random.default_rng(0).integers(-128, 128, 256).astype(np.int8)
    every = np.arange(-128, 128).astype(np.int8)
    np.testing.assert_array_equal(activate(every, table), table)


def test_add_residual_saturates_once_and_18_bits_would_do():
    branch = np.array([2**29, -(2**29), 65535, -65536, 1], np.int32)
    for residual in (-32768, 0, 32767):
        got = add_residual(np.full(5, residual, np.int16), branch)
        assert got.dtype == np.int16
        np.testing.assert_array_equal(got, [sat(residual + int(b), 16) for b in branch])
        narrow = np.clip(branch, -(1 << 17), (1 << 17) - 1)
        np.testing.assert_array_equal(add_residual(np.full(5, residual, np.int16), narrow), got)


def plain_route(inputs, gate, task, which, expert_range, top_k, normalise_kept, threshold):
    first, last = expert_range
    experts, scores = [], []
    for row in inputs.tolist():
        logits = []
        for expert in range(first, last):
            weights = gate.weight[which, expert].tolist()
            acc = sum(x * w for x, w in zip(row, weights, strict=True))
            acc += int(gate.bias[task, expert])
            assert abs(acc) < 1 << 34
            product = acc * int(gate.multiplier[which, expert])
            logits.append(sat(shifted(product, int(gate.shift[which, expert])), 16))
        best = sorted(range(len(logits)), key=lambda e: (-logits[e], e))[:top_k]
        weights = [plain_gate_weight(max(logits) - logit) for logit in logits]
        total = sum(weights[e] for e in best) if normalise_kept else sum(weights)
        mantissa, length = plain_reciprocal(total)
        found = [shifted(weights[e] * mantissa, length) for e in best]
        experts.append([e + first for e in best])
        scores.append([0 if score <= threshold else score for score in found])
    return experts, scores


@pytest.mark.parametrize("normalise_kept", [False, True])
@pytest.mark.parametrize(
    ("expert_range", "top_k"), [([0, 6], 2), ([0, 6], 6), ([2, 5], 2), ([3, 4], 1)]
)
@pytest.mark.parametrize("threshold", [-1, 3276])
def test_route(expert_range, top_k, normalise_kept, threshold):
    inputs = codes((9, 32), np.int16)
    arguments = (MOE.gate, 1, 1, expert_range, top_k, normalise_kept, threshold)
    routing = route(inputs, *arguments)
    experts, scores = plain_route(inputs, *arguments)
    np.testing.assert_array_equal(routing.experts, experts)
    np.testing.assert_array_equal(routing.scores, scores)
    assert routing.logits.shape == (9, expert_range[1] - expert_range[0])


def test_route_breaks_ties_towards_the_lower_index_with_equal_scores():
    gate = replace(
        MOE.gate, weight=np.zeros_like(MOE.gate.weight), bias=np.zeros_like(MOE.gate.bias)
    )
    routing = route(codes((4, 32), np.int16), gate, 0, 0, [0, 6], 3, False, -1)
    np.testing.assert_array_equal(routing.experts, [[0, 1, 2]] * 4)
    assert len(set(routing.scores.ravel().tolist())) == 1
    assert abs(int(routing.scores[0, 0]) - 32768 / 6) < 1


def test_a_score_equal_to_the_threshold_is_pruned():
    inputs = codes((9, 32), np.int16)
    scores = route(inputs, MOE.gate, 0, 0, [0, 6], 2, False, -1).scores
    threshold = int(scores[5, 1])
    assert 0 < threshold < 32768
    pruned = route(inputs, MOE.gate, 0, 0, [0, 6], 2, False, threshold).scores
    np.testing.assert_array_equal(pruned, np.where(scores > threshold, scores, 0))


def test_route_of_a_single_expert_gives_it_one():
    routing = route(codes((4, 32), np.int16), MOE.gate, 0, 0, [2, 3], 1, False, -1)
    np.testing.assert_array_equal(routing.experts, 2)
    np.testing.assert_array_equal(routing.scores, 32768)


def test_scores_never_exceed_one():
    inputs = codes((200, 32), np.int16)
    for normalise_kept in (False, True):
        scores = route(inputs, MOE.gate, 0, 0, [0, 6], 6, normalise_kept, -1).scores
        assert scores.min() >= 0
        assert scores.sum(axis=1).max() <= 32768 + 6


def test_route_of_many_experts():
    experts, width = 256, 4
    generator = np.random.default_rng(0)
    multiplier, shift = split_ratio(np.full((1, experts), 0.01), fixed.GATE_ACCUMULATOR_BITS)
    gate = Gate(
        generator.integers(-127, 128, (1, experts, width)).astype(np.int8),
        np.zeros((1, experts), np.int64),
        multiplier,
        shift,
    )
    arguments = (gate, 0, 0, [0, experts], 4, False, -1)
    inputs = codes((6, width), np.int16)
    routing = route(inputs, *arguments)
    expected, scores = plain_route(inputs, *arguments)
    np.testing.assert_array_equal(routing.experts, expected)
    np.testing.assert_array_equal(routing.scores, scores)


def routing_of(experts, scores):
    return Routing(np.zeros((0, 0), np.int16), np.array(experts), np.array(scores, np.int32))


def test_run_experts():
    inputs = codes((5, 32))
    routing = routing_of([[0, 1], [1, 0], [4, 5], [5, 0], [0, 4]], [[20000, 10000]] * 5)
    got = run_experts(inputs, routing, MOE.experts, range(6))
    for token in range(5):
        expected = np.zeros(32, int)
        for expert, score in zip(routing.experts[token], routing.scores[token], strict=True):
            mlp = MOE.experts[expert]
            hidden = plain_linear(inputs[token : token + 1], mlp.up)
            active = np.array([[mlp.table[code + 128] for code in hidden[0]]])
            for column, y in enumerate(plain_linear(active, mlp.down)[0]):
                assert -32768 <= y <= 32767
                expected[column] += shifted(y * int(score), 15)
        np.testing.assert_array_equal(got[token], expected)


def test_run_experts_does_not_depend_on_their_order():
    inputs = codes((30, 32))
    routing = route(codes((30, 32), np.int16, 1), MOE.gate, 0, 0, [0, 6], 3, False, -1)
    expected = run_experts(inputs, routing, MOE.experts, range(6))
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(6)
        got = run_experts(inputs, routing, MOE.experts, order)
        np.testing.assert_array_equal(got, expected)


def test_run_experts_with_all_tokens_at_one_expert_is_that_expert():
    inputs = codes((9, 32))
    routing = routing_of([[3]] * 9, [[32768]] * 9)
    got = run_experts(inputs, routing, MOE.experts, range(6))
    np.testing.assert_array_equal(got, run_mlp(inputs, MOE.experts[3]))


def test_unused_experts_are_not_touched():
    routing = routing_of([[3]] * 2, [[100]] * 2)
    experts = [None, None, None, MOE.experts[3], None, None]
    branch = run_experts(codes((2, 32)), routing, experts, range(6))
    assert branch.any()


def test_experts_with_score_zero_contribute_nothing():
    routing = routing_of([[3, 1]] * 2, [[0, 0]] * 2)
    got = run_experts(codes((2, 32)), routing, MOE.experts, range(6))
    np.testing.assert_array_equal(got, 0)
