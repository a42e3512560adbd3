"""LLVM's arithmetic instructions as nodes: most are one node, intrinsics are a few."""

from collections.abc import Sequence

from .builder import GraphBuilder
from .diagnostics import HlsError
from .graph import Node
from .ir import Instruction
from .ranges import full
from .semantics import mask

_BINARY = ["add", "sub", "mul", "and", "or", "xor", "shl", "lshr", "ashr"]
_EXTREMES = ["smax", "smin", "umax", "umin"]
_DIRECT = frozenset([*_BINARY, *_EXTREMES, "select", "zext", "sext", "trunc"])
_DIVISIONS = frozenset(["udiv", "sdiv", "urem", "srem"])
_SATURATING = frozenset(["uadd.sat", "usub.sat", "sadd.sat", "ssub.sat"])
_BIT_COUNTS = ["ctpop", "ctlz", "cttz", "bitreverse"]
_OTHERS = ["icmp", "freeze", "abs", "fshl", "fshr", "scmp", "ucmp"]
ARITHMETIC = frozenset([*_DIRECT, *_DIVISIONS, *_SATURATING, *_BIT_COUNTS, *_OTHERS])
"""Opcodes that `translate` knows."""


def translate(
    builder: GraphBuilder,
    instruction: Instruction,
    operands: Sequence[Node],
    width: int,
    name: str,
) -> Node:
    """The value of an arithmetic instruction, `width` bits."""
    opcode, location = instruction.opcode, instruction.location
    if opcode == "freeze":
        return operands[0]
    if opcode == "icmp":
        return builder.pure(instruction.predicate, 1, *operands, name=name, location=location)
    if opcode in _DIRECT:
        return builder.pure(
            opcode,
            width,
            *operands,
            name=name,
            location=location,
            implementation=instruction.implementation,
        )
    if opcode in _DIVISIONS:
        return _division(builder, instruction, operands, width, name)
    if opcode in _SATURATING:
        return _saturating(builder, opcode, operands, width)
    if opcode in ("scmp", "ucmp"):
        less = builder.pure(f"{opcode[0]}lt", 1, *operands)
        greater = builder.pure(f"{opcode[0]}gt", 1, *operands)
        sign = builder.pure("sext", width, less)
        return builder.pure("or", width, sign, builder.pure("zext", width, greater))
    if opcode == "abs":
        value = operands[0]
        negated = builder.pure("sub", width, builder.constant(0, width), value)
        sign = builder.pure("slt", 1, value, builder.constant(0, width))
        return builder.select(sign, negated, value, name)
    if opcode in ("fshl", "fshr"):
        return _funnel(builder, opcode, operands, width)
    bits = [builder.wires.slice(operands[0], position, 1) for position in range(width)]
    if opcode == "bitreverse":
        return builder.pure("concat", width, *bits)
    if opcode == "ctpop":
        return builder.resize(_population(builder, bits), width, is_signed=False)
    if opcode == "ctlz":
        bits.reverse()
    elif opcode != "cttz":
        raise ValueError(f"{opcode} is no arithmetic instruction")
    return builder.resize(_leading_zeros(builder, bits)[0], width, is_signed=False)


def _division(
    builder: GraphBuilder,
    instruction: Instruction,
    operands: Sequence[Node],
    width: int,
    name: str,
) -> Node:
    if operands[1].operation != "constant":
        raise HlsError(
            "division",
            "division by a value that is no constant: multiply by a reciprocal from a table, or "
            "shift",
            instruction.location,
        )
    return builder.pure(
        instruction.opcode, width, *operands, name=name, location=instruction.location
    )


def _saturating(builder: GraphBuilder, opcode: str, operands: Sequence[Node], width: int) -> Node:
    """A sum or difference that stops at the ends of its type."""
    is_signed = opcode[0] == "s"
    wide = [builder.resize(operand, width + 2, is_signed) for operand in operands]
    exact = builder.pure(opcode[1:4], width + 2, *wide)
    low, high = full(width) if is_signed else (0, mask(width))
    bounded = builder.pure("smin", width + 2, exact, builder.constant(high, width + 2))
    bounded = builder.pure("smax", width + 2, bounded, builder.constant(low, width + 2))
    return builder.pure("trunc", width, bounded)


def _funnel(builder: GraphBuilder, opcode: str, operands: Sequence[Node], width: int) -> Node:
    """The high (fshl) or low (fshr) half of two words that were shifted together."""
    high, low, amount = operands
    both = builder.pure("concat", 2 * width, high, low)
    amount = builder.pure("urem", width, amount, builder.constant(width, width))
    amount = builder.resize(amount, 2 * width, is_signed=False)
    if opcode == "fshl":
        return builder.wires.slice(builder.pure("shl", 2 * width, both, amount), width, width)
    return builder.wires.slice(builder.pure("lshr", 2 * width, both, amount), 0, width)


def _population(builder: GraphBuilder, bits: Sequence[Node]) -> Node:
    """How many of the bits are one."""
    counts = list(bits)
    while len(counts) > 1:
        width = counts[0].width + 1
        wide = [builder.resize(count, width, is_signed=False) for count in counts]
        counts = [
            builder.pure("add", width, *wide[index : index + 2])
            if index + 1 < len(wide)
            else wide[index]
            for index in range(0, len(wide), 2)
        ]
    return counts[0]


def _leading_zeros(builder: GraphBuilder, bits: Sequence[Node]) -> tuple[Node, Node]:
    """(zeros before the first one, no bit is one), by halves."""
    if len(bits) == 1:
        return builder.invert(bits[0]), builder.invert(bits[0])
    half = 1 << ((len(bits) - 1).bit_length() - 1)
    first, first_empty = _leading_zeros(builder, bits[:half])
    second, second_empty = _leading_zeros(builder, bits[half:])
    width = len(bits).bit_length()
    behind = builder.pure(
        "add",
        width,
        builder.resize(second, width, is_signed=False),
        builder.constant(half, width),
    )
    count = builder.select(first_empty, behind, builder.resize(first, width, is_signed=False))
    return count, builder.all_of(first_empty, second_empty)
