"""Making graphs: every node is folded, merged with an equal one and bounded as it is created."""

from collections.abc import Iterable, Mapping, Sequence

from . import folding, ranges, wiring
from .graph import EFFECTS, PURE, ModuleFunction, Node, Region, Register, Storage, Transition
from .ir import Location
from .ordering import in_order
from .ranges import Range
from .semantics import evaluate, mask

COMMUTATIVE = frozenset(
    ["add", "mul", "and", "or", "xor", "eq", "ne", "smax", "smin", "umax", "umin"]
)

_Key = tuple[str, int, tuple[int, ...], int, int, str, str]


class GraphBuilder:
    """The nodes of one region while it is made.

    `pure` returns an existing node, a simpler one or a constant where it can: what comes back
    need not have the operation that was asked for. `region` collects what is live at the end.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.effects: list[Node] = []
        self.phis: list[Node] = []
        self._known: dict[_Key, Node] = {}
        self._undefined: dict[int, Node] = {}
        self.wires = wiring.Wires(self)

    # Values from outside ------------------------------------------------------------------------

    def constant(self, value: int, width: int) -> Node:
        """The low `width` bits of `value`, which may be negative."""
        value &= mask(width)
        return self.node(
            "constant", width, (), value=value, bounds=ranges.of_constant(value, width)
        )

    def undefined(self, width: int) -> Node:
        """A value of which any bits will do: a zero that `select` prefers not to choose."""
        if width not in self._undefined:
            node = Node(len(self.nodes), "constant", width, [])
            self.nodes.append(node)
            self._undefined[width] = node
        return self._undefined[width]

    def is_undefined(self, node: Node) -> bool:
        """It came from `undefined`."""
        return self._undefined.get(node.width) is node

    def argument(
        self, name: str, width: int, bounds: Range | None = None, location: Location | None = None
    ) -> Node:
        """A scalar argument of the process, or an input of a module function."""
        return self.node("argument", width, (), name=name, bounds=bounds, location=location)

    def register(self, register: Register) -> Node:
        """What another region left in a register of the process."""
        bounds = register.low, register.high
        return self.node("register", register.width, (), name=register.name, bounds=bounds)

    # Operations ---------------------------------------------------------------------------------

    def pure(
        self,
        operation: str,
        width: int,
        *operands: Node,
        start: int = 0,
        name: str = "",
        location: Location | None = None,
        implementation: str = "",
    ) -> Node:
        """An operation without effects, simplified; `name` is given to a node that has none."""
        node = self._simplified(operation, width, operands, start, implementation)
        if node is None:
            if operation in COMMUTATIVE:
                operands = tuple(
                    sorted(operands, key=lambda node: (node.operation == "constant", node.index))
                )
            node = self.node(
                operation,
                width,
                operands,
                start=start,
                name=name,
                location=location,
                implementation=implementation,
            )
        if name and not node.name and node.operation != "constant":
            node.name = name
        if location and not node.location:
            node.location = location
        return node

    def call(
        self,
        function: ModuleFunction,
        operands: Sequence[Node],
        name: str = "",
        location: Location | None = None,
    ) -> list[Node]:
        """An instance of a module function -> its results, as wide as callers see them."""
        packed = self.node(
            "call",
            function.width,
            tuple(operands),
            callee=function.name,
            name=name or function.name,
            location=location,
        )
        values = []
        for result in function.results:
            bounds = (result.low, result.high) if result.bits > 1 else (0, 1)
            node = self.node(
                "result",
                result.bits,
                (packed,),
                start=result.start,
                bounds=ranges.fit(bounds, result.bits),
                location=location,
            )
            values.append(self.resize(node, result.width, result.signed))
        return values

    def resize(self, node: Node, width: int, is_signed: bool) -> Node:
        """Cut or extended to `width`."""
        if node.width > width:
            return self.pure("trunc", width, node)
        return self.pure("sext" if is_signed else "zext", width, node)

    def all_of(self, *conditions: Node) -> Node:
        """1-bit and."""
        result = self.constant(1, 1)
        for condition in conditions:
            result = self.pure("and", 1, result, condition)
        return result

    def any_of(self, *conditions: Node) -> Node:
        """1-bit or."""
        result = self.constant(0, 1)
        for condition in conditions:
            result = self.pure("or", 1, result, condition)
        return result

    def invert(self, condition: Node) -> Node:
        """1-bit not."""
        return self.pure("not", 1, condition)

    def equals(self, node: Node, value: int) -> Node:
        """The node has this unsigned value."""
        return self.pure("eq", 1, node, self.constant(value, node.width))

    def select(self, condition: Node, if_true: Node, if_false: Node, name: str = "") -> Node:
        """One of two values of equal width."""
        return self.pure("select", if_true.width, condition, if_true, if_false, name=name)

    # Effects ------------------------------------------------------------------------------------

    def effect(
        self,
        operation: str,
        width: int,
        *operands: Node,
        port: str = "",
        memory: Storage | None = None,
        bank: int = 0,
        name: str = "",
        location: Location | None = None,
        bounds: Range | None = None,
    ) -> Node:
        """An operation that is never merged; program order is the order of these calls."""
        if operation not in EFFECTS:
            raise ValueError(f"{operation} is not an effect")
        node = self._new(operation, width, operands, bounds or ranges.full(width))
        node.port, node.memory, node.bank = port, memory, bank
        node.name, node.location = name, location
        if operation == "phi":
            self.phis.append(node)
        else:
            node.order = len(self.effects)
            self.effects.append(node)
        return node

    def phi(
        self,
        initial: Node,
        name: str = "",
        bounds: Range | None = None,
        location: Location | None = None,
    ) -> Node:
        """A value carried from one iteration to the next; `set_next` completes it."""
        return self.effect(
            "phi", initial.width, initial, name=name, bounds=bounds, location=location
        )

    def set_next(self, phi: Node, value: Node) -> None:
        """What the phi is in the next iteration."""
        phi.operands = [phi.operands[0], value]

    def read(self, port: str, width: int, predicate: Node, name: str = "") -> Node:
        """Take a packed payload of `width` bits from a stream."""
        return self.effect("read", width, predicate, port=port, name=name or port)

    def write(self, port: str, predicate: Node, value: Node) -> Node:
        """Put a packed payload into a stream."""
        return self.effect("write", 0, predicate, value, port=port)

    def load(
        self, memory: Storage, bank: int, predicate: Node, address: Node, name: str = ""
    ) -> Node:
        """An element of a bank."""
        return self.effect(
            "load",
            memory.width,
            predicate,
            address,
            memory=memory,
            bank=bank,
            name=name or memory.name,
            bounds=_content(memory, bank),
        )

    def store(
        self, memory: Storage, bank: int, predicate: Node, address: Node, value: Node
    ) -> Node:
        """Write an element of a bank."""
        return self.effect("store", 0, predicate, address, value, memory=memory, bank=bank)

    # The result ---------------------------------------------------------------------------------

    def region(
        self,
        name: str,
        *,
        pipelined: bool = False,
        interval: int = 1,
        proceed: Node | None = None,
        transitions: Sequence[Transition] = (),
        exports: Mapping[str, Node] | None = None,
        outputs: Sequence[Node] = (),
        location: Location | None = None,
    ) -> Region:
        """Everything that the effects, exits, exports and outputs need, operands before users."""
        exports = dict(exports or {})
        roots = [*exports.values(), *outputs]
        if proceed is not None:
            roots.append(proceed)
        for transition in transitions:
            roots += [transition.condition, *transition.assignments.values()]
        nodes = in_order(roots, self.effects)
        effects = [node for node in nodes if node.order >= 0]
        for index, node in enumerate(nodes):
            node.index = index
        for order, node in enumerate(effects):
            node.order = order
        return Region(
            name,
            pipelined,
            interval,
            nodes,
            [node for node in nodes if node.operation == "phi"],
            effects,
            proceed,
            list(transitions),
            exports,
            location,
        )

    # Inside -------------------------------------------------------------------------------------

    def _simplified(
        self,
        operation: str,
        width: int,
        operands: tuple[Node, ...],
        start: int,
        implementation: str,
    ) -> Node | None:
        if operation not in PURE:
            raise ValueError(f"{operation} is not a pure operation")
        if all(node.operation == "constant" for node in operands):
            values = [node.value for node in operands]
            widths = [node.width for node in operands]
            return self.constant(evaluate(operation, width, values, widths, start), width)
        if operation in wiring.OPERATIONS:
            return self.wires.fold(operation, width, operands, start)
        if implementation:
            return None
        return folding.fold(self, operation, width, operands)

    def node(
        self,
        operation: str,
        width: int,
        operands: tuple[Node, ...],
        *,
        value: int = 0,
        start: int = 0,
        name: str = "",
        callee: str = "",
        implementation: str = "",
        bounds: Range | None = None,
        location: Location | None = None,
    ) -> Node:
        """The node of this description; names tell only values from outside apart."""
        identity = name if operation in ("argument", "register") else callee
        indices = tuple(node.index for node in operands)
        key = (operation, width, indices, value, start, identity, implementation)
        node = self._known.get(key)
        if node is None:
            if bounds is None:
                bounds = ranges.of_operation(operation, width, operands, start)
            node = self._new(operation, width, operands, bounds)
            node.value, node.start, node.callee = value, start, callee
            node.name, node.location, node.implementation = name, location, implementation
            self._known[key] = node
            self.wires.possible(node)
        return node

    def _new(self, operation: str, width: int, operands: Iterable[Node], bounds: Range) -> Node:
        node = Node(len(self.nodes), operation, width, list(operands), bounds[0], bounds[1])
        self.nodes.append(node)
        return node


def _content(memory: Storage, bank: int) -> Range | None:
    """Bounds of what a table holds."""
    if memory.kind != "rom" or memory.initial is None or not memory.initial[bank]:
        return None
    values = [ranges.of_constant(value, memory.width) for value in memory.initial[bank]]
    return ranges.union(*values)
