"""One line of LLVM IR: its tokens, types, values, and the instruction that it is.

Flags such as `nsw` are skipped: they promise something about values, but do not change defined
ones.
"""

import re

from m3vit.hls.compiler import ir

from . import layout
from .syntax import Aggregate, Initial, Instruction, Module, Operand, Zero

_TOKEN = re.compile(
    r"""c"(?:[^"\\]|\\.)*"|[%@#!]"[^"]*"|[%@][\w.$-]+|"[^"]*"|-?\d+(?:\.\d+e[+-]\d+)?"""
    r"""|![\w.]*|\#\w+|[A-Za-z_][\w.]*|\.\.\.|[\[\]{}()<>,=*:|]"""
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FLAGS = _words(
    "nuw nsw exact disjoint nneg samesign tail musttail notail inbounds nusw fastcc ccc"
)
_ATTRIBUTES = _words(
    "noundef nonnull signext zeroext immarg returned nocapture readonly writeonly noalias readnone "
    "nofree writable dead_on_unwind dead_on_return nonlazybind inreg nest noext"
)
_VALUED_ATTRIBUTES = _words(
    "align dereferenceable dereferenceable_or_null byval sret range captures initializes "
    "nofpclass memory"
)
_BINARY = _words("add sub mul and or xor shl lshr ashr udiv sdiv urem srem")
_CASTS = _words("zext sext trunc")


class ParseError(Exception):
    """Text that this parser does not know; holds the line."""


def unquote(name: str) -> str:
    """A name without its sigil and quotes."""
    name = name.lstrip("%@")
    return name[1:-1] if name.startswith('"') else name


class Line:
    """The tokens of one line, read from left to right."""

    def __init__(self, text: str, module: Module) -> None:
        self.text = text
        self.module = module
        self.tokens: list[str] = _TOKEN.findall(text)
        self.position = 0

    def error(self) -> ParseError:
        return ParseError(self.text.strip())

    def peek(self) -> str:
        """The next token, "" at the end."""
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def next(self) -> str:
        token = self.peek()
        if not token:
            raise self.error()
        self.position += 1
        return token

    def eat(self, token: str) -> bool:
        """Skip this token if it comes next."""
        if self.peek() == token:
            self.position += 1
            return True
        return False

    def need(self, token: str) -> None:
        if not self.eat(token):
            raise self.error()

    def brackets(self) -> None:
        """Skip what stands in round brackets, if anything."""
        if self.eat("("):
            depth = 1
            while depth:
                token = self.next()
                depth += (token == "(") - (token == ")")

    def attributes(self) -> None:
        """Skip attributes of an argument or a returned value."""
        while True:
            token = self.peek()
            if token in _ATTRIBUTES or token.startswith("#"):
                self.next()
            elif token in _VALUED_ATTRIBUTES:
                self.next()
                if self.peek() == "(":
                    self.brackets()
                else:
                    self.next()
            else:
                return

    # Types and values ---------------------------------------------------------------------------

    def type(self) -> ir.Type:
        token = self.next()
        if token[0] == "i" and token[1:].isdigit():
            return ir.IntType(int(token[1:]))
        if token == "ptr":
            return ir.PointerType()
        if token == "void":
            return ir.VoidType()
        if token == "[":
            count = int(self.next())
            self.need("x")
            element = self.type()
            self.need("]")
            return ir.ArrayType(count, element)
        if token == "{" or (token == "<" and self.peek() == "{"):
            packed = token == "<" and self.eat("{")
            fields = []
            while not self.eat("}"):
                fields.append(self.type())
                self.eat(",")
            if packed:
                self.need(">")
            return ir.StructType(tuple(fields), packed)
        if token[0] == "%":
            return self.module.types[unquote(token)]
        raise self.error()

    def integer_type(self) -> ir.IntType:
        of = self.type()
        if not isinstance(of, ir.IntType):
            raise self.error()
        return of

    def typed_value(self) -> Operand:
        of = self.type()
        self.attributes()
        return self.value(of)

    def value(self, of: ir.Type) -> Operand:
        """An operand of type `of`."""
        token = self.peek()
        if token[:1] == "%":
            self.next()
            return ir.Local(unquote(token), of)
        return self.initial(of)

    def initial(self, of: ir.Type) -> Initial:
        """A constant of type `of`."""
        token = self.next()
        if token[0] == "@":
            return ir.Global(unquote(token))
        if token in ("undef", "poison"):
            return ir.Undefined(of)
        if token in ("zeroinitializer", "null"):
            return _zero(of)
        if token == "getelementptr":
            return self.constant_address()
        if token[0] == "c" and token[1:2] == '"' and isinstance(of, ir.ArrayType):
            return _string(token[2:-1])
        if token in ("[", "{") or (token == "<" and self.eat("{")):
            end = "]" if token == "[" else "}"
            elements = []
            while not self.eat(end):
                element = self.type()
                elements.append(self.initial(element))
                self.eat(",")
            if token == "<":
                self.need(">")
            return Aggregate(tuple(elements))
        if isinstance(of, ir.IntType):
            number = {"true": 1, "false": 0}.get(token)
            if number is None:
                if not re.fullmatch(r"-?\d+", token):
                    raise self.error()
                number = int(token)
            return ir.Constant(number & ((1 << of.width) - 1), of)
        raise self.error()

    def constant_address(self) -> ir.Global | ir.Address:
        """`getelementptr (type, ptr base, indices)` of a global."""
        while self.peek() in ("inbounds", "nuw", "nusw", "inrange"):
            if self.next() == "inrange":
                self.brackets()
        self.need("(")
        element = self.type()
        self.need(",")
        base = self.typed_value()
        indices = []
        while self.eat(","):
            index = self.typed_value()
            if not isinstance(index, ir.Constant):
                raise self.error()
            indices.append(_signed(index))
        self.need(")")
        offset = layout.element_offset(element, tuple(indices))
        if isinstance(base, ir.Address):
            return ir.Address(base.base, offset + base.offset)
        if not isinstance(base, ir.Global):
            raise self.error()
        return ir.Address(base, offset) if offset else base

    # Instructions -------------------------------------------------------------------------------

    def instruction(self) -> Instruction:
        result = None
        if len(self.tokens) > 1 and self.tokens[1] == "=":
            result = unquote(self.next())
            self.need("=")
        while self.peek() in _FLAGS:
            self.next()
        opcode = self.next()
        while self.peek() in _FLAGS:
            self.next()
        instruction = self.operation(opcode, result)
        if " !" in self.text:
            if debug := re.search(r"!dbg !(\d+)", self.text):
                instruction.debug = int(debug[1])
            if loop := re.search(r"!llvm\.loop !(\d+)", self.text):
                instruction.loop = int(loop[1])
        return instruction

    def operation(self, opcode: str, result: str | None) -> Instruction:
        of: ir.Type
        if opcode in _BINARY:
            of = self.integer_type()
            left = self.value(of)
            self.need(",")
            return Instruction(opcode, result, of, (left, self.value(of)))
        if opcode == "icmp":
            predicate = self.next()
            of = self.type()
            left = self.value(of)
            self.need(",")
            right = self.value(of)
            return Instruction(opcode, result, ir.IntType(1), (left, right), predicate=predicate)
        if opcode in _CASTS:
            self.integer_type_ahead()
            value = self.typed_value()
            self.need("to")
            return Instruction(opcode, result, self.integer_type(), (value,))
        if opcode == "freeze":
            of = self.type()
            return Instruction(opcode, result, of, (self.value(of),))
        if opcode == "select":
            condition = self.typed_value()
            self.need(",")
            of = self.type()
            first = self.value(of)
            self.need(",")
            second = self.typed_value()
            return Instruction(opcode, result, of, (condition, first, second))
        method = getattr(self, f"read_{opcode}", None)
        if method is None:
            raise self.error()
        made = method(result)
        assert isinstance(made, Instruction)
        return made

    def integer_type_ahead(self) -> None:
        """Refuse casts of vectors and floating point."""
        if not re.fullmatch(r"i\d+", self.peek()):
            raise self.error()

    def read_phi(self, result: str | None) -> Instruction:
        of = self.type()
        values, blocks = [], []
        while self.eat("["):
            values.append(self.value(of))
            self.need(",")
            blocks.append(unquote(self.next()))
            self.need("]")
            self.eat(",")
        return Instruction("phi", result, of, tuple(values), tuple(blocks))

    def read_load(self, result: str | None) -> Instruction:
        if self.eat("atomic"):
            raise self.error()
        volatile = self.eat("volatile")
        of = self.type()
        self.need(",")
        return Instruction("load", result, of, (self.typed_value(),), volatile=volatile)

    def read_store(self, result: str | None) -> Instruction:
        if self.eat("atomic"):
            raise self.error()
        volatile = self.eat("volatile")
        value = self.typed_value()
        self.need(",")
        operands = (value, self.typed_value())
        return Instruction("store", None, ir.VoidType(), operands, volatile=volatile)

    def read_getelementptr(self, result: str | None) -> Instruction:
        element = self.type()
        self.need(",")
        operands = [self.typed_value()]
        while self.eat(","):
            if self.peek().startswith("!"):
                break
            operands.append(self.typed_value())
        return Instruction(
            "getelementptr", result, ir.PointerType(), tuple(operands), element=element
        )

    def read_alloca(self, result: str | None) -> Instruction:
        element = self.type()
        if self.eat(",") and self.peek() != "align":
            raise self.error()
        return Instruction("alloca", result, ir.PointerType(), element=element)

    def read_extractvalue(self, result: str | None) -> Instruction:
        value = self.typed_value()
        self.need(",")
        index = int(self.next())
        if not isinstance(value, ir.Local) or not isinstance(value.type, ir.StructType):
            raise self.error()
        of = value.type.fields[index]
        return Instruction("extractvalue", result, of, (value,), index=index)

    def read_insertvalue(self, result: str | None) -> Instruction:
        of = self.type()
        into = self.value(of)
        self.need(",")
        value = self.typed_value()
        self.need(",")
        return Instruction("insertvalue", result, of, (into, value), index=int(self.next()))

    def read_br(self, result: str | None) -> Instruction:
        operands: tuple[Operand, ...] = ()
        if self.peek() != "label":
            operands = (self.typed_value(),)
            self.need(",")
        blocks = []
        while self.eat("label"):
            blocks.append(unquote(self.next()))
            self.eat(",")
        return Instruction("br", None, ir.VoidType(), operands, tuple(blocks))

    def read_switch(self, result: str | None) -> Instruction:
        value = self.typed_value()
        self.need(",")
        self.need("label")
        blocks, cases = [unquote(self.next())], []
        self.need("[")
        while not self.eat("]"):
            case = self.typed_value()
            self.need(",")
            self.need("label")
            blocks.append(unquote(self.next()))
            if not isinstance(case, ir.Constant):
                raise self.error()
            cases.append(case.value)
        return Instruction("switch", None, ir.VoidType(), (value,), tuple(blocks), tuple(cases))

    def read_ret(self, result: str | None) -> Instruction:
        of = self.type()
        operands = () if isinstance(of, ir.VoidType) else (self.value(of),)
        return Instruction("ret", None, ir.VoidType(), operands)

    def read_unreachable(self, result: str | None) -> Instruction:
        return Instruction("unreachable", None, ir.VoidType())

    def read_call(self, result: str | None) -> Instruction:
        self.attributes()
        while self.peek() in _FLAGS:
            self.next()
        self.attributes()
        of = self.type()
        if self.peek() == "(":  # the function's type, of a variadic one
            self.brackets()
        callee = self.next()
        if not callee.startswith("@"):
            raise self.error()
        self.need("(")
        arguments = []
        while not self.eat(")"):
            arguments.append(self.typed_value())
            self.eat(",")
        return Instruction("call", result, of, tuple(arguments), callee=unquote(callee))


def _zero(of: ir.Type) -> Initial:
    if isinstance(of, ir.IntType):
        return ir.Constant(0, of)
    if isinstance(of, ir.StructType) and all(isinstance(f, ir.IntType) for f in of.fields):
        return Aggregate(tuple(_zero(field) for field in of.fields))
    return Zero()


def _signed(constant: ir.Constant) -> int:
    sign = 1 << (constant.type.width - 1)
    return (constant.value ^ sign) - sign


def _string(text: str) -> Aggregate:
    """The bytes of `c"..."`."""
    values = []
    position = 0
    while position < len(text):
        if text.startswith("\\\\", position):
            values.append(ord("\\"))
            position += 2
        elif text[position] == "\\":
            values.append(int(text[position + 1 : position + 3], 16))
            position += 3
        else:
            values.append(ord(text[position]))
            position += 1
    return Aggregate(tuple(ir.Constant(value, ir.IntType(8)) for value in values))
