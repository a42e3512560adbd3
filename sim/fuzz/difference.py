"""Where a design with a fault can differ from the design without it, as a model that ABC checks.

The model holds the design once, and beside each bit that the fault may reach a mark: while it is 0,
the bit has the same value in both designs. The mark of a gate's output follows from the gate's
inputs and their marks; that of an AND with one marked input is 1 only while its other input is 1.
Marks err on one side: two differences that cancel each other stay marked. So if no mark ever
reaches an output, both designs behave in the same way whatever their inputs are.

Outputs are the same if handshakes are in every cycle after reset, and data while they are valid.
What no reset sets may hold anything when reset ends, the same in both designs. Products and the
words read from memories may be anything in the model too, which errs on the same side.
"""

from collections.abc import Iterable, Mapping, Sequence

from .netlist import Bit, Cell, Gate, Netlist, Product, Read

_TABLES = {
    "NOT": ("0 1",),
    "AND": ("11 1",),
    "OR": ("1- 1", "-1 1"),
    "XOR": ("10 1", "01 1"),
    "XNOR": ("11 1", "00 1"),
    "MUX": ("1-0 1", "-11 1"),
}
"""When the output of a gate is 1, as rows of BLIF."""

_RESET = "rst_n"
_START = "start"  # a register that is 1 in the first cycle after reset
_DATA, _VALID = "_data", "_valid"


def in_a_cycle(netlist: Netlist, fault: int) -> str:
    """The model of one fault, in any cycle, of reset too, before which the designs are the same.

    Its output is 1 where they differ at an output or in what they store. It is small, and enough
    for a changed expression that has the same value after all.
    """
    reached = _reached(netlist, fault, stored=False)
    return _Model(netlist, fault, reached, stored=False).text()


def from_reset(netlist: Netlist, fault: int) -> str:
    """The model of one fault: its output is 1 where the designs differ at an output."""
    return _Model(netlist, fault, _reached(netlist, fault, stored=True), stored=True).text()


def _reached(netlist: Netlist, fault: int, *, stored: bool) -> frozenset[Bit]:
    """The bits that a path leads to from a fault; with `stored`, through state as well."""
    reached: set[Bit] = set(netlist.faults[fault])
    before = 0
    while len(reached) > before:
        before = len(reached)
        for cell in netlist.cells:
            reached.update(_reached_outputs(cell, reached))
        if stored:
            reached.update(list(_reached_state(netlist, reached)))
    return frozenset(reached)


def _reached_state(netlist: Netlist, reached: set[Bit]) -> Iterable[int]:
    """Registers, and columns of memories, into which something reached goes."""
    for register in netlist.registers:
        if register.next in reached:
            yield register.output
    for write in netlist.writes:
        everything = not reached.isdisjoint(write.address)
        for enable, column, data in zip(write.enable, write.columns, write.data, strict=True):
            if everything or enable in reached or data in reached:
                yield column


def _reached_outputs(cell: Cell, reached: set[Bit]) -> Iterable[int]:
    if not reached.isdisjoint(cell.inputs):
        return cell.outputs
    if isinstance(cell, Read):
        words = zip(cell.columns, cell.outputs, strict=True)
        return [bit for column, bit in words if column in reached]
    return ()


class _Model:
    """Writes the values and marks that the outputs need."""

    def __init__(
        self, netlist: Netlist, fault: int, reached: frozenset[Bit], *, stored: bool
    ) -> None:
        self._netlist = netlist
        self._stored = stored
        self._reached = reached
        self._sources = frozenset(netlist.faults[fault])
        self._drivers = {bit: cell for cell in netlist.cells for bit in cell.outputs}
        self._registers = {register.output: register.next for register in netlist.registers}
        self._reset = netlist.inputs[_RESET][0]
        self._faults = frozenset(bit for bits in netlist.faults.values() for bit in bits)
        self._start = Start(netlist, self._sources)
        self._inputs: list[str] = []
        self._lines: list[str] = []
        self._wanted: list[tuple[str, int]] = []
        self._named: set[tuple[str, int]] = set()
        self._count = 0

    def text(self) -> str:
        """The model."""
        bad = [self._output(name) for name in self._netlist.outputs]
        if not self._stored:
            bad += [self._mark(register.next) for register in self._netlist.registers]
            for column in dict.fromkeys(
                column for write in self._netlist.writes for column in write.columns
            ):
                bad += self._marks_of_writes(column)
        self._gate("BUFFER", [self._any(bad)], "bad")
        while self._wanted:
            kind, bit = self._wanted.pop()
            if kind == "value":
                self._write_value(bit)
            else:
                self._write_mark(bit)
        return "\n".join(
            [
                ".model difference",
                f".inputs {' '.join(self._inputs)}",
                ".outputs bad",
                ".names zero",
                ".names one",
                "1",
                f".latch zero {_START} 1",
                *self._lines,
                ".end",
                "",
            ]
        )

    def _output(self, name: str) -> str:
        """An output differs; data do while they are valid."""
        differs = self._any(self._mark(bit) for bit in self._netlist.outputs[name])
        if name.endswith(_DATA):
            valid = self._netlist.outputs[name.removesuffix(_DATA) + _VALID][0]
            return self._both(differs, self._value(valid))
        return differs

    # Names ---------------------------------------------------------------------------------------

    def _value(self, bit: Bit) -> str:
        if bit == "x":
            return self._anything()
        if isinstance(bit, str):
            return "one" if bit == "1" else "zero"
        return self._name("value", bit)

    def _mark(self, bit: Bit) -> str:
        return self._name("mark", bit) if isinstance(bit, int) and bit in self._reached else "zero"

    def _name(self, kind: str, bit: int) -> str:
        if (kind, bit) not in self._named:
            self._named.add((kind, bit))
            self._wanted.append((kind, bit))
        return f"{kind}{bit}"

    def _anything(self, name: str = "") -> str:
        name = name or self._new()
        self._inputs.append(name)
        return name

    def _new(self) -> str:
        self._count += 1
        return f"n{self._count}"

    # Gates ---------------------------------------------------------------------------------------

    def _gate(self, kind: str, inputs: Sequence[str], output: str = "") -> str:
        output = output or self._new()
        rows = _TABLES.get(kind, ("1 1",))
        self._lines += [f".names {' '.join(inputs)} {output}", *rows]
        return output

    def _both(self, left: str, right: str) -> str:
        if "zero" in (left, right):
            return "zero"
        return self._gate("AND", [left, right])

    def _any(self, names: Iterable[str]) -> str:
        some = list(dict.fromkeys(name for name in names if name != "zero"))
        while len(some) > 1:
            some = [*some[2:], self._gate("OR", some[:2])]
        return some[0] if some else "zero"

    # What is written -----------------------------------------------------------------------------

    def _write_value(self, bit: int) -> None:
        name, cell = f"value{bit}", self._drivers.get(bit)
        if isinstance(cell, Gate):
            self._gate(cell.kind, [self._value(other) for other in cell.inputs], name)
        elif bit in self._registers and self._stored:
            after = self._value(self._registers[bit])
            known = self._start.values[bit]
            if known is None:
                kept = self._new()
                self._lines.append(f".latch {after} {kept} 0")
                self._gate("MUX", [kept, self._anything(), _START], name)
            else:
                self._lines.append(f".latch {after} {name} {known}")
        elif bit in self._faults:
            self._gate("BUFFER", ["zero"], name)
        elif bit == self._reset and self._stored:
            self._gate("BUFFER", ["one"], name)
        else:
            self._anything(name)

    def _write_mark(self, bit: int) -> None:
        name, cell = f"mark{bit}", self._drivers.get(bit)
        if bit in self._sources:
            self._gate("BUFFER", ["one"], name)
        elif isinstance(cell, Gate):
            self._gate("BUFFER", [self._mark_of_gate(cell)], name)
        elif isinstance(cell, Product):
            self._gate("BUFFER", [self._mark_of_product(cell, bit)], name)
        elif isinstance(cell, Read):
            column = cell.columns[cell.outputs.index(bit)]
            marks = [self._mark(column), *map(self._mark, cell.inputs)]
            self._gate("BUFFER", [self._any(marks)], name)
        elif bit in self._registers:
            differs = int(bit in self._start.differing)
            self._lines.append(f".latch {self._mark(self._registers[bit])} {name} {differs}")
        else:
            after = self._any([name, *self._marks_of_writes(bit)])
            self._lines.append(f".latch {after} {name} 0")

    def _mark_of_gate(self, gate: Gate) -> str:
        marks = [self._mark(bit) for bit in gate.inputs]
        if gate.kind == "MUX":
            return self._mark_of_choice(gate, *marks)
        if gate.kind not in ("AND", "OR"):
            return self._any(marks)
        passing = [self._value(bit) for bit in gate.inputs]
        if gate.kind == "OR":
            passing = [self._gate("NOT", [name]) for name in passing]
        return self._any(
            [
                self._both(marks[0], passing[1]),
                self._both(marks[1], passing[0]),
                self._both(*marks),
            ]
        )

    def _mark_of_choice(self, gate: Gate, first: str, second: str, select: str) -> str:
        values = [self._value(bit) for bit in gate.inputs]
        chosen = self._any(
            [
                self._both(first, self._gate("NOT", [values[2]])),
                self._both(second, values[2]),
            ]
        )
        if select == "zero":
            return chosen
        different = self._gate("XOR", values[:2])
        return self._gate("MUX", [chosen, self._any([different, first, second]), select])

    def _mark_of_product(self, product: Product, bit: int) -> str:
        """Bits of a product depend on those bits of its factors that are not higher."""
        place = product.outputs.index(bit)
        factors = product.left[: place + 1] + product.right[: place + 1]
        return self._any(map(self._mark, factors))

    def _marks_of_writes(self, column: int) -> list[str]:
        marks = []
        for write in self._netlist.writes:
            if column not in write.columns:
                continue
            place = write.columns.index(column)
            enable = write.enable[place]
            written = self._any(map(self._mark, [write.data[place], *write.address]))
            marks += [self._mark(enable), self._both(written, self._value(enable))]
        return marks


# After reset -------------------------------------------------------------------------------------


class Start:
    """What a cycle of reset leaves in the registers of the design.

    Attributes:
        values: of each register; None where it may be anything.
        differing: the registers whose value is another one with the fault, or might be.
    """

    def __init__(self, netlist: Netlist, sources: frozenset[int]) -> None:
        """`sources` are the bits that are 1 with the fault."""
        without = _values_in_reset(netlist, frozenset())
        faulty = _values_in_reset(netlist, sources)
        self.values: dict[int, int | None] = {}
        differing = set()
        for register in netlist.registers:
            value = _known(without, register.next)
            self.values[register.output] = value
            if value is not None and value != _known(faulty, register.next):
                differing.add(register.output)
        self.differing = frozenset(differing)


def _values_in_reset(netlist: Netlist, ones: frozenset[int]) -> dict[int, int | None]:
    """The bits that are known while reset is active, all registers unknown."""
    values: dict[int, int | None] = {netlist.inputs[_RESET][0]: 0}
    values.update({bit: int(bit in ones) for bits in netlist.faults.values() for bit in bits})
    for cell in netlist.cells:
        if isinstance(cell, Gate):
            values[cell.output] = _result(cell.kind, [_known(values, bit) for bit in cell.inputs])
    return values


def _known(values: Mapping[int, int | None], bit: Bit) -> int | None:
    if isinstance(bit, str):
        return None if bit == "x" else int(bit)
    return values.get(bit)


def _result(kind: str, inputs: Sequence[int | None]) -> int | None:
    """The output of a gate, some of whose inputs are unknown."""
    if kind == "MUX":
        first, second, select = inputs
        if select is not None:
            return second if select else first
        return first if first == second else None
    decisive = {"AND": 0, "OR": 1}.get(kind)
    if decisive is not None and decisive in inputs:
        return decisive
    if None in inputs:
        return None
    number = sum(value for value in inputs if value is not None)
    return {
        "NOT": 1 - number,
        "AND": number // 2,
        "OR": min(number, 1),
        "XOR": number % 2,
        "XNOR": 1 - number % 2,
    }[kind]
