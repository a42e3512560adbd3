"""Random statements: declarations, branches, states, register arrays, memories, modules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from .expressions import Expressions
from .numbers import Feedback, Number, Value, integer_type, joined, number_type
from .text import Text


@dataclass(frozen=True)
class Module:
    """A function kept as a module.

    Attributes:
        name: of the function.
        parameters: what goes in, by value.
        result: what it returns, or None: then it writes
        outputs: these, which it takes by reference behind the parameters.
    """

    name: str
    parameters: tuple[Number, ...]
    result: Number | None
    outputs: tuple[Number, ...] = ()


class Statements:
    """The body of a loop (or of a module), written statement by statement.

    Args:
        random: draws everything.
        text: where the body goes.
        before: where declarations go that must stand in front of the loop, or None in a module,
            which has no state.
        values: what is in scope at the beginning.
        interval: initiation interval of the loop.
        modules: functions that can be called.
        prefix: of the names of new variables.
    """

    def __init__(
        self,
        random: Random,
        text: Text,
        before: Text | None,
        values: list[Value],
        *,
        interval: int = 1,
        modules: Sequence[Module] = (),
        prefix: str = "",
    ) -> None:
        self._random = random
        self._text = text
        self._before = before
        self._interval = interval
        self._modules = list(modules)
        self._prefix = prefix
        self._feedback = Feedback()
        self._expressions = Expressions(random, values)
        self._count = 0
        self._memories = 0

    @property
    def values(self) -> list[Value]:
        """Everything in scope, oldest first."""
        return self._expressions.values

    def write(self, count: int) -> None:
        """Add so many statements."""
        for _ in range(count):
            kinds = self._kinds()
            weights = [weight for _, weight in kinds]
            self._random.choices(kinds, weights)[0][0]()

    def _kinds(self) -> list[tuple[Callable[[], None], float]]:
        kinds: list[tuple[Callable[[], None], float]] = [
            (self._declaration, 10),
            (self._branch, 1.5),
            (self._switch, 0.6),
            (self._bits, 1.2),
            (self._local_array, 0.8),
            (self._table, 0.5),
        ]
        if self._modules:
            kinds.append((self._call, 1.5))
        if self._before is not None:
            kinds += [(self._state, 2), (self._register_array, 0.8)]
            if self._memories < 3:
                kinds += [(self._memory, 1.2), (self._rotating_memory, 0.4)]
        return kinds

    # Without state ------------------------------------------------------------------------------

    def _declaration(self) -> None:
        self._declare(self._expressions.draw())

    def _declare(self, value: Value) -> Value:
        return self._add(f"{value.number} {{}} = {value.text};", value)

    def _add(self, line: str, value: Value) -> Value:
        """Write a line that defines a new variable `{}`, and put it in scope."""
        name = self._new_name("x")
        self._text.line(line.format(name))
        made = replace(value, text=name)
        self.values.append(made)
        return made

    def _new_name(self, letter: str) -> str:
        self._count += 1
        return f"{self._prefix}{letter}{self._count}"

    def _branch(self) -> None:
        """Variables that an if and its else change, nested now and then."""
        variables = [self._declare(self._expressions.draw()) for _ in range(2)]
        conditions: list[Value] = []
        self._nested_if(variables, conditions, depth=0)
        self._update(variables, conditions)

    def _nested_if(self, variables: list[Value], operands: list[Value], depth: int) -> None:
        condition = self._expressions.condition()
        operands.append(condition)
        self._text.open(f"if ({condition.text}) {{")
        self._assign(variables, operands)
        if depth < 2 and self._random.random() < 0.4:
            self._nested_if(variables, operands, depth + 1)
        self._text.close("}")
        if self._random.random() < 0.6:
            self._text.reopen("} else {")
            self._assign(variables, operands)
            self._text.close("}")

    def _assign(self, variables: list[Value], operands: list[Value]) -> None:
        for variable in self._random.sample(variables, self._random.randint(1, len(variables))):
            value = self._expressions.draw()
            operands.append(value)
            sign = self._random.choice(["=", "=", "+=", "-="])
            self._text.line(f"{variable.text} {sign} {value.number}({value.text});")

    def _update(self, variables: list[Value], operands: list[Value]) -> None:
        """The variables now depend on operands, and on each other."""
        depends, slowly = joined([*variables, *operands])
        for place, value in enumerate(self.values):
            if value in variables:
                self.values[place] = replace(value, depends=depends, slowly=slowly)

    def _switch(self) -> None:
        variables = [self._declare(self._expressions.draw())]
        selector = self._expressions.number()
        bits = self._random.randint(1, 3)
        operands = [selector]
        self._text.open(f"switch (ap_uint<{bits}>({selector.text}).to_uint()) {{")
        cases = self._random.sample(range(1 << bits), self._random.randint(1, 1 << bits))
        for case in sorted(cases):
            self._text.open(f"case {case}:")
            self._assign(variables, operands)
            if self._random.random() < 0.8:
                self._text.line("break;")
            self._text.close()
        if self._random.random() < 0.6:
            self._text.open("default:")
            self._assign(variables, operands)
            self._text.close()
        self._text.close("}")
        self._update(variables, operands)

    def _bits(self) -> None:
        """Bits of a copy are written one by one, or in a range."""
        whole = self._declare(self._expressions.number())
        source = self._expressions.number()
        high = self._random.randrange(whole.number.width)
        low = self._random.randint(0, high)
        if self._random.random() < 0.5:
            condition = self._expressions.condition()
            self._text.line(f"{whole.text}[{high}] = {condition.text};")
            self._update([whole], [condition])
        else:
            part = f"ap_uint<{high - low + 1}>({source.text})"
            self._text.line(f"{whole.text}.range({high}, {low}) = {part};")
            self._update([whole], [source])

    def _local_array(self) -> None:
        """A small array, filled and summed by unrolled loops, then indexed at run time."""
        kind, length = number_type(self._random), self._random.choice([2, 3, 4])
        array, sources = self._new_name("a"), [self._expressions.draw() for _ in range(2)]
        self._text.line(f"{kind} {array}[{length}];")
        self._text.pragma(f"ARRAY_PARTITION variable={array} complete")
        self._text.open(f"for (int j = 0; j < {length}; j++) {{")
        self._text.pragma("UNROLL")
        first, second = (f"{source.number}({source.text})" for source in sources)
        self._text.line(f"{array}[j] = j % 2 ? {kind}({first}) : {kind}({second});")
        if not kind.fixed:
            self._text.line(f"{array}[j] += j;")
        self._text.close("}")
        index = self._index(length)
        self._add(
            f"{kind} {{}} = {array}[{index.text}];", Value("", kind, *joined([*sources, index]))
        )
        total = Number(kind.width + 3, kind.signed) if not kind.fixed else kind
        summed = self._add(f"{total} {{}} = 0;", Value("", total, *joined(sources)))
        self._text.open(f"for (int j = 0; j < {length}; j++) {{")
        self._text.pragma("UNROLL")
        self._text.line(f"{summed.text} += {array}[j];")
        self._text.close("}")

    def _index(self, length: int) -> Value:
        """An expression that lies in 0 ... length - 1."""
        value = self._expressions.number()
        bits = max(1, length.bit_length() - 1)
        return replace(value, text=f"ap_uint<{bits}>({value.text})", number=Number(bits, False))

    def _table(self) -> None:
        """A look-up in constants."""
        signed = self._random.random() < 0.5
        kind, width = ("short", 16) if signed else ("unsigned char", 8)
        length = self._random.choice([8, 16, 64, 256])
        low, high = (-32768, 32767) if signed else (0, 255)
        numbers = ", ".join(str(self._random.randint(low, high)) for _ in range(length))
        table, index = self._new_name("kTable"), self._index(length)
        self._text.line(f"static const {kind} {table}[{length}] = {{{numbers}}};")
        number = Number(width, signed)
        value = Value("", number, *joined([index], slow=True))
        self._add(f"{number} {{}} = {table}[{index.text}];", value)

    def _call(self) -> None:
        module = self._random.choice(self._modules)
        operands = [
            self._expressions.fixed() if kind.fixed else self._expressions.number()
            for kind in module.parameters
        ]
        given = [
            f"{kind}({value.text})" for kind, value in zip(module.parameters, operands, strict=True)
        ]
        depends = joined(operands, slow=True)
        if module.result is not None:
            value = Value("", module.result, *depends)
            self._add(f"{module.result} {{}} = {module.name}({', '.join(given)});", value)
            return
        names = [self._new_name("x") for _ in module.outputs]
        for name, kind in zip(names, module.outputs, strict=True):
            self._text.line(f"{kind} {name} = 0;")
            self.values.append(Value(name, kind, *depends))
        self._text.line(f"{module.name}({', '.join([*given, *names])});")

    # State --------------------------------------------------------------------------------------

    def _state(self) -> None:
        """A variable that lives from one iteration to the next."""
        assert self._before is not None
        kind, name = number_type(self._random), self._new_name("s")
        start = 0 if kind.fixed else self._expressions.constant(kind)
        value = Value(name, kind, frozenset([name]))
        operand = self._expressions.fixed() if kind.fixed else self._expressions.number()
        condition = self._expressions.condition()
        sign = self._random.choice("+-" if kind.fixed else "+-^|&")
        fed = [operand]
        text = f"{name} = {name} {sign} {operand.text};"
        form = self._random.choice(["always", "if", "replace"])
        if form == "if":
            fed.append(condition)
            text = f"if ({condition.text}) {text}"
        elif form == "replace":
            fed.append(condition)
            text = f"{name} = {condition.text} ? {kind}({operand.text}) : {name};"
        depends, slowly = joined([value, *fed])
        if not self._feedback.accepts(name, Value("", kind, depends, slowly)):
            return
        static = "static " if self._random.random() < 0.2 and not kind.fixed else ""
        self._before.line(f"{static}{kind} {name} = {start};")
        if self._random.random() < 0.5:
            self._add(f"{kind} {{}} = {name};", value)
        self._text.line(text)
        self._add(f"{kind} {{}} = {name};", Value("", kind, depends, slowly))

    def _register_array(self) -> None:
        """Registers in an array: one is read, another written, both chosen at run time."""
        assert self._before is not None
        kind, length = number_type(self._random), self._random.choice([2, 4, 8])
        name = self._new_name("r")
        read, written = self._index(length), self._index(length)
        value = self._expressions.fixed() if kind.fixed else self._expressions.number()
        depends, slowly = joined([value, written])
        if not self._feedback.accepts(name, Value("", kind, depends, slowly)):
            return
        self._before.line(f"{kind} {name}[{length}];")
        self._before.pragma(f"ARRAY_PARTITION variable={name} complete")
        self._before.open(f"for (int j = 0; j < {length}; j++) {{")
        self._before.pragma("UNROLL")
        self._before.line(f"{name}[j] = j;")
        self._before.close("}")
        store = f"{name}[{written.text}] = {value.text};"
        taken = joined([read, Value("", kind, frozenset([name]))])
        first = self._random.random() < 0.5
        if first:
            self._text.line(store)
            taken = joined([read, value, written, Value("", kind, frozenset([name]))])
        self._add(f"{kind} {{}} = {name}[{read.text}];", Value("", kind, *taken))
        if not first:
            self._text.line(store)

    def _memory(self) -> None:
        """A RAM: stores and loads in any order, the stored value independent of those loaded."""
        assert self._before is not None
        kind, name = integer_type(self._random, 40), self._new_name("m")
        depth = self._random.choice([8, 16, 32, 64])
        stored = self._expressions.number()
        address, condition = self._index(depth), self._expressions.condition()
        loads = [self._index(depth) for _ in range(self._random.randint(1, self._interval))]
        depends, slowly = joined([stored, address, condition], slow=True)
        if not self._feedback.accepts(name, Value("", kind, depends, slowly)):
            return
        partition = self._declare_memory(name, kind, depth)
        guard = f"if ({condition.text}) " if self._random.random() < 0.6 else ""
        store = f"{guard}{name}[{address.text}] = {stored.text};"
        if partition == "complete":
            loads = loads[:1]
        place = self._random.randint(0, len(loads))
        contents = Value("", kind, frozenset([name]), frozenset([name]))
        for number in range(len(loads) + 1):
            if number == place:
                self._text.line(store)
            if number < len(loads):
                load = loads[number]
                operands = [load, contents, *([stored, address] if number >= place else [])]
                value = Value("", kind, *joined(operands, slow=True))
                self._add(f"{kind} {{}} = {name}[{load.text}];", value)
        self._memories += 1

    def _declare_memory(self, name: str, kind: Number, depth: int) -> str:
        """Declare and fill a memory in front of the loop; its partition, or ""."""
        assert self._before is not None
        self._before.line(f"{kind} {name}[{depth}];")
        storage = self._random.choice(["", "lutram", "bram", "uram"])
        if storage:
            access = self._random.choice(["ram_2p", "ram_s2p"])
            self._before.pragma(f"BIND_STORAGE variable={name} type={access} impl={storage}")
        partition = self._random.choice(["", "", "", "cyclic", "block", "complete"])
        if partition == "complete":
            self._before.pragma(f"ARRAY_PARTITION variable={name} complete dim=1")
        elif partition:
            factor = self._random.choice([2, 4])
            self._before.pragma(
                f"ARRAY_PARTITION variable={name} {partition} factor={factor} dim=1"
            )
        self._before.open(f"for (int j = 0; j < {depth}; j++) {{")
        self._before.pragma("PIPELINE II=1")
        self._before.line(f"{name}[j] = j * 5 + 3;")
        self._before.close("}")
        return partition

    def _rotating_memory(self) -> None:
        """Read, modify, write at addresses that come back only after a pipeline's length."""
        assert self._before is not None
        kind, name, turn = integer_type(self._random, 40), self._new_name("m"), self._new_name("c")
        operand = self._expressions.number()
        depends, slowly = joined([operand], slow=True)
        if not self._feedback.accepts(name, Value("", kind, depends, slowly)):
            return
        self._declare_memory(name, kind, 64)
        self._before.pragma(f"DEPENDENCE variable={name} type=inter dependent=false")
        self._before.line(f"ap_uint<6> {turn} = 0;")
        contents = Value("", kind, frozenset([name]), frozenset([name]))
        old = self._add(f"{kind} {{}} = {name}[{turn}];", contents)
        sign = self._random.choice("+-^")
        new = Value(f"{old.text} {sign} {operand.text}", kind, *joined([contents, operand]))
        self._text.line(f"{name}[{turn}] = {self._declare(new).text};")
        self._text.line(f"{turn} += {self._random.choice([1, 5, 27])};")
        self._memories += 1
