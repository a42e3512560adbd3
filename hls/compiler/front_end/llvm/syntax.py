"""What the parser makes of LLVM's text: functions, globals and metadata, still close to LLVM."""

from dataclasses import dataclass, field

from m3vit.hls.compiler import ir


@dataclass(frozen=True)
class Zero:
    """`zeroinitializer` or `null`."""


@dataclass(frozen=True)
class Aggregate:
    """The elements of an array or struct constant."""

    elements: tuple["Initial", ...]


Initial = ir.Constant | ir.Undefined | ir.Global | ir.Address | Zero | Aggregate
"""The initial value of a global."""

Operand = ir.Value | Zero | Aggregate
"""An operand; constants of struct type occur where results of a function are put together."""


@dataclass
class Instruction:
    """An instruction with what only LLVM knows; what is not said here is as in `ir.Instruction`.

    More opcodes than in `ir`: alloca (`element` is its type) and insertvalue (aggregate, value;
    `index`). A call's `callee` is the LLVM name.

    Attributes:
        debug: number of its DILocation, or -1. loop: number of the `!llvm.loop` node, or -1.
    """

    opcode: str
    result: str | None
    type: ir.Type
    operands: tuple[Operand, ...] = ()
    blocks: tuple[str, ...] = ()
    cases: tuple[int, ...] = ()
    predicate: str = ""
    element: ir.Type | None = None
    index: int = 0
    callee: str = ""
    volatile: bool = False
    debug: int = -1
    loop: int = -1


@dataclass
class Parameter:
    """A formal argument."""

    name: str
    type: ir.Type


@dataclass(frozen=True)
class Declaration:
    """A `#dbg_declare`: the variable whose home an alloca is, and the expression's numbers."""

    variable: int
    expression: str


@dataclass(frozen=True)
class ValueRecord:
    """A `#dbg_value`: a variable (or the part of it that `expression` names) has this value."""

    value: str
    variable: int
    expression: str


@dataclass
class Block:
    """A basic block."""

    name: str
    instructions: list[Instruction] = field(default_factory=list)


@dataclass
class Function:
    """A definition. `debug` is the number of its DISubprogram, or -1."""

    name: str
    parameters: list[Parameter]
    returns: ir.Type
    debug: int
    blocks: list[Block] = field(default_factory=list)
    declarations: dict[str, Declaration] = field(default_factory=dict)
    values: list[ValueRecord] = field(default_factory=list)


@dataclass
class Global:
    """A variable or constant outside functions. `debug` as in `Function`."""

    name: str
    type: ir.Type
    constant: bool
    initial: Initial | None
    debug: tuple[int, ...] = ()


@dataclass
class Module:
    """A translation unit. `metadata` holds the text behind `!<number> =`."""

    types: dict[str, ir.Type]
    globals: dict[str, Global]
    functions: dict[str, Function]
    metadata: dict[int, str] = field(repr=False)
