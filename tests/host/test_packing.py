"""Bytes in memory against the numbers that docs/isa.md says they hold."""

from dataclasses import replace

import numpy as np
import pytest

from m3vit.hls.design import DesignConfig
from m3vit.host.packing import (
    Channels,
    pack_affines,
    pack_gate_parameters,
    pack_gate_weights,
    pack_matrix,
    pack_rows,
    weight_tiles,
)
from m3vit.model.synthetic import NANO, random_model


@pytest.fixture(scope="module")
def nano():
    return DesignConfig.load("nano")


@pytest.fixture(scope="module")
def model():
    return random_model(replace(NANO, width=36, num_heads=3, hidden=50))


def integer(content, low, count, signed=False):
    return int.from_bytes(bytes(content[low : low + count]), "little", signed=signed)


@pytest.mark.parametrize(("panel_lanes", "beats"), [(4, 2), (8, 2), (32, 4)])
def test_tiles_hold_every_weight_once(nano, panel_lanes, beats):
    """Zeros fill up the last tiles, and the words of the panel."""
    weights = np.arange(5 * 11).reshape(5, 11).astype(np.int8)
    tiles = weight_tiles(replace(nano, panel_lanes=panel_lanes), weights)
    assert tiles.shape == (2 * beats, 4, 8)
    for output in range(8):
        for column in range(beats * 8):
            inside = output < 5 and column < 11
            expected = weights[output, column] if inside else 0
            tile = tiles[output // 4 * beats + column // 8]
            assert tile[output % 4, column % 8] == expected


def test_heads_are_padded_to_whole_words():
    channels = Channels.by_head(3, 5, 4)
    assert channels.count == 24
    assert channels.positions.tolist() == [*range(5), *range(8, 13), *range(16, 21)]
    assert Channels.plain(9, 4).count == 12


def test_a_matrix_in_chunks(nano, model):
    """Every weight and every parameter is where its address says, and the rest computes zero."""
    linear = model.layers[0].attention.output
    inputs, outputs = Channels.by_head(3, 12, 8), Channels.plain(36, 4)
    groups, beats = 3, 6
    content = pack_matrix(nano, linear, inputs, outputs, groups)
    chunk = -(-(groups * 32 + groups * beats * 32) // 64) * 64
    assert content.size == 3 * chunk
    for output in range(36):
        group, lane = divmod(output, 4)
        start = group // groups * chunk
        parameter = start + (group % groups) * 32 + lane * 8
        assert integer(content, parameter, 4, signed=True) == linear.bias[output]
        assert integer(content, parameter + 4, 2) == linear.multiplier[output]
        assert integer(content, parameter + 6, 1) == linear.shift[output]
        for position in range(48):
            tile = start + groups * 32 + ((group % groups) * beats + position // 8) * 32
            found = integer(content, tile + lane * 8 + position % 8, 1, signed=True)
            head, column = divmod(position, 16)
            assert found == (linear.weight[output, head * 12 + column] if column < 12 else 0)


def test_outputs_that_are_missing_become_zero(nano, model):
    linear = model.layers[0].mlp.up
    assert linear.zero_point != 0
    content = pack_matrix(nano, linear, Channels.plain(36, 4), Channels.plain(50, 4), 13)
    for output in (50, 51):
        bias = integer(content, output * 8, 4, signed=True)
        multiplier, shift = integer(content, output * 8 + 4, 2), integer(content, output * 8 + 6, 1)
        half = 1 << (shift - 1)
        assert ((bias * multiplier + half) >> shift) + linear.zero_point == 0
        assert 1 << 14 <= multiplier < 1 << 15
        assert 11 <= shift <= 42


def test_parameters_of_norms_and_gates(nano, model):
    layer = model.layers[1]
    content = pack_affines([layer.norm.output, layer.norm.gate], nano.lanes)
    for part, affine in enumerate((layer.norm.output, layer.norm.gate)):
        for channel in range(36):
            place = (part * 36 + channel) * 8
            assert integer(content, place, 2, signed=True) == affine.gain[channel]
            assert integer(content, place + 2, 2) == 0
            assert integer(content, place + 4, 4, signed=True) == affine.bias[channel]
    content = pack_gate_parameters(layer.gate, 1, 0)
    assert content.size == 48
    for expert in range(6):
        word = integer(content, expert * 8, 8)
        bias = word & ((1 << 35) - 1)
        assert bias - (bias >> 34 << 35) == layer.gate.bias[0, expert]
        assert word >> 35 & 0xFFFF == layer.gate.multiplier[1, expert]
        assert word >> 51 == layer.gate.shift[1, expert]
    content = pack_gate_weights(nano, layer.gate.weight[0])
    for expert in range(8):
        for channel in range(40):
            tile = (expert // 4 * 5 + channel // 8) * 32
            found = integer(content, tile + expert % 4 * 8 + channel % 8, 1, signed=True)
            inside = expert < 6 and channel < 36
            assert found == (layer.gate.weight[0, expert, channel] if inside else 0)


def test_rows_of_the_residual_stream():
    codes = np.arange(-6, 6).reshape(2, 6).astype(np.int16)
    content = pack_rows(codes, 4)
    words = np.frombuffer(content.tobytes(), "<i2").reshape(2, 8)
    np.testing.assert_array_equal(words[:, :6], codes)
    assert not words[:, 6:].any()
