"""Estimated delays: what fits into one clock period before anything has been placed or routed.

The constants describe an UltraScale+ device of medium speed, routing included. They are estimates:
they decide where the pipeline registers go and what is warned about, never what is computed.
Arithmetic is timed by its width. Control logic, one bit or bit by bit, is timed by the levels of
six-input LUTs that it maps to: a greedy covering with one cut per node.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from .graph import Node, Storage
from .semantics import COMPARISONS, signed

CLOCK_TO_OUTPUT = 0.15
"""A register's output, ns after the clock edge."""

INPUT_DATA = 0.90
"""A stream's data: the queue before it reads LUTRAM behind a register."""

INPUT_VALID = 0.40
"""A stream's handshake: a register behind some routing."""

LUT = 0.40
"""One level of logic, with the routing to it."""

LUT_INPUTS = 6

CREDIT = CLOCK_TO_OUTPUT + LUT
"""Whether an output has room: a counter compared with zero."""

_ADDER, _ADDER_BIT = 0.45, 0.016
_COMPARISON, _COMPARISON_BIT = 0.40, 0.012
_FAN_OUT = 0.05
_MEMORY_OUTPUT = {"bram": 0.95, "uram": 1.10, "lutram": 0.60, "rom": 0.95, "register": 0.15}
_ASYNCHRONOUS_LUTRAM = 0.55

DSP_WIDE, DSP_NARROW = 27, 18
"""Widths of a DSP block's multiplier, both signed."""

FABRIC_BITS = 3
"""Products with a factor of so few bits are cheaper in LUTs."""

FABRIC_DIGITS = 3
"""Constant factors with so few non-zero signed digits become adders."""

_BITWISE = frozenset(["and", "or", "xor", "select"])
_WIRES = frozenset(["zext", "sext", "trunc", "slice", "concat", "not", "result"])
_SHIFTS = frozenset(["shl", "lshr", "ashr"])


@dataclass(frozen=True)
class Clock:
    """The target. Logic may use `share` of the period; the rest is for what is not modelled."""

    period_ns: float = 3.333
    share: float = 0.7

    @property
    def budget(self) -> float:
        """Nanoseconds from clock edge to clock edge that scheduling fills."""
        return self.period_ns * self.share


def is_stable(node: Node, in_function: bool = False) -> bool:
    """The value is the same in every stage and needs no pipeline register.

    Arguments of a process are held by its caller; those of a module function change every cycle.
    """
    if node.operation == "argument":
        return not in_function
    return node.operation in ("constant", "register")


def is_wiring(node: Node) -> bool:
    """It selects and arranges bits: no logic, so it is made where it is used."""
    if node.operation in _SHIFTS:
        return node.operands[1].operation == "constant"
    return node.operation in _WIRES


def signed_bits(node: Node) -> int:
    """Bits of the value as a signed number."""
    return node.bits + (0 if node.signed else 1)


def _signed_digits(value: int) -> int:
    """Non-zero digits of the canonical signed-digit form."""
    digits = 0
    value = abs(value)
    while value:
        if value & 1:
            digits += 1
            value -= 2 - (value & 3)
        value >>= 1
    return digits


def multiplier_latency(node: Node) -> int:
    """Clock edges of a `mul`: 0 in LUTs, 2 in a DSP block (M, P), 3 in several of them."""
    wide, narrow = sorted((signed_bits(operand) for operand in node.operands), reverse=True)
    if node.implementation != "dsp":
        constants = [operand for operand in node.operands if operand.operation == "constant"]
        if node.implementation == "fabric" or min(x.bits for x in node.operands) <= FABRIC_BITS:
            return 0
        if any(_signed_digits(signed(x.value, x.width)) <= FABRIC_DIGITS for x in constants):
            return 0
    return 2 if wide <= DSP_WIDE and narrow <= DSP_NARROW else 3


def dsp_blocks(node: Node) -> int:
    """DSP blocks of a `mul`: further pieces of a factor hold one bit less, being unsigned."""
    if multiplier_latency(node) == 0:
        return 0
    wide, narrow = sorted((signed_bits(operand) for operand in node.operands), reverse=True)
    columns = 1 + math.ceil(max(0, wide - DSP_WIDE) / (DSP_WIDE - 1))
    rows = 1 + math.ceil(max(0, narrow - DSP_NARROW) / (DSP_NARROW - 1))
    return columns * rows


def load_delay(storage: Storage) -> float:
    """From the clock edge to a load's data or, read asynchronously, from address to data."""
    if storage.read_latency > 1:
        return CLOCK_TO_OUTPUT
    if storage.read_latency == 1:
        return _MEMORY_OUTPUT[storage.kind]
    address_bits = max(1, (storage.depth - 1).bit_length())
    if storage.kind == "register":
        return _multiplexer(storage.depth)
    if storage.kind == "rom":
        return LUT + 0.15 * max(0, address_bits - LUT_INPUTS)
    return _ASYNCHRONOUS_LUTRAM + 0.15 * max(0, address_bits - LUT_INPUTS)


def _multiplexer(ways: int) -> float:
    """A six-input LUT chooses one of four."""
    return LUT * math.ceil((max(ways, 1) - 1).bit_length() / 2)


def _adder(bits: int) -> float:
    return _ADDER + _ADDER_BIT * bits


def _multiplier(node: Node) -> float:
    constants = [operand for operand in node.operands if operand.operation == "constant"]
    terms = min(operand.bits for operand in node.operands)
    for constant in constants:
        terms = min(terms, _signed_digits(signed(constant.value, constant.width)))
    return max(1, (max(terms, 1) - 1).bit_length()) * _adder(node.bits)


def arithmetic_delay(node: Node) -> float:
    """From operands to result of a node that is not logic for `LogicCones`, in ns."""
    operation = node.operation
    bits = max([node.bits, *(operand.bits for operand in node.operands)])
    if operation in ("add", "sub"):
        return _adder(bits)
    if operation in COMPARISONS:
        return _COMPARISON + _COMPARISON_BIT * bits
    if operation in ("smax", "smin", "umax", "umin"):
        return _COMPARISON + _COMPARISON_BIT * bits + LUT
    if operation in _SHIFTS:
        amount = node.operands[1]
        ways = min(node.width, 1 << min(amount.bits, 16))
        return _multiplexer(ways)
    if operation == "mul":
        return _multiplier(node)
    if operation in ("udiv", "sdiv", "urem", "srem"):
        return node.width * _adder(bits)
    return 0.0


class LogicCones:
    """Arrival times of control logic: each node's LUT and the leaves it sees.

    A cut belongs to one stage; leaves of earlier stages are registers.
    """

    def __init__(self) -> None:
        self._cuts: dict[Node, tuple[int, dict[Node, int]]] = {}

    @staticmethod
    def covers(node: Node) -> bool:
        """The node is made of LUTs: bit by bit, or a comparison of few bits."""
        if node.operation in _BITWISE:
            return True
        return node.operation in COMPARISONS and _comparison_inputs(node) <= LUT_INPUTS

    def arrival(self, node: Node, stage: int, time: Callable[[Node], float]) -> float:
        """When the node's value is there; `time` tells a leaf's arrival in this stage.

        Remembers the node's cut for the nodes that use it.
        """
        bitwise = node.operation in _BITWISE
        cut = {x: 1 if bitwise else x.bits for x in node.operands if x.operation != "constant"}
        if not cut:
            return CLOCK_TO_OUTPUT
        arrivals = {x: time(x) for x in cut}
        for operand in sorted(cut, key=lambda x: -arrivals[x]):
            seen = self._cut(operand, stage)
            if seen is None or not (bitwise or operand.width == 1):
                continue
            merged = {leaf: inputs for leaf, inputs in cut.items() if leaf is not operand}
            for leaf, inputs in seen.items():
                merged[leaf] = max(inputs, merged.get(leaf, 0))
            if sum(merged.values()) > LUT_INPUTS:
                break
            cut = merged
            for leaf in seen:
                arrivals[leaf] = time(leaf)
        self._cuts[node] = stage, cut
        fan_out = _FAN_OUT * max(0.0, math.log2(max(node.bits, 1)) - 3)
        return max(arrivals[leaf] for leaf in cut) + LUT + fan_out

    def _cut(self, node: Node, stage: int) -> dict[Node, int] | None:
        while node.operation in ("not", "zext", "trunc", "slice"):
            node = node.operands[0]
        found = self._cuts.get(node)
        return found[1] if found is not None and found[0] == stage else None


def _comparison_inputs(node: Node) -> int:
    return sum(x.bits for x in node.operands if x.operation != "constant")
