"""The meaning of operations, spelled out where C++ or hardware people might disagree."""

import pytest

from m3vit.hls.compiler.semantics import evaluate, signed


@pytest.mark.parametrize(
    ("operation", "width", "values", "expected"),
    [
        ("add", 8, [200, 100], 44),
        ("sub", 8, [3, 5], 254),
        ("mul", 8, [255, 255], 1),
        ("udiv", 8, [200, 7], 28),
        ("sdiv", 8, [-7 & 255, 2], -3 & 255),
        ("srem", 8, [-7 & 255, 2], -1 & 255),
        ("sdiv", 8, [128, 255], 128),
        ("urem", 8, [200, 7], 4),
        ("smax", 8, [255, 1], 1),
        ("umax", 8, [255, 1], 255),
        ("shl", 8, [3, 7], 128),
        ("lshr", 8, [128, 7], 1),
        ("ashr", 8, [128, 7], 255),
        ("slt", 1, [255, 0], 1),
        ("ult", 1, [255, 0], 0),
        ("not", 8, [0x0F], 0xF0),
    ],
)
def test_arithmetic_wraps_and_signs_follow_the_operation(operation, width, values, expected):
    widths = [8] * len(values)
    assert evaluate(operation, width, values, widths) == expected


def test_wiring():
    assert evaluate("sext", 12, [0x8], [4]) == 0xFF8
    assert evaluate("sext", 4, [1], [1]) == 0xF
    assert evaluate("zext", 12, [0x8], [4]) == 0x008
    assert evaluate("slice", 4, [0xABC], [12], start=4) == 0xB
    assert evaluate("concat", 12, [0xA, 0xBC], [4, 8]) == 0xABC
    assert evaluate("select", 4, [1, 3, 5], [1, 4, 4]) == 3


def test_numbers_of_one_bit_are_zero_and_minus_one():
    assert signed(1, 1) == -1
    assert evaluate("slt", 1, [1, 0], [1, 1]) == 1


def test_values_from_outside_have_no_meaning_of_their_own():
    for operation in ("argument", "register", "call", "phi", "read"):
        with pytest.raises(KeyError):
            evaluate(operation, 8, [], [])
