"""Faults planted in generated SystemVerilog.

All mutants of a design live in one text, so that a single simulation program, or a single netlist
for proofs, serves them all. In simulation the number `mutation::active` chooses one at run time, 0
being the design itself; in a netlist each fault has a bit of its own.

The text is taken apart by what the compiler writes: `wire` and `assign` with an expression, `<=`
and `if` in clocked blocks. Instances and look-up tables are left alone.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .netlist import FAULT_SOURCE

PACKAGE = """\
package mutation;
    int active;
endpackage
"""
"""What every text with mutants for simulation refers to."""

SOURCES = f"""\
(* blackbox *) module {FAULT_SOURCE} (output logic fault);
endmodule
"""
"""What every text with mutants for proofs refers to."""

_CHOOSE = '    initial void\'($value$plusargs("mutant=%d", mutation::active));'
_MODULE_END = "endmodule"
_UNREAD = "unused"  # the wire that takes what nothing reads

_TOKEN = re.compile(
    r"\d+'[bdh][0-9a-f]+|\$?[A-Za-z_]\w*|\d+|'[01]"
    r"|<<<|>>>|<<|>>|<=|>=|==|!=|&&|\|\||~&|~\||~\^|\s+|."
)
_SWAPPED = {
    "+": "-",
    "-": "+",
    "*": "+",
    "&": "|",
    "|": "&",
    "^": "|",
    "&&": "||",
    "||": "&&",
    "==": "!=",
    "!=": "==",
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "<<": ">>",
    ">>": "<<",
    ">>>": ">>",
}
_ROOM = re.compile(r"\w+_room")
_STAGE = re.compile(r"(\w+)_s(\d+)")
_CONSTANT = re.compile(r"(\d+)'([bdh])([0-9a-f]+)")
_BASES = {"b": 2, "d": 10, "h": 16}


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes:
        number: chooses it, from 1.
        kind: what was done.
        place: offset of the expression in the text; line: its line, from 1.
        target: what the expression is assigned to; "" for a condition.
        original, changed: the expression without and with the fault.
    """

    number: int
    kind: str
    place: int
    line: int
    target: str
    original: str
    changed: str

    def __str__(self) -> str:
        original, changed = (" ".join(text.split()) for text in (self.original, self.changed))
        return f"line {self.line}, {self.kind}: {original}  ->  {changed}"


@dataclass(frozen=True)
class _Site:
    """An expression, `text[start:end]`, in a statement of which the rest is written anew."""

    kind: str  # "wire", "assign", "clocked" or "if"
    start: int
    end: int
    statement: tuple[int, int]
    target: str = ""  # what is assigned
    range: str = ""  # of a wire that is declared


def mutants(text: str, first: int = 1) -> list[Mutant]:
    """Every fault that can be planted in the text of a module, numbered from `first`."""
    found: list[Mutant] = []
    ranges = _declared_ranges(text)
    for site in _sites(text):
        if site.target == _UNREAD:
            continue
        expression = text[site.start : site.end]
        line = text.count("\n", 0, site.start) + 1
        changes = {
            changed: kind
            for kind, changed in _changes(expression, ranges, is_condition=site.kind == "if")
        }
        for changed, kind in changes.items():
            number = first + len(found)
            found.append(Mutant(number, kind, site.start, line, site.target, expression, changed))
    return found


def instrument(text: str, chosen: Sequence[Mutant]) -> str:
    """The module with these faults in it for simulation, see `PACKAGE`."""
    whole = _with_choices(text, chosen, "mutation::active == {}")
    return whole.replace(_MODULE_END, f"{_CHOOSE}\n{_MODULE_END}", 1)


def instrument_for_proof(text: str, chosen: Sequence[Mutant]) -> str:
    """The module with these faults in it for a netlist, see `SOURCES`."""
    whole = _with_choices(text, chosen, "fault_{}")
    declared = [
        f"    wire fault_{mutant.number};\n"
        f"    {FAULT_SOURCE} source_{mutant.number} (.fault(fault_{mutant.number}));"
        for mutant in chosen
    ]
    head = whole.index(");\n") + len(");\n")
    return "\n".join([whole[:head], *declared, whole[head:]])


def _with_choices(text: str, chosen: Sequence[Mutant], test: str) -> str:
    """The module with these faults in it, each where `test` with its number is true."""
    by_place: dict[int, list[Mutant]] = {}
    for mutant in chosen:
        by_place.setdefault(mutant.place, []).append(mutant)
    pieces, position, assigned = [], 0, []
    for site in sorted(_sites(text), key=lambda site: site.statement):
        if site.start in by_place:
            start, end = site.statement
            pieces += [text[position:start], _choice(text, site, by_place[site.start], test)]
            position = end
            assigned += [site.target] if site.kind == "assign" else []
    whole = "".join([*pieces, text[position:]])
    for name in assigned:  # procedural code cannot drive a wire
        whole = re.sub(rf"^( *)wire ((?:\[[^\]]*\] )?{name};)", r"\1logic \2", whole, flags=re.M)
    return whole


# Statements --------------------------------------------------------------------------------------


def _choice(text: str, site: _Site, chosen: Sequence[Mutant], test: str) -> str:
    """The statement, or the condition of an if, with all faults of its expression."""
    expression = text[site.start : site.end]
    tests = [(test.format(mutant.number), mutant.changed) for mutant in chosen]
    if site.kind == "if":
        for condition, changed in tests:
            expression = f"{condition} ? ({changed}) : ({expression})"
        return expression
    sign = "<=" if site.kind == "clocked" else "="
    branches = [f"if ({condition}) {site.target} {sign} {changed};" for condition, changed in tests]
    choice = " else ".join([*branches, f"begin {site.target} {sign} {expression}; end"])
    if site.kind == "clocked":
        return f"begin {choice} end"
    declared = f"logic {site.range}{site.target}; " if site.kind == "wire" else ""
    return f"{declared}always_comb begin {choice} end"


def _sites(text: str) -> Iterator[_Site]:
    plain = _without_comments(text)
    for found in re.finditer(r"^ *wire (\[[^;=]*?\] )?(\w+) = ([^;]*);", plain, re.M):
        yield _Site("wire", *found.span(3), found.span(), found[2], found[1] or "")
    for found in re.finditer(r"^ *assign (\w+) = ([^;]*);", plain, re.M):
        yield _Site("assign", *found.span(2), found.span(), found[1])
    for block in re.finditer(r"^( *)always_ff .*?^\1(?:end|\S)", plain, re.M | re.S):
        yield from _clocked_sites(plain, *block.span())


def _clocked_sites(plain: str, start: int, end: int) -> Iterator[_Site]:
    rest = list(plain[start:end])
    for found in re.finditer(r"\bif \(", plain[start:end]):
        opened = start + found.end()
        closed = _closing(plain, opened)
        yield _Site("if", opened, closed, (opened, closed))
        rest[found.end() : closed - start] = " " * (closed - opened)
    for found in re.finditer(r"(\b\w+(?:\[[^\]]*\])*) <= ([^;]*);", "".join(rest)):
        places = (start + found.start(2), start + found.end(2))
        yield _Site("clocked", *places, (start + found.start(), start + found.end()), found[1])


def _closing(text: str, opened: int) -> int:
    """Offset of the parenthesis that closes the one in front of `opened`."""
    depth = 1
    for offset in range(opened, len(text)):
        depth += {"(": 1, ")": -1}.get(text[offset], 0)
        if depth == 0:
            return offset
    raise ValueError("a parenthesis is not closed")


def _without_comments(text: str) -> str:
    """The text with its comments blanked."""
    return re.sub(r"//[^\n]*", lambda found: " " * len(found[0]), text)


def declared(text: str) -> dict[str, str]:
    """Name of a signal -> its dimensions as declared, "" for a single bit."""
    signals = re.finditer(
        r"\b(?:logic|wire) ((?:\[[^\]]*\])*) ?(\w+)(?= =|;|,|\n)", _without_comments(text)
    )
    return {found[2]: found[1] for found in signals}


def _declared_ranges(text: str) -> dict[str, tuple[int, int]]:
    """Name -> bounds of its first dimension; (0, 0) for single bits."""
    ranges = {}
    for name, dimensions in declared(text).items():
        bounds = re.match(r"\[(\d+):(\d+)\]", dimensions)
        ranges[name] = (int(bounds[1]), int(bounds[2])) if bounds else (0, 0)
    return ranges


# Changes of an expression ------------------------------------------------------------------------


def _changes(
    expression: str, ranges: Mapping[str, tuple[int, int]], *, is_condition: bool
) -> Iterator[tuple[str, str]]:
    """(kind, changed expression) for everything that can be changed."""
    tokens = _TOKEN.findall(expression)
    for index, token in enumerate(tokens):
        for kind, new in _changed_token(tokens, index, ranges):
            yield kind, "".join([*tokens[:index], new, *tokens[index + 1 :]])
        if token == "[":
            yield from _changed_range(tokens, index, ranges)
    condition = _condition_of_choice(tokens)
    if condition:
        yield "inverted choice", f"!({expression[:condition]}) {expression[condition:]}"
    if is_condition:
        yield "inverted condition", f"!({expression})"
        yield "condition dropped", "1'b1"
        yield "never", "1'b0"


def _changed_token(
    tokens: Sequence[str], index: int, ranges: Mapping[str, tuple[int, int]]
) -> Iterator[tuple[str, str]]:
    token = tokens[index]
    constant = _CONSTANT.fullmatch(token)
    stage = _STAGE.fullmatch(token)
    if token in _SWAPPED and _is_binary(tokens, index):
        yield "operator", _SWAPPED[token]
    elif constant:
        width, base = int(constant[1]), constant[2]
        value = int(constant[3], _BASES[base])
        for step in (1, -1):
            new = (value + step) % (1 << width)
            digits = {"b": f"{new:b}", "d": str(new), "h": f"{new:x}"}[base]
            yield "constant", f"{width}'{base}{digits}"
    elif token == "$signed":
        yield "sign lost", "$unsigned"
    elif _ROOM.fullmatch(token) and token in ranges:
        yield "credit check dropped", "1'b1"
    elif stage and int(stage[2]) > 1:
        earlier = f"{stage[1]}_s{int(stage[2]) - 1}"
        other = earlier if earlier in ranges else stage[1]
        if ranges.get(other) == ranges.get(token):
            yield "stage", other


def _is_binary(tokens: Sequence[str], index: int) -> bool:
    before = next((token for token in reversed(tokens[:index]) if not token.isspace()), "(")
    return bool(re.fullmatch(r"[\w')\]}$]+", before))


def _changed_range(
    tokens: Sequence[str], index: int, ranges: Mapping[str, tuple[int, int]]
) -> Iterator[tuple[str, str]]:
    """A constant index or range behind a declared name, one place up and down."""
    name = tokens[index - 1] if index else ""
    if name not in ranges or "]" not in tokens[index:]:
        return
    end = tokens.index("]", index)
    inside = "".join(tokens[index + 1 : end])
    bounds = [int(part) for part in inside.split(":")] if re.fullmatch(r"[\d:]+", inside) else []
    high, low = ranges[name]
    for step in (1, -1):
        moved = [bound + step for bound in bounds]
        if moved and max(moved) <= high and min(moved) >= low:
            new = ":".join(map(str, moved))
            yield "bit range", "".join([*tokens[: index + 1], new, *tokens[end:]])


def _condition_of_choice(tokens: Sequence[str]) -> int:
    """Length of what stands before the outermost `?`; 0 without one."""
    depth = length = 0
    for token in tokens:
        if token == "?" and depth == 0:
            return length
        depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(token, 0)
        length += len(token)
    return 0
