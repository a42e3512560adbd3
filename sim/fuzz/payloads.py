"""Random stream payloads: bare numbers, structs, structs with arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from .numbers import Number, Value, integer_type, number_type
from .text import Text


@dataclass(frozen=True)
class Payload:
    """A payload in C++.

    Attributes:
        type: what it is called.
        parts: access to each number, such as `.f1[2]`; "" for a bare number.
    """

    type: str
    parts: Mapping[str, Number]

    def values(self, name: str) -> list[Value]:
        """The numbers of a variable."""
        return [Value(name + part, number) for part, number in self.parts.items()]

    def declare_zero(self, text: Text, name: str) -> None:
        """Declare a variable all of whose numbers are zero."""
        text.line(f"{self.type} {name};")
        for part in self.parts:
            text.line(f"{name}{part} = 0;")


def draw_payload(random: Random, name: str, declarations: Text) -> Payload:
    """A payload of random numbers; a struct `name` is declared where it needs one."""
    if random.random() < 0.15:
        number = integer_type(random)
        return Payload(str(number), {"": number})
    parts: dict[str, Number] = {}
    declarations.open(f"struct {name} {{")
    for index in range(random.randint(2, 6)):
        number = number_type(random)
        if random.random() < 0.2:
            length = random.randint(2, 4)
            declarations.line(f"{number} f{index}[{length}];")
            parts.update({f".f{index}[{place}]": number for place in range(length)})
        else:
            declarations.line(f"{number} f{index};")
            parts[f".f{index}"] = number
    declarations.close("};")
    return Payload(name, parts)


def payload_of(numbers: Sequence[Number], name: str, declarations: Text) -> Payload:
    """A struct of these numbers."""
    declarations.open(f"struct {name} {{")
    for index, number in enumerate(numbers):
        declarations.line(f"{number} f{index};")
    declarations.close("};")
    return Payload(name, {f".f{index}": number for index, number in enumerate(numbers)})
