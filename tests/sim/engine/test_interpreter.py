"""What every instruction computes, against the operations of the reference."""

import numpy as np
import pytest
from programs import (
    Memory,
    beats,
    random_affine,
    random_codes,
    random_gate,
    random_heads,
    random_linear,
    random_mlp,
    random_norm,
)

from m3vit.hls.design import DesignConfig
from m3vit.hls.image_command import image_command
from m3vit.hls.isa import TO_KEYS, TO_MEMORY, TO_RESIDUAL, TO_VALUES, Instruction
from m3vit.host.packing import (
    Channels,
    pack_affines,
    pack_bytes,
    pack_gate_parameters,
    pack_gate_weights,
    pack_matrix,
    pack_rows,
)
from m3vit.model import integer_ops
from m3vit.model.fixed import saturate
from m3vit.model.parameters import LayerNorm

LANES, INPUTS, TOKENS = 4, 8, 2
"""Of the design nano."""


@pytest.fixture
def generator():
    return np.random.default_rng(1)


@pytest.fixture
def memory():
    design = DesignConfig.load("nano")
    assert (design.lanes, design.array_inputs, design.array_tokens) == (LANES, INPUTS, TOKENS)
    assert design.panel_lanes == design.array_outputs == LANES
    return Memory(design)


def words(channels):
    return -(-channels // LANES)


def load(memory, rows, first=0):
    """LOAD of (R, D) int16."""
    size = 2 * rows.shape[0] * words(rows.shape[1]) * LANES
    return Instruction(
        "LOAD",
        address=memory.place(pack_rows(rows, LANES)),
        beats=beats(size),
        first=first,
        rows=len(rows),
        words=words(rows.shape[1]),
    )


def store(memory, rows, channels, first=0):
    """STORE, and the line where (R, whole words) int16 will be."""
    size = 2 * rows * words(channels) * LANES
    line = memory.reserve(size)
    fields = {"address": line, "beats": beats(size), "first": first, "rows": rows}
    return Instruction("STORE", words=words(channels), **fields), line


def norm(memory, parameters, rows, width, **values):
    """NORM to the buffer 1 at word 0."""
    affines = [parameters.output, *([parameters.gate] if parameters.gate else [])]
    shifts = {"wide_shift": parameters.gate.shift} if parameters.gate else {}
    return Instruction(
        "NORM",
        rows=rows,
        words=words(width),
        width=width,
        epsilon=parameters.epsilon,
        **({"code_shift": parameters.output.shift, "codes": 1} | shifts | values),
        parameters=memory.place(pack_affines(affines, LANES)),
        parameter_beats=beats(8 * len(affines) * words(width) * LANES),
        domain=1,
        stride=words(width),
    )


def matmul(memory, linear, rows, groups=None, **values):
    """MATMUL of the buffer 1 at word 0."""
    outputs, inputs = linear.weight.shape
    groups = groups or words(outputs)
    content = pack_matrix(
        memory.design,
        linear,
        Channels.plain(inputs, LANES),
        Channels.plain(outputs, LANES),
        groups,
    )
    place = {"domain": 1, "stride": words(inputs)}
    return Instruction(
        "MATMUL",
        **(place | values),
        rows=rows,
        words=words(inputs),
        beats=-(-words(inputs) * LANES // INPUTS),
        weights=memory.place(content),
        groups=groups,
        chunks=words(outputs) // groups,
        zero_point=linear.zero_point,
        bits=18 if linear.bits == 32 else linear.bits,
    )


def to_memory(memory, linear, rows, groups=None, **values):
    """MATMUL to memory, and a function that reads its (R, N) results."""
    outputs = linear.weight.shape[0]
    size = 2 * rows * words(outputs) * LANES
    line = memory.reserve(size)
    values |= {"destination": TO_MEMORY, "store": line, "store_beats": beats(size)}
    instruction = matmul(memory, linear, rows, groups, **values)

    def read():
        numbers = iter(memory.numbers(line, size // 2 // LANES, LANES))
        results = np.zeros((rows, words(outputs), LANES), np.int16)
        step = instruction["groups"]
        for chunk in range(0, words(outputs), step):
            for block in range(0, rows, TOKENS):
                for word in range(chunk, chunk + step):
                    for row in range(block, min(block + TOKENS, rows)):
                        results[row, word] = next(numbers)
        return results.reshape(rows, -1)[:, :outputs]

    return instruction, read


def test_rows_come_back(memory, generator):
    rows = random_codes(generator, 3, 5, dtype=np.int16)
    stored, line = store(memory, 2, 5, first=8)
    memory.run(load(memory, rows, first=7), stored)
    found = memory.numbers(line, 2, 8)
    np.testing.assert_array_equal(found[:, :5], rows[1:])
    assert not found[:, 5:].any()


def test_the_last_beat_ends_with_zeros_and_nothing_behind_it_changes(memory, generator):
    rows = random_codes(generator, 1, LANES, dtype=np.int16)
    stored, line = store(memory, 1, LANES)
    memory.run(load(memory, rows), stored)
    np.testing.assert_array_equal(memory.numbers(line, LANES), rows[0])
    found = memory.read(line, 64)
    assert not found[8:16].any()
    assert np.all(found[16:] == 0xAA)


@pytest.mark.parametrize("width", [8, 10])
def test_layer_norm_to_memory(memory, generator, width):
    rows = random_codes(generator, 5, width, dtype=np.int16)
    affine = random_affine(generator, width, 16)
    parameters = LayerNorm(99, affine)
    size = 2 * 4 * words(width) * LANES
    line = memory.reserve(size)
    values = {"codes": 0, "wide": 2, "wide_shift": affine.shift, "first": 1}
    values |= {"store": line, "store_beats": beats(size)}
    memory.run(load(memory, rows), norm(memory, parameters, 4, width, **values))
    expected, _ = integer_ops.layer_norm(rows[1:], parameters)
    found = memory.numbers(line, 4, words(width) * LANES)
    np.testing.assert_array_equal(found[:, :width], expected)
    assert not found[:, width:].any()


@pytest.mark.parametrize(("width", "outputs", "groups"), [(8, 12, 3), (10, 16, 2), (20, 8, 1)])
def test_layer_norm_and_matmul_to_memory(memory, generator, width, outputs, groups):
    rows = random_codes(generator, 5, width, dtype=np.int16)
    parameters = random_norm(generator, width)
    linear = random_linear(generator, outputs, width, 16)
    product, read = to_memory(memory, linear, 5, groups)
    memory.run(load(memory, rows), norm(memory, parameters, 5, width), product)
    codes, _ = integer_ops.layer_norm(rows, parameters)
    expected = integer_ops.linear(codes, linear)
    assert np.unique(expected).size > 20
    np.testing.assert_array_equal(read(), expected)


def test_mlp_by_the_token_memory(memory, generator):
    rows = random_codes(generator, 5, 8, dtype=np.int16)
    parameters = random_norm(generator, 8)
    table = random_codes(generator, 256)
    mlp = random_mlp(generator, 8, 20, -5, table)
    up = matmul(memory, mlp.up, 5, activate=1, to_domain=4, to_base=1000, to_stride=7)
    down, read = to_memory(memory, mlp.down, 5, domain=4, base=1000, stride=7)
    memory.run(
        load(memory, rows),
        norm(memory, parameters, 5, 8),
        Instruction("TABLE", address=memory.place(pack_bytes(table))),
        up,
        down,
    )
    codes, _ = integer_ops.layer_norm(rows, parameters)
    np.testing.assert_array_equal(read(), integer_ops.run_mlp(codes, mlp))


def test_matmul_to_the_residual_stream(memory, generator):
    rows = random_codes(generator, 6, 10, dtype=np.int16)
    parameters = random_norm(generator, 10)
    linear = random_linear(generator, 10, 10, 32)
    linear = type(linear)(
        linear.weight, linear.bias, linear.multiplier, np.full(10, 14, np.uint8), 0, 32
    )
    stored, line = store(memory, 6, 10)
    memory.run(
        load(memory, rows),
        norm(memory, parameters, 5, 10),
        matmul(memory, linear, 5, destination=TO_RESIDUAL, first=1, to_stride=3),
        stored,
    )
    codes, _ = integer_ops.layer_norm(rows[:5], parameters)
    branch = integer_ops.linear(codes, linear)
    assert np.abs(branch).max() > 1 << 15  # saturation is met
    expected = rows.copy()
    expected[1:] = integer_ops.add_residual(rows[1:], branch)
    np.testing.assert_array_equal(memory.numbers(line, 6, 12)[:, :10], expected)


@pytest.mark.parametrize("bits", [8, 16])
def test_narrow_results_to_the_residual_stream(memory, generator, bits):
    """The sum is made wide, then saturated."""
    rows = random_codes(generator, 6, 8, dtype=np.int16)
    parameters = random_norm(generator, 8)
    linear = random_linear(generator, 8, 8, bits)
    stored, line = store(memory, 6, 8)
    memory.run(
        load(memory, rows),
        norm(memory, parameters, 6, 8),
        matmul(memory, linear, 6, destination=TO_RESIDUAL, to_stride=2),
        stored,
    )
    codes, _ = integer_ops.layer_norm(rows, parameters)
    wide = rows.astype(np.int64) + integer_ops.linear(codes, linear)
    assert bits == 8 or np.abs(wide).max() > 1 << 15  # saturation is met
    expected = np.clip(wide, -(1 << 15), (1 << 15) - 1)
    np.testing.assert_array_equal(memory.numbers(line, 6, 8), expected)


def test_attention(memory, generator):
    tokens, width, heads = 11, 16, 2
    rows = random_codes(generator, tokens, width, dtype=np.int16)
    parameters = random_norm(generator, width)
    query, key, value = (random_linear(generator, width, width, 8) for _ in range(3))
    logit_rule = random_heads(generator, heads, 16, 20)
    context_rule = random_heads(generator, heads, 8, 24, zero_point=3)
    output = random_linear(generator, width, width, 16)

    key_step, value_step = 1, -(-tokens // INPUTS)  # a head has 8 channels
    key_head, value_head = -(-tokens // LANES) * key_step, 2 * value_step
    head_words = 2
    attend = [
        Instruction(
            "ATTENTION",
            domain=3,
            base=2000 + head * head_words,
            stride=4,
            rows=tokens,
            words=head_words,
            beats=1,
            keys=tokens,
            key_base=5 + head * key_head,
            key_groups=3,
            value_base=9 + head * value_head,
            value_groups=head_words,
            value_beats=value_step,
            logit_multiplier=int(logit_rule.multiplier[head]),
            logit_shift=20,
            multiplier=int(context_rule.multiplier[head]),
            shift=24,
            zero_point=3,
            to_domain=2,
            to_base=3000,
            to_stride=5,
            to_offset=head * head_words,
        )
        for head in range(heads)
    ]
    tiles = {"head_words": head_words, "step": key_step, "to_base": 5, "to_stride": key_head}
    keys = matmul(memory, key, tokens, destination=TO_KEYS, **tiles)
    tiles = {"head_words": head_words, "step": value_step, "to_base": 9, "to_stride": value_head}
    values = matmul(memory, value, tokens, destination=TO_VALUES, **tiles)
    product, read = to_memory(memory, output, tokens, domain=2, base=3000, stride=5)
    memory.run(
        load(memory, rows),
        norm(memory, parameters, tokens, width),
        matmul(memory, query, tokens, to_domain=3, to_base=2000, to_stride=4),
        keys,
        values,
        *attend,
        product,
    )

    codes, _ = integer_ops.layer_norm(rows, parameters)
    all_heads = integer_ops.split_heads(
        np.concatenate([integer_ops.linear(codes, part) for part in (query, key, value)], axis=1),
        heads,
    )
    logits = integer_ops.attention_logits(all_heads[0], all_heads[1], logit_rule)
    weights = integer_ops.attention_weights(logits)
    assert (weights > 20).sum(axis=2).max() > 2  # more than one key matters
    context = integer_ops.attention_context(weights, all_heads[2], context_rule)
    assert np.unique(context).size > 20
    np.testing.assert_array_equal(read(), integer_ops.linear(context, output))


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize(("normalise_kept", "threshold"), [(False, -1), (True, 15000)])
def test_mixture_of_experts(memory, generator, raw, normalise_kept, threshold):
    tokens, width, hidden, experts, kept, chosen = 7, 12, 10, 6, 2, (1, 5)
    rows = random_codes(generator, tokens, width, dtype=np.int16)
    parameters = random_norm(generator, width, gate=not raw)
    gate = random_gate(generator, experts, width)
    table = random_codes(generator, 256)
    mlps = [random_mlp(generator, width, hidden, 4, table) for _ in range(experts)]
    plain = Channels.plain(width, LANES), Channels.plain(hidden, LANES)
    blobs = [
        np.concatenate(
            (
                pack_matrix(memory.design, mlp.up, *plain, words(hidden)),
                pack_matrix(memory.design, mlp.down, *plain[::-1], words(width)),
            )
        )
        for mlp in mlps[chosen[0] : chosen[1]]
    ]
    picks = memory.reserve(8 * tokens * kept)
    choose = Instruction(
        "GATE",
        rows=tokens,
        words=words(width),
        beats=2,
        weights=memory.place(pack_gate_weights(memory.design, gate.weight[0])),
        groups=words(experts),
        parameters=memory.place(pack_gate_parameters(gate, 0, 0)),
        experts=experts,
        first=chosen[0],
        last=chosen[1],
        kept=kept,
        normalise_kept=int(normalise_kept),
        prune_threshold=threshold,
        picks=picks,
        pick_count=tokens * kept,
    )
    run = Instruction(
        "EXPERTS",
        domain=1,
        stride=words(width),
        rows=tokens,
        up_words=words(width),
        up_beats=2,
        up_groups=words(hidden),
        hidden_domain=4,
        hidden_base=500,
        hidden_stride=4,
        down_words=words(hidden),
        down_beats=2,
        down_groups=words(width),
        weights=memory.place(np.concatenate(blobs)),
        expert_lines=blobs[0].size // 64,
        first=chosen[0],
        experts=chosen[1] - chosen[0],
        slot=3,
        zero_point=4,
        residual_words=words(width),
        to_first=tokens if raw else 0,
    )
    if raw:
        rows_of = {"rows": tokens, "words": words(width)}
        front = [
            Instruction("NORM", wide=1, raw=1, **rows_of),
            choose,
            norm(memory, parameters, tokens, width),
        ]
    else:
        front = [norm(memory, parameters, tokens, width, wide=1), choose]
    stored, line = store(memory, tokens, width, first=run["to_first"])
    loads = [load(memory, rows, first=first) for first in sorted({0, run["to_first"]})]
    load_table = Instruction("TABLE", address=memory.place(pack_bytes(table)))
    memory.run(*loads, *front, load_table, run, stored)

    codes, wide = integer_ops.layer_norm(rows, parameters)
    routing = integer_ops.route(
        rows if raw else wide, gate, 0, 0, chosen, kept, normalise_kept, threshold
    )
    assert np.unique(routing.experts).size > 2 and np.unique(routing.scores).size > 5
    assert (threshold > 0) == bool(np.any(routing.scores == 0))
    branch = integer_ops.run_experts(codes, routing, mlps, range(experts))
    np.testing.assert_array_equal(memory.numbers(line, tokens, width), saturate(rows + branch, 16))
    found = memory.numbers(picks, tokens, kept, dtype="<u8")
    for token in range(tokens):
        for rank in range(kept):
            pick = int(found[token, rank])
            assert (pick & 0xFFF, pick >> 20 & 0xF) == (token, rank)
            assert pick >> 12 & 0xFF == routing.experts[token, rank]
            assert pick >> 24 == routing.scores[token, rank]


@pytest.mark.parametrize(
    ("channels", "patch", "surplus"), [(3, 4, 0), (2, 4, 0), (1, 5, 0), (3, 4, 3)]
)
def test_image(memory, generator, channels, patch, surplus):
    """`surplus`: columns on the right that belong to no patch."""
    height, width = 2 * patch, 3 * patch + surplus
    pixels = random_codes(generator, height, width, channels, dtype=np.uint8)
    values = channels * patch * patch
    linear = random_linear(generator, 8, values, 16)
    product, read = to_memory(memory, linear, 6, domain=0, base=100, stride=words(values))
    cut = Instruction(
        "IMAGE",
        address=memory.place(pixels),
        beats=beats(-(-pixels.size // LANES) * LANES),
        base=100,
        stride=words(values),
        rows=6,
        words=words(values),
        **image_command(memory.design, pixels.shape, patch),
    )
    memory.run(cut, product)
    patches = integer_ops.cut_patches(pixels[:, : 3 * patch], patch)
    np.testing.assert_array_equal(read(), integer_ops.linear(patches, linear))
