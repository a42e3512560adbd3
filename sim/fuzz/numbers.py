"""Random number types of kernels, and values with what they depend on."""

from dataclasses import dataclass
from random import Random

ROUNDING = (
    "AP_TRN",
    "AP_TRN_ZERO",
    "AP_RND",
    "AP_RND_ZERO",
    "AP_RND_INF",
    "AP_RND_MIN_INF",
    "AP_RND_CONV",
)
OVERFLOW = ("AP_WRAP", "AP_SAT", "AP_SAT_ZERO", "AP_SAT_SYM")

WIDEST = 72
"""Bits of the widest declared number; intermediate results are wider."""


@dataclass(frozen=True)
class Number:
    """A type: ap_[u]int, or ap_[u]fixed where `integer` (bits before the point) is given."""

    width: int
    signed: bool
    integer: int | None = None
    rounding: str = "AP_TRN"
    overflow: str = "AP_WRAP"

    @property
    def fixed(self) -> bool:
        """It has a binary point."""
        return self.integer is not None

    def __str__(self) -> str:
        unsigned = "" if self.signed else "u"
        if not self.fixed:
            return f"ap_{unsigned}int<{self.width}>"
        return f"ap_{unsigned}fixed<{self.width}, {self.integer}, {self.rounding}, {self.overflow}>"


@dataclass(frozen=True)
class Value:
    """A variable or expression in scope.

    Attributes:
        text: how C++ names it.
        number: its type.
        depends: states and memories that it is computed from.
        slowly: those of them that it reaches through something that takes clock cycles (a product,
            a memory, a module), and which it may therefore not feed back to within one.
        early: it is known when an iteration starts, so that it can decide what is read.
    """

    text: str
    number: Number
    depends: frozenset[str] = frozenset()
    slowly: frozenset[str] = frozenset()


def integer_type(random: Random, widest: int = WIDEST) -> Number:
    """An ap_int or ap_uint; most are narrow."""
    signed = random.random() < 0.5
    narrow = min(widest, 20) if random.random() < 0.75 else widest
    return Number(random.randint(1, narrow), signed)


def fixed_type(random: Random) -> Number:
    """An ap_fixed or ap_ufixed in any mode, its point inside its bits or at either end.

    Never outside: rounding a number away as a whole trips an assertion of ap_private.
    """
    width = random.randint(3, 28)
    return Number(
        width,
        random.random() < 0.6,
        random.randint(0, 1) if random.random() < 0.2 else random.randint(2, width),
        random.choice(ROUNDING),
        random.choice(OVERFLOW),
    )


def number_type(random: Random) -> Number:
    """Any of them."""
    return fixed_type(random) if random.random() < 0.25 else integer_type(random)


def joined(operands: list[Value], *, slow: bool = False) -> tuple[frozenset[str], frozenset[str]]:
    """`depends` and `slowly` of what is computed from operands; `slow` if that takes cycles."""
    depends = frozenset().union(*(value.depends for value in operands))
    slowly = frozenset().union(*(value.slowly for value in operands))
    return depends, depends if slow else slowly


class Feedback:
    """Which states and memories feed which, and whether every loop among them is quick enough."""

    def __init__(self) -> None:
        self._edges: set[tuple[str, str]] = set()
        self._slow: set[tuple[str, str]] = set()

    def accepts(self, target: str, value: Value) -> bool:
        """True, and remembered, if `target` may take `value` in every iteration."""
        edges = self._edges | {(source, target) for source in value.depends}
        slow = self._slow | {(source, target) for source in value.slowly}
        if any(_reaches(edges, after, before) for before, after in slow):
            return False
        self._edges, self._slow = edges, slow
        return True


def _reaches(edges: set[tuple[str, str]], start: str, end: str) -> bool:
    seen, waiting = set(), [start]
    while waiting:
        place = waiting.pop()
        if place == end:
            return True
        if place not in seen:
            seen.add(place)
            waiting += [after for before, after in edges if before == place]
    return False
