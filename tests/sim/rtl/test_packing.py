import numpy as np
import pytest

from m3vit.hls.compiler.ir import Field, Payload
from m3vit.sim.rtl import packing

PAIR = packing.lay_out("Pair", [("a", 12, True), ("b", 5, False)])
SUM = packing.lay_out("ap_int<13>", [("", 13, True)])
WIDE = packing.lay_out("Wide", [("low", 3, False), ("number", 100, True), ("last", 1, False)])
NESTED = Payload(
    "Nested",
    64,
    2 * 3 * 4 + 5,
    (
        *(
            Field(f"v[{row}][{column}]", 8 * (3 * row + column), 8, 4, True, 4 * (3 * row + column))
            for row in range(2)
            for column in range(3)
        ),
        Field("tail.size", 48, 16, 5, False, 24),
    ),
)


def test_fields_lie_next_to_each_other_the_first_one_lowest():
    beats = np.zeros(2, packing.payload_type(PAIR))
    beats["a"], beats["b"] = [-1, 5], [1, 31]
    words = packing.pack(beats, PAIR)
    assert words.shape == (2, 3)
    assert [int.from_bytes(word.tobytes(), "little") for word in words] == [0x1FFF, 0x1F005]


def test_unpacking_restores_memory_and_signs():
    beats = np.zeros(3, packing.payload_type(PAIR))
    beats["a"], beats["b"] = [-2048, 2047, -1], [0, 31, 16]
    restored = packing.unpack(packing.pack(beats, PAIR), PAIR)
    assert restored.dtype == beats.dtype
    np.testing.assert_array_equal(restored, beats)


def test_a_bare_integer_is_a_plain_array():
    beats = np.array([-4096, 4095, -1], np.int16)
    assert packing.payload_type(SUM) == np.int16
    np.testing.assert_array_equal(packing.unpack(packing.pack(beats, SUM), SUM), beats)


def test_integers_wider_than_a_machine_word():
    beats = np.zeros(1, packing.payload_type(WIDE))
    beats["low"], beats["last"] = 5, 1
    beats["number"] = [[2**64 - 2, 2**64 - 1]]  # -2
    (word,) = packing.pack(beats, WIDE)
    assert int.from_bytes(word.tobytes(), "little") == 5 | (2**100 - 2) << 3 | 1 << 103
    assert packing.field_values(word, WIDE) == [5, -2, 1]
    np.testing.assert_array_equal(packing.unpack(word[None], WIDE), beats)


def test_a_bare_integer_wider_than_a_machine_word_is_a_row_of_words():
    payload = packing.lay_out("ap_uint<96>", [("", 96, False)])
    beats = np.array([[1, 2], [2**64 - 1, 2**32 - 1]], np.uint64)
    words = packing.pack(beats, payload)
    assert int.from_bytes(words[0].tobytes(), "little") == 2 * 2**64 + 1
    np.testing.assert_array_equal(packing.unpack(words, payload), beats)


def test_nested_names_become_nested_types():
    dtype = packing.payload_type(NESTED)
    assert np.zeros(1, dtype)["v"].shape == (1, 2, 3)
    assert dtype["tail"].names == ("size",)
    assert dtype.itemsize == 8
    beats = np.zeros(1, dtype)
    beats["v"] = [[[1, -2, 3], [-4, 5, -6]]]
    beats["tail"]["size"] = 17
    (word,) = packing.pack(beats, NESTED)
    assert packing.field_values(word, NESTED) == [1, -2, 3, -4, 5, -6, 17]


def test_many_beats_are_packed_in_pieces():
    beats = np.random.default_rng(0).integers(-4096, 4096, 10_000).astype(np.int16)
    np.testing.assert_array_equal(packing.unpack(packing.pack(beats, SUM), SUM), beats)
    assert packing.pack(beats[:0], SUM).shape == (0, 2)


def test_what_does_not_fit_is_refused():
    beats = np.zeros(3, packing.payload_type(PAIR))
    beats["a"][2] = 2048
    with pytest.raises(ValueError, match=r"beat 2: the value of Pair.a does not fit 12 signed"):
        packing.pack(beats, PAIR)
    with pytest.raises(ValueError, match="beat 1: 0x2000 does not fit 13 bits"):
        packing.from_integers([1, 0x2000], SUM)
    with pytest.raises(ValueError, match="takes 2 bytes, those given take 4"):
        packing.pack(np.zeros(3, np.int32), SUM)
