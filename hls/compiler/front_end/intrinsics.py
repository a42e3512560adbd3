"""LLVM's intrinsic functions, which instcombine likes to introduce, as plain operations."""

import re
from collections.abc import Callable, Iterator, Sequence

from m3vit.hls.compiler import ir

_OPERANDS = {
    "smax": 2,
    "smin": 2,
    "umax": 2,
    "umin": 2,
    "abs": 1,
    "fshl": 3,
    "fshr": 3,
    "ctpop": 1,
    "ctlz": 1,
    "cttz": 1,
    "bitreverse": 1,
}
"""Intrinsics that become opcodes -> operands; flags that only promise something are left out."""

_WITHOUT_EFFECT = (
    "llvm.lifetime.",
    "llvm.assume",
    "llvm.experimental.noalias.scope.decl",
    "llvm.donothing",
)


def has_no_effect(callee: str) -> bool:
    """A call of this does nothing."""
    return callee.startswith(_WITHOUT_EFFECT)


def expand(
    callee: str,
    result: str,
    of: ir.IntType,
    operands: Sequence[ir.Value],
    location: ir.Location | None,
    fresh: Callable[[], str],
) -> list[ir.Instruction] | None:
    """Instructions that compute `result`; None for an intrinsic that has no hardware here.

    Args:
        fresh: makes names for steps in between.
    """
    match = re.fullmatch(r"llvm\.([a-z.]+)\.i\d+(?:\.i\d+)?", callee)
    if not match:
        return None
    name = match[1]
    if name in _OPERANDS:
        kept = tuple(operands[: _OPERANDS[name]])
        return [ir.Instruction(name, result, of, kept, location=location)]
    steps = _Steps(result, location, fresh)
    if name in ("uadd.sat", "usub.sat", "sadd.sat", "ssub.sat"):
        return list(steps.saturating(name[1:4], name[0] == "s", of, *operands))
    if name in ("ucmp", "scmp"):
        return list(steps.three_way(name[0] + "gt", name[0] + "lt", of, *operands))
    if name == "bswap":
        return list(steps.swap_bytes(of, operands[0]))
    return None


class _Steps:
    """Sequences of instructions, the last of which defines the result."""

    def __init__(self, result: str, location: ir.Location | None, fresh: Callable[[], str]) -> None:
        self.result = result
        self.location = location
        self.fresh = fresh

    def make(
        self,
        opcode: str,
        of: ir.IntType,
        *operands: ir.Value,
        last: bool = False,
        predicate: str = "",
    ) -> tuple[ir.Instruction, ir.Local]:
        name = self.result if last else self.fresh()
        made = ir.Instruction(
            opcode, name, of, operands, predicate=predicate, location=self.location
        )
        return made, ir.Local(name, of)

    def saturating(
        self, operation: str, signed: bool, of: ir.IntType, left: ir.Value, right: ir.Value
    ) -> Iterator[ir.Instruction]:
        """Compute with two more bits, signed, then clamp."""
        wide = ir.IntType(of.width + 2)
        extend = "sext" if signed else "zext"
        low, high = (-(1 << (of.width - 1)), (1 << (of.width - 1)) - 1)
        if not signed:
            low, high = 0, (1 << of.width) - 1
        first, a = self.make(extend, wide, left)
        second, b = self.make(extend, wide, right)
        total, c = self.make(operation, wide, a, b)
        above, d = self.make("smax", wide, c, ir.Constant(low % (1 << wide.width), wide))
        below, e = self.make("smin", wide, d, ir.Constant(high, wide))
        narrow, _ = self.make("trunc", of, e, last=True)
        yield from (first, second, total, above, below, narrow)

    def three_way(
        self, greater: str, less: str, of: ir.IntType, left: ir.Value, right: ir.Value
    ) -> Iterator[ir.Instruction]:
        """1, 0 or -1."""
        bit = ir.IntType(1)
        above, a = self.make("icmp", bit, left, right, predicate=greater)
        below, b = self.make("icmp", bit, left, right, predicate=less)
        wide_above, c = self.make("zext", of, a)
        wide_below, d = self.make("zext", of, b)
        difference, _ = self.make("sub", of, c, d, last=True)
        yield from (above, below, wide_above, wide_below, difference)

    def swap_bytes(self, of: ir.IntType, value: ir.Value) -> Iterator[ir.Instruction]:
        """Each byte is shifted down, masked, shifted to its place and joined."""
        joined: ir.Value = ir.Constant(0, of)
        count = of.width // 8
        for index in range(count):
            down, a = self.make("lshr", of, value, ir.Constant(8 * index, of))
            mask, b = self.make("and", of, a, ir.Constant(255, of))
            up, c = self.make("shl", of, b, ir.Constant(of.width - 8 - 8 * index, of))
            join, joined = self.make("or", of, joined, c, last=index == count - 1)
            yield from (down, mask, up, join)
