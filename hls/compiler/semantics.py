"""What every pure operation of the graph computes, on bit patterns.

The one definition: constants are folded with it, the interpreter runs on it, and tests compare
generated hardware with it. Where C++ leaves a value undefined (division by zero, a shift by the
width or more) it picks one; nothing may rely on which.
"""

from collections.abc import Callable, Sequence


def mask(width: int) -> int:
    """The largest unsigned number of `width` bits."""
    return (1 << width) - 1


def signed(value: int, width: int) -> int:
    """The bit pattern `value`, 0 <= value < 2^width, read in two's complement."""
    return value - (1 << width) if value >> (width - 1) & 1 else value


def _truncated_quotient(a: int, b: int) -> int:
    if b == 0:
        return 0
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


# Operations on (unsigned a, unsigned b) and on (signed a, signed b), both of the result's width.
_UNSIGNED: dict[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "udiv": lambda a, b: a // b if b else 0,
    "urem": lambda a, b: a % b if b else 0,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "umax": max,
    "umin": min,
}
_SIGNED: dict[str, Callable[[int, int], int]] = {
    "sdiv": _truncated_quotient,
    "srem": lambda a, b: a - b * _truncated_quotient(a, b),
    "smax": max,
    "smin": min,
}
UNSIGNED_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "ult": lambda a, b: a < b,
    "ule": lambda a, b: a <= b,
    "ugt": lambda a, b: a > b,
    "uge": lambda a, b: a >= b,
}
SIGNED_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "slt": lambda a, b: a < b,
    "sle": lambda a, b: a <= b,
    "sgt": lambda a, b: a > b,
    "sge": lambda a, b: a >= b,
}
COMPARISONS = frozenset(UNSIGNED_COMPARISONS) | frozenset(SIGNED_COMPARISONS)


def _shift(operation: str, width: int, a: int, amount: int) -> int:
    amount = min(amount, width)
    if operation == "shl":
        return a << amount
    return a >> amount if operation == "lshr" else signed(a, width) >> amount


def evaluate(
    operation: str, width: int, values: Sequence[int], widths: Sequence[int], start: int = 0
) -> int:
    """The result of a pure operation, 0 <= result < 2^width.

    `values` are the operands' bit patterns and `widths` their widths; `start` is that of slice
    and result. Operations that name something outside (constant, argument, register, call) have
    no value of their own and raise KeyError.
    """
    if operation in _UNSIGNED:
        result = _UNSIGNED[operation](values[0], values[1])
    elif operation in _SIGNED:
        result = _SIGNED[operation](signed(values[0], widths[0]), signed(values[1], widths[1]))
    elif operation in UNSIGNED_COMPARISONS:
        result = int(UNSIGNED_COMPARISONS[operation](values[0], values[1]))
    elif operation in SIGNED_COMPARISONS:
        a, b = signed(values[0], widths[0]), signed(values[1], widths[1])
        result = int(SIGNED_COMPARISONS[operation](a, b))
    elif operation in ("shl", "lshr", "ashr"):
        result = _shift(operation, width, values[0], values[1])
    elif operation == "select":
        result = values[1] if values[0] else values[2]
    elif operation == "not":
        result = ~values[0]
    elif operation in ("zext", "trunc"):
        result = values[0]
    elif operation == "sext":
        result = signed(values[0], widths[0])
    elif operation in ("slice", "result"):
        result = values[0] >> start
    elif operation == "concat":
        result = 0
        for value, bits in zip(values, widths, strict=True):
            result = result << bits | value
    else:
        raise KeyError(operation)
    return result & mask(width)
