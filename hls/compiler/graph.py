"""The compiler's middle language: dataflow nodes in regions, regions in a process.

`build` makes it from `ir`, `schedule` writes stages into it, `emit` reads it. A node is one
value, computed every iteration; what must not happen in every iteration (a stream access, a
store) carries a predicate. Values are bit patterns of `width` bits; `semantics.evaluate` defines
every operation on them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from .ir import Location, Memory, Partition, Scalar, StreamPort

# Operations -------------------------------------------------------------------------------------

_OUTSIDE = ["constant", "argument", "register", "call", "result"]
_ARITHMETIC = ["add", "sub", "mul", "udiv", "sdiv", "urem", "srem", "smax", "smin", "umax", "umin"]
_LOGIC = ["and", "or", "xor", "not", "select", "shl", "lshr", "ashr"]
_COMPARISONS = ["eq", "ne", "ult", "ule", "ugt", "uge", "slt", "sle", "sgt", "sge"]
_WIRING = ["zext", "sext", "trunc", "slice", "concat"]
PURE = frozenset([*_OUTSIDE, *_ARITHMETIC, *_LOGIC, *_COMPARISONS, *_WIRING])
"""Operations without effects; equal ones with equal operands are one node.

constant: `value`. argument: a scalar argument, or an input of a module function; `name`.
register: what another region left in register `name` of the process.
select: (condition, if true, if false). not: bitwise.
add ... srem, comparisons, maxima: two operands of one width; shl lshr ashr: any amount width, an
amount of `width` or more is poison and may give anything.
concat: operands from the highest bits to the lowest. slice: (value), `width` bits from `start`.
call: all inputs of the module function `callee`, in order; its width is the sum of the results'.
result: (call), the result that starts at bit `start` of that.
"""

EFFECTS = frozenset(["phi", "read", "write", "not_empty", "not_full", "load", "store"])
"""Operations that are never merged or moved across one another.

phi: (initial value on entry, value for the next iteration); the second is set last, and equals
    the phi itself where nothing changes.
read: (predicate) -> packed payload of stream `port`. write: (predicate, packed payload).
not_empty, not_full: () -> 1 bit, of stream `port`.
load: (predicate, address) -> element of `memory` bank `bank`. store: (predicate, address, value).
    Their `bank` is a number: what the source indexes by a variable bank is several nodes and
    selects. `address` counts elements inside the bank.
"""


@dataclass(eq=False, repr=False)
class Node:
    """One value.

    Attributes:
        index: creation number; unique in the region, later nodes have larger ones.
        operation: of `PURE` or `EFFECTS`.
        width: bits; 0 for write and store.
        operands: nodes of the same region.
        low, high: the value, read as a signed number of `width` bits, is proven to lie within;
            1-bit values count as 0..1. `bits` and `signed` follow.
        name: from the source, or "".
        location: line that computes it.
        value, callee, port, bank: see the operations; start: the lowest bit of slice and result.
        memory: storage of a load or store.
        implementation: "dsp" or "fabric" from `#pragma HLS BIND_OP` on a mul, else "".
        order: program order of the effects of an iteration, -1 for pure nodes.
        stage, delay, latency: written by `schedule`: stage in which the operands are taken; ns
            after that stage's (or, with latency > 0, the last stage's) clock edge at which the
            value is there; clock edges from operands to value.
    """

    index: int
    operation: str
    width: int
    operands: list["Node"]
    low: int = 0
    high: int = 0
    name: str = ""
    location: Location | None = None
    value: int = 0
    start: int = 0
    callee: str = ""
    port: str = ""
    memory: "Storage | None" = None
    bank: int = 0
    implementation: str = ""
    order: int = -1
    stage: int = -1
    delay: float = 0.0
    latency: int = 0

    def __repr__(self) -> str:
        operands = ", ".join(f"{x.name or x.operation}#{x.index}" for x in self.operands)
        return f"<{self.name}#{self.index} = {self.operation}({operands}): {self.width} bits>"

    @property
    def signed(self) -> bool:
        """The value can be negative."""
        return self.low < 0

    @property
    def bits(self) -> int:
        """Bits that carry information: the value is their sign or zero extension."""
        if self.low >= 0:
            return min(self.width, max(1, self.high.bit_length()))
        above = max(self.high, 0)
        return min(self.width, max((-self.low - 1).bit_length(), above.bit_length()) + 1)


@dataclass(eq=False)
class Storage:
    """An array of a process after partitioning.

    Attributes:
        memory: from the source.
        name: legal and unique in the process.
        width: bits of an element. depth: elements in a bank. banks: how many.
        kind: "lutram", "bram", "uram" or "rom". (Arrays in registers have become phis.)
        initial: per bank, the elements, or None where undefined.
        read_latency: clock edges from address to data: 0 for lutram and small tables that are
            read in the same cycle, else 1 or more.
    """

    memory: Memory
    name: str
    width: int
    depth: int
    banks: int
    kind: str
    initial: tuple[tuple[int, ...], ...] | None
    read_latency: int
    partitions: tuple[Partition, ...] = ()


@dataclass(frozen=True)
class Transition:
    """Leaving a region.

    Attributes:
        condition: 1-bit node of the source region (of its last iteration, for a pipeline).
        target: name of a region, or None: the function returns.
        assignments: register of the process -> node of the source region that it takes.
    """

    condition: Node
    target: str | None
    assignments: dict[str, Node] = field(default_factory=dict)


@dataclass(eq=False)
class Region:
    """Straight-line code (one state, one pass) or a pipelined loop.

    Attributes:
        name: legal identifier, from the loop's label or "block_<n>".
        pipelined: it is a loop; otherwise `phis` is empty and every node is in stage 0, except
            that loads and multi-cycle operations make the state last several cycles.
        interval: initiation interval (1 for straight-line code).
        nodes: every live node, operands before users (phis first; their `next` may come later).
        phis, effects: subsets of nodes; effects (all but phis) in program order.
        proceed: of a pipeline: 1-bit node, this iteration is followed by another.
            A free-running loop has the constant 1 here and no transitions.
        transitions: exactly one condition holds when the region is left.
        exports: register of the process -> node whose value, in the last iteration in which
            `nodes` ran, other regions read. Assigned in every iteration.
        depth: number of stages, by `schedule`.
        warnings: sentences, by `schedule`.
    """

    name: str
    pipelined: bool
    interval: int = 1
    nodes: list[Node] = field(default_factory=list)
    phis: list[Node] = field(default_factory=list)
    effects: list[Node] = field(default_factory=list)
    proceed: Node | None = None
    transitions: list[Transition] = field(default_factory=list)
    exports: dict[str, Node] = field(default_factory=dict)
    location: Location | None = None
    depth: int = 0
    warnings: list[str] = field(default_factory=list)

    def uses(self) -> Iterator[tuple[Node, Node]]:
        """Every (user, operand)."""
        for node in self.nodes:
            for operand in node.operands:
                yield node, operand


@dataclass(eq=False)
class Register:
    """A value that travels between regions. `low`, `high` as in `Node`."""

    name: str
    width: int
    low: int
    high: int
    initial: int | None = None


@dataclass(eq=False)
class Process:
    """A sequential function with streams: its state machine, one region after the other.

    Attributes:
        streams: by name; inputs, outputs: which are read and which are written.
        scalars: by name. registers: by name. storages: by name.
        regions: by name; `entry` is the first one.
        free_running: starts by itself after reset and never ends (no ap_ctrl_hs).
        axilite: names of scalars (and "return") that become AXI4-Lite registers.
    """

    name: str
    streams: dict[str, StreamPort]
    inputs: list[str]
    outputs: list[str]
    scalars: dict[str, Scalar]
    registers: dict[str, Register]
    storages: dict[str, Storage]
    regions: dict[str, Region]
    entry: str
    free_running: bool = False
    axilite: frozenset[str] = frozenset()
    location: Location | None = None


@dataclass(frozen=True)
class Result:
    """One result of a module function: bits [start, start + bits) of its packed output.

    `width` is what callers see: `bits` extended by sign (`signed`) or zeros. `field` is the
    position of the reference argument's payload field that it fills ("" argument: the returned
    value).
    """

    argument: str
    field: int
    start: int
    bits: int
    signed: bool
    width: int
    low: int
    high: int


@dataclass(eq=False)
class ModuleFunction:
    """A pure function kept as a module: one region without state, of fixed latency.

    Its only effects are loads from tables.

    Attributes:
        inputs: argument nodes of the region, in order; their `name` is the port.
        outputs: nodes that the results take, one per entry of `results`.
        latency: clock edges, by `schedule`; delay: ns after the last edge at which the slowest
            result is there. All results appear together.
    """

    name: str
    region: Region
    inputs: list[Node]
    outputs: list[Node]
    results: list[Result]
    latency: int = 0
    delay: float = 0.0
    location: Location | None = None

    @property
    def width(self) -> int:
        """Bits of the packed output."""
        return sum(result.bits for result in self.results)
