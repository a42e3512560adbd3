"""A parser for the text form of LLVM IR, for what our pass pipeline leaves of a kernel.

Whatever it does not know raises `ParseError` with the line; nothing is skipped but attributes and
debug records that say nothing about values.
"""

import re
from collections.abc import Iterable

from m3vit.hls.compiler import ir

from .line import Line, ParseError, unquote
from .syntax import (
    Block,
    Declaration,
    Function,
    Global,
    Module,
    Parameter,
    ValueRecord,
)

_NAME = r'(?:"[^"]*"|[\w.$-]+)'
_DEFINE = re.compile(
    rf"define .*?(?P<returns>void|i\d+|ptr|%{_NAME}|\{{[^@]*\}}|\[[^@]*\]) @(?P<name>{_NAME})\("
)
_GLOBAL = re.compile(rf"@({_NAME}) = (?:.* )?(global|constant) (.*)")
_TYPE = re.compile(rf"%({_NAME}) = type (.*)")
_LABEL = re.compile(rf"({_NAME}):")
_RECORD = re.compile(r"\s*#dbg_(declare|value)\((.*?), !(\d+), !DIExpression\((.*?)\), ")
_METADATA = re.compile(r"!(\d+) = (.*)")


def parse(text: str, functions: Iterable[str] | None = None) -> Module:
    """Parse a module.

    Args:
        functions: LLVM names of the definitions that are wanted; None for all.
    """
    return _ModuleParser(text, None if functions is None else frozenset(functions)).module


class _ModuleParser:
    def __init__(self, text: str, wanted: frozenset[str] | None) -> None:
        self.module = Module({}, {}, {}, {})
        lines = text.split("\n")
        self.read_types(lines)
        position = 0
        while position < len(lines):
            line = lines[position]
            position += 1
            if line.startswith("!"):
                if match := _METADATA.match(line):
                    self.module.metadata[int(match[1])] = match[2]
            elif line.startswith("@"):
                self.read_global(line)
            elif line.startswith("define "):
                end = lines.index("}", position)
                match = _DEFINE.match(line)
                if match and (wanted is None or unquote(match["name"]) in wanted):
                    self.read_function(line, lines[position:end])
                position = end + 1

    def read_types(self, lines: list[str]) -> None:
        pending = [match for line in lines if line.startswith("%") and (match := _TYPE.match(line))]
        while pending:
            postponed = []
            for match in pending:
                name = unquote(match[1])
                if match[2] == "opaque":
                    self.module.types[name] = ir.StructType(())
                    continue
                try:
                    self.module.types[name] = Line(match[2], self.module).type()
                except KeyError:  # a type that is defined further down
                    postponed.append(match)
            if len(postponed) == len(pending):
                raise ParseError(f"types that need each other: {postponed[0][0]}")
            pending = postponed

    def read_global(self, text: str) -> None:
        match = _GLOBAL.match(text)
        if not match or match[1].startswith("llvm."):
            return
        line = Line(match[3], self.module)
        of = line.type()
        external = line.peek() in ("", ",")
        initial = None if external else line.initial(of)
        debug = tuple(int(number) for number in re.findall(r"!dbg !(\d+)", match[3]))
        name = unquote(match[1])
        self.module.globals[name] = Global(name, of, match[2] == "constant", initial, debug)

    def read_function(self, header: str, body: list[str]) -> None:
        match = _DEFINE.match(header)
        if not match:
            raise ParseError(header)
        name = unquote(match["name"])
        returns = Line(match["returns"], self.module).type()
        line = Line(header[match.end() - 1 :], self.module)
        parameters = []
        line.need("(")
        while not line.eat(")"):
            of = line.type()
            line.attributes()
            parameters.append(Parameter(unquote(line.next()), of))
            line.eat(",")
        debug = re.search(r" !dbg !(\d+)", header)
        function = Function(name, parameters, returns, int(debug[1]) if debug else -1)
        self.module.functions[name] = function
        block: Block | None = None
        position = 0
        while position < len(body):
            text = body[position]
            position += 1
            if not text:
                continue
            if text[0] != " ":
                label = _LABEL.match(text)
                if not label:
                    raise ParseError(text)
                block = Block(unquote(label[1]))
                function.blocks.append(block)
                continue
            if block is None:
                block = Block("entry")
                function.blocks.append(block)
            if text.lstrip().startswith("switch") and text.endswith("["):
                while not text.endswith("]") and "], !" not in text:
                    text += body[position]
                    position += 1
            if text.lstrip().startswith("#dbg_"):
                self.read_record(text, function)
            else:
                block.instructions.append(Line(text, self.module).instruction())

    def read_record(self, text: str, function: Function) -> None:
        match = _RECORD.match(text)
        if not match:
            return  # dbg_assign and dbg_label say nothing that is used
        operand = match[2].rsplit(" ", 1)[-1]
        if not operand.startswith("%"):
            return
        if match[1] == "declare":
            function.declarations[unquote(operand)] = Declaration(int(match[3]), match[4])
        else:
            function.values.append(ValueRecord(unquote(operand), int(match[3]), match[4]))
