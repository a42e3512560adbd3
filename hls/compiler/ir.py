"""What the front end hands to the rest of the compiler: functions in SSA form, typed and located.

A small mirror of LLVM's IR. Everything that C++ alone knows and that IR text has lost (payload
layouts, pragmas, names, source lines) is attached here, so that no later stage reads source
text, debug information or mangled names.
"""

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import ClassVar


@dataclass(frozen=True)
class Location:
    """A place in the C++ source; `str()` is `file:line`."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def short(self) -> str:
        """`file:line` without directories, for generated text: the same on every machine."""
        return f"{PurePath(self.file).name}:{self.line}"


# Types ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class IntType:
    """An integer of `width` bits; LLVM integers have no sign."""

    width: int


@dataclass(frozen=True)
class ArrayType:
    """`count` elements."""

    count: int
    element: "Type"


@dataclass(frozen=True)
class StructType:
    """Fields in order; `packed` has no padding between them."""

    fields: tuple["Type", ...]
    packed: bool = False


@dataclass(frozen=True)
class PointerType:
    """An address; what it points to follows from its uses."""


@dataclass(frozen=True)
class VoidType:
    """No value."""


Type = IntType | ArrayType | StructType | PointerType | VoidType


# Values -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Constant:
    """An integer, `0 <= value < 2^width`."""

    value: int
    type: IntType


@dataclass(frozen=True)
class Undefined:
    """`undef` or `poison`: any bits will do."""

    type: Type


@dataclass(frozen=True)
class Local:
    """The result of an instruction, an argument of the function, or a memory made by `alloca`.

    `name` is unique in the function; so is the name of an `Instruction.result`.
    """

    name: str
    type: Type


@dataclass(frozen=True)
class Global:
    """The address of an object outside functions: a key of `Module.memories`."""

    name: str


@dataclass(frozen=True)
class Address:
    """A constant address: `offset` bytes into a global object."""

    base: Global
    offset: int


Value = Constant | Undefined | Local | Global | Address


# Instructions -----------------------------------------------------------------------------------


@dataclass
class Instruction:
    """One instruction.

    Attributes:
        opcode: LLVM's own word: add sub mul udiv sdiv urem srem and or xor shl lshr ashr, icmp,
            select, freeze, zext sext trunc, phi, load store getelementptr, call, extractvalue,
            br switch ret unreachable. Intrinsics arrive as their own opcode, with operands of one
            width: smax smin umax umin, abs, fshl fshr, ctpop ctlz cttz, bitreverse. Calls to
            `llvm.assume`, lifetime and debug intrinsics are dropped; any other instruction,
            vector or floating-point value is refused by the front end with its location.
        result: name of the value it defines, or None.
        type: of the result; VoidType without one.
        operands: in LLVM's order. phi: the values, matching `blocks`. br: () or (condition,).
            switch: (value,). store: (value, address). load: (address,).
            getelementptr: (address, index, ...). call: the arguments. extractvalue: (call,).
            ret: one per `Function.results`.
        blocks: names of blocks: of a phi, where each operand comes from; of a br or switch, the
            successors (br: true first; switch: default first, then one per `cases`).
        cases: values of a switch, for blocks[1:].
        predicate: of an icmp: eq ne ugt uge ult ule sgt sge slt sle.
        element: of a getelementptr, the type its first index counts.
        index: of an extractvalue, which of the callee's results.
        callee: of a call, the name of a module function, whose results arrive together as one
            value of StructType (also where there is one result only), or
            "pipeline": a marker with operands (II,): the loop that contains it innermost is
            `#pragma HLS PIPELINE II=...` (II = 0 stands for `II` left out: as small as possible).
        volatile: of a load or store: it is a stream access, see `StreamPort`.
        implementation: of a mul: "dsp" or "fabric" from `#pragma HLS BIND_OP`, else "".
        location: where it was written, or None when LLVM lost it.
    """

    opcode: str
    result: str | None
    type: Type
    operands: tuple[Value, ...] = ()
    blocks: tuple[str, ...] = ()
    cases: tuple[int, ...] = ()
    predicate: str = ""
    element: Type | None = None
    index: int = 0
    callee: str = ""
    volatile: bool = False
    implementation: str = ""
    location: Location | None = None


@dataclass
class Block:
    """A basic block: phis first, a terminator last. The first block of a function is its entry."""

    name: str
    instructions: list[Instruction]


# What C++ says beside the code ------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """One integer inside a stream payload or an element of a memory.

    Attributes:
        name: `sum`, or with array indices `lane[3]`, `v[1][7]`, or with struct members `a.b`.
        offset: bits from the start of the object in memory.
        memory_width: bits it takes there (8, 16, 32, 64, or a multiple of 64).
        width: of its value, as declared.
        signed: it is a signed type.
        position: its lowest bit in the packed word that travels on the stream.
    """

    name: str
    offset: int
    memory_width: int
    width: int
    signed: bool
    position: int


@dataclass(frozen=True)
class Payload:
    """What a stream or one element of a memory carries.

    The fields are packed without gaps, the first one in the lowest bits.

    Attributes:
        name: C++ type, without namespaces and template defaults.
        memory_width: bits of the object in memory; the width of the volatile loads and stores.
        width: bits of the packed word.
        fields: in order of `position`. A bare ap_uint is one field called "".
    """

    name: str
    memory_width: int
    width: int
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class StreamPort:
    """A stream argument `p`; its accesses are volatile, relative to the argument's address.

    * load of `payload.memory_width` bits at `DATA_OFFSET` bytes: read.
    * store there: write.
    * 8-bit load at offset 0: bit 0 says that the stream is not empty (input);
      at offset 1: that it is not full (output).
    """

    name: str
    payload: Payload
    location: Location | None = None

    DATA_OFFSET: ClassVar[int] = 64


@dataclass(frozen=True)
class Scalar:
    """A number passed by value; the caller holds it stable while the function runs."""

    name: str
    width: int
    signed: bool
    location: Location | None = None


@dataclass(frozen=True)
class Output:
    """One integer that a function kept as a module gives back.

    `name` is "" for the returned value, else that of the argument passed by reference, with the
    field where it is an array or struct: `sum`, `lane_3`.
    """

    name: str
    width: int
    signed: bool


Argument = StreamPort | Scalar


@dataclass(frozen=True)
class Partition:
    """`#pragma HLS ARRAY_PARTITION`.

    `kind` is complete, cyclic or block; `dimension` counts from 1, 0 stands for all of them;
    `factor` belongs to cyclic and block.
    """

    kind: str
    dimension: int
    factor: int = 0


@dataclass
class Memory:
    """An array or variable that lives at an address: a local `alloca` or a global.

    Loads and stores address its bytes: an element at a multiple of `element.memory_width`, a
    field inside it at `Field.offset`. An access may cover several fields, even elements (a row
    that is only moved), or a part of one.

    Attributes:
        name: from the source, unique among the memories of the function or module.
        dimensions: of the C++ array, outermost first; () for a single number or struct.
        element: layout of one element: a number has one field, a struct several.
        constant: never written (a table).
        static: keeps its value between calls; `initial` is then its value at power-on.
        initial: one integer per field of each element, row-major, of the declared width, or None
            when undefined.
        partitions: from pragmas.
        storage: "", or from BIND_STORAGE / RESOURCE: "register", "lutram", "bram", "uram", "rom".
        latency: of BIND_STORAGE; 0 when left to the compiler.
        no_dependence: from DEPENDENCE: subset of {"inter", "intra"} that is declared false.
        distance: from DEPENDENCE: an address that one iteration writes is read by the next ones
            at the earliest this many iterations later; 0 promises nothing.
    """

    name: str
    dimensions: tuple[int, ...]
    element: Payload
    constant: bool = False
    static: bool = False
    initial: tuple[int, ...] | None = None
    partitions: tuple[Partition, ...] = ()
    storage: str = ""
    latency: int = 0
    no_dependence: frozenset[str] = frozenset()
    distance: int = 0
    location: Location | None = None


@dataclass
class Function:
    """A process, or a function kept as a module (`INLINE off`).

    A module function has values only: what C++ passes by reference, and every field of a struct
    or array, is a scalar argument of its declared width, a result, or both.

    Attributes:
        name: for generated modules: from the source, unique in the module, a legal identifier.
        kind: "process" (has streams or runs loops) or "module" (acyclic, no streams).
        arguments: in order; the `Local` of each has the same name. A scalar's has its declared
            width.
        results: of a module function, in order.
        blocks: in order, the entry first.
        memories: name of the alloca -> memory. Allocas do not appear as instructions.
        free_running: `#pragma HLS INTERFACE ap_ctrl_none port=return`.
        axilite: names of scalar arguments (and "return") on an `s_axilite` interface.
        loop_names: name of a loop's header block -> label in the source, where there is one.
    """

    name: str
    kind: str
    arguments: list[Argument]
    blocks: list[Block]
    results: tuple[Output, ...] = ()
    memories: dict[str, Memory] = field(default_factory=dict)
    free_running: bool = False
    axilite: frozenset[str] = frozenset()
    loop_names: dict[str, str] = field(default_factory=dict)
    location: Location | None = None


@dataclass(frozen=True)
class Channel:
    """A stream between two processes. `depth` from `#pragma HLS STREAM` (2 without it)."""

    name: str
    payload: Payload
    depth: int
    location: Location | None = None


@dataclass(frozen=True)
class Instance:
    """A call inside a DATAFLOW region.

    Attributes:
        name: unique in the network. function: name in `Module.functions` or `Module.networks`.
        connections: argument of the callee -> channel, stream port or scalar of the network, or
            an integer constant.
    """

    name: str
    function: str
    connections: dict[str, str | int]
    location: Location | None = None


@dataclass
class Network:
    """A function with `#pragma HLS DATAFLOW`: nothing but streams and calls."""

    name: str
    arguments: list[Argument]
    channels: list[Channel]
    instances: list[Instance]
    free_running: bool = False
    axilite: frozenset[str] = frozenset()
    location: Location | None = None


@dataclass
class Module:
    """One translation unit.

    Attributes:
        top: name of the function or network that was asked for.
        functions, networks: by name; those that `top` needs, callees before callers.
        memories: name of the global -> memory.
    """

    top: str
    functions: dict[str, Function]
    networks: dict[str, Network]
    memories: dict[str, Memory]
