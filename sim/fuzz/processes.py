"""Random processes: functions that read and write streams in a pipelined loop."""

from collections.abc import Sequence
from random import Random

from .numbers import Number, Value, number_type
from .payloads import Payload, draw_payload, payload_of
from .statements import Module, Statements
from .text import Text

ONE = Value("ap_uint<1>(1)", Number(1, False))
_MOST_FIELDS = 30
_COMMAND_BITS = 3


class Process:
    """A function in the making.

    Args:
        random: draws everything.
        name: of the function.
        declarations: where the structs of its streams go.
        modules: functions that it can call.
        interval: initiation interval of its loop.
        prefix: of the names of its variables, where another process is in the same function.

    Attributes:
        streams: stream argument -> what it carries, in order.
        numbers: scalar argument -> its type, in order, behind the streams.
        before, body: text in front of the loop, and in it.
    """

    def __init__(
        self,
        random: Random,
        name: str,
        declarations: Text,
        modules: Sequence[Module] = (),
        interval: int = 1,
        prefix: str = "",
    ) -> None:
        self.name = name
        self.streams: dict[str, Payload] = {}
        self.numbers: dict[str, Number] = {}
        self.before = Text(depth=1)
        self.body = Text(depth=2)
        self.values: list[Value] = []
        self._read: list[Value] = []
        self._random = random
        self._declarations = declarations
        self._modules = modules
        self._interval = interval
        self._prefix = prefix

    def _item_name(self, stream: str) -> str:
        return f"{self.name}{stream.capitalize()}"

    def read(self, stream: str, payload: Payload | None = None) -> None:
        """Read an item in every iteration."""
        payload = payload or self._draw(stream)
        self.streams[stream] = payload
        self.body.line(f"{payload.type} {stream}_item = {stream}.read();")
        self._read += payload.values(f"{stream}_item")
        self.values += payload.values(f"{stream}_item")

    def _draw(self, stream: str) -> Payload:
        return draw_payload(self._random, self._item_name(stream), self._declarations)

    def read_sometimes(self, stream: str) -> None:
        """Read an item where a bit of what came before says so, or as often as items say."""
        payload = self.streams[stream] = self._draw(stream)
        item = f"{stream}_item"
        form = self._random.choice(["if", "either", "command"])
        if form == "command":
            self._read_command(stream, payload)
        else:
            tests = [self._bit_of_input(), self._bit_of_input()]
            payload.declare_zero(self.body, item)
            self.body.open(f"if ({tests[0]}) {{")
            self.body.line(f"{item} = {stream}.read();")
            self.body.close("}")
            if form == "either":
                self.body.reopen(f"}} else if ({tests[1]}) {{")
                self.body.line(f"{item} = {stream}.read();")
                self.body.close("}")
        self.values += payload.values(item)

    def _read_command(self, stream: str, payload: Payload) -> None:
        """An item is held for as many iterations as it says itself."""
        item, left = f"{stream}_item", f"{stream}_left"
        part, number = self._random.choice(list(payload.parts.items()))
        bits = min(_COMMAND_BITS, number.width)
        payload.declare_zero(self.before, item)
        self.before.line(f"ap_uint<{_COMMAND_BITS}> {left} = 0;")
        self.body.open(f"if ({left} == 0) {{")
        self.body.line(f"{item} = {stream}.read();")
        self.body.line(f"{left} = {item}{part}.range({bits - 1}, 0);")
        self.body.close("}")
        self.body.reopen("} else {")
        self.body.line(f"{left} -= 1;")
        self.body.close("}")

    def _bit_of_input(self) -> str:
        """A bit that is now 0 and now 1: no stream is unused."""
        value = self._random.choice(self._read)
        bit = self._random.randrange(value.number.width)
        return f"{value.text}[{bit}]"

    def take(self, name: str, number: Number) -> None:
        """Take a number as an argument."""
        self.numbers[name] = number
        self.values.append(Value(name, number))

    def compute(self, count: int) -> None:
        """Write so many statements over everything that came in."""
        if all(value.number.fixed for value in self.values):
            self.values.append(ONE)
        statements = Statements(
            self._random,
            self.body,
            self.before,
            self.values,
            interval=self._interval,
            modules=self._modules,
            prefix=self._prefix,
        )
        statements.write(count)
        self.values = statements.values

    def depend_on(self, values: Sequence[Value]) -> None:
        """Compute from values of another process in the same function too."""
        self.values += values

    def write(self, stream: str, *, sometimes: bool = False) -> Payload:
        """Write most of what is in scope, in every iteration or in some."""
        keep = [value for value in self.values if self._random.random() < 0.85]
        keep = (keep or self.values)[-_MOST_FIELDS:]
        numbers = [value.number for value in keep]
        payload = payload_of(numbers, self._item_name(stream), self._declarations)
        self.streams[stream] = payload
        item = f"{stream}_item"
        self.body.line(f"{payload.type} {item};")
        for part, value in zip(payload.parts, keep, strict=True):
            self.body.line(f"{item}{part} = {value.text};")
        if not sometimes:
            self.body.line(f"{stream}.write({item});")
            return payload
        self.body.open(f"if ({self._bit_of_input()}) {{")
        self.body.line(f"{stream}.write({item});")
        self.body.close("}")
        if self._random.random() < 0.4:
            self.body.reopen("} else {")
            part = self._random.choice(list(payload.parts))
            self.body.line(f"{item}{part} = 1;")
            self.body.line(f"{stream}.write({item});")
            self.body.close("}")
        return payload

    def parameters(self) -> list[str]:
        """The declarations of its arguments."""
        streams = [f"hls::stream<{kind.type}>& {name}" for name, kind in self.streams.items()]
        return streams + [f"{kind} {name}" for name, kind in self.numbers.items()]

    def function(self, loop: str, *, free_running: bool = False) -> Text:
        """The whole function; `loop` is the loop's head, up to its brace."""
        text = Text()
        text.line(f"void {self.name}({', '.join(self.parameters())}) {{")
        if free_running:
            text.pragma("INTERFACE mode=ap_ctrl_none port=return")
        text.add(self.before)
        text.line(f"    {loop} {{")
        text.pragma(f"PIPELINE II={self._interval}")
        text.add(self.body)
        text.line("    }")
        text.line("}")
        text.line()
        return text


def module(random: Random, name: str, text: Text, others: Sequence[Module]) -> Module:
    """Write a function that is kept as a module, and may call others."""
    parameters = tuple(number_type(random) for _ in range(random.randint(1, 4)))
    values = [Value(f"p{index}", number) for index, number in enumerate(parameters)]
    if all(value.number.fixed for value in values):
        values.append(ONE)
    body = Text(depth=1)
    statements = Statements(random, body, None, values, modules=others)
    statements.write(random.randint(2, 7))
    results = statements.values[-random.randint(1, 3) :]
    takes = [f"{number} p{index}" for index, number in enumerate(parameters)]
    if len(results) == 1:
        made = Module(name, parameters, results[0].number)
        text.line(f"{made.result} {name}({', '.join(takes)}) {{")
        body.line(f"return {results[0].text};")
    else:
        made = Module(name, parameters, None, tuple(value.number for value in results))
        takes += [f"{number}& q{index}" for index, number in enumerate(made.outputs)]
        text.line(f"void {name}({', '.join(takes)}) {{")
        for index, value in enumerate(results):
            body.line(f"q{index} = {value.text};")
    text.pragma("INLINE off")
    text.add(body)
    text.line("}")
    text.line()
    return made
