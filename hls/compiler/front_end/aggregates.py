"""Struct values, which only calls of module functions make, taken apart into integers.

LLVM builds what a module function returns with insertvalue and may pass what a call gives through
phis and selects. Afterwards the only struct values are results of calls, each used by
extractvalue instructions right behind it.
"""

from collections.abc import Callable

from m3vit.hls.compiler import ir
from m3vit.hls.compiler.diagnostics import HlsError

from .llvm import syntax


class Aggregates:
    """Elements of the struct values of one function.

    Args:
        function: as parsed. add: takes a new instruction and the one it follows; a phi is put in
            front of the block of that one.
    """

    def __init__(
        self,
        function: syntax.Function,
        add: Callable[[ir.Instruction, syntax.Instruction], None],
        location: Callable[[syntax.Instruction], ir.Location | None],
    ) -> None:
        self.definitions = {
            instruction.result: instruction
            for block in function.blocks
            for instruction in block.instructions
            if instruction.result is not None and isinstance(instruction.type, ir.StructType)
        }
        self.add = add
        self.location = location
        self.known: dict[tuple[str, int], ir.Local] = {}

    def element(self, value: syntax.Operand, index: int) -> ir.Value:
        """Element `index` of a struct value, computed where the struct is."""
        if isinstance(value, ir.Undefined) and isinstance(value.type, ir.StructType):
            return ir.Undefined(value.type.fields[index])
        if isinstance(value, syntax.Aggregate):
            found = value.elements[index]
            assert isinstance(found, ir.Constant | ir.Undefined)
            return found
        assert isinstance(value, ir.Local) and isinstance(value.type, ir.StructType)
        made = self.definitions[value.name]
        if made.opcode == "insertvalue":
            into, inserted = made.operands
            if made.index != index:
                return self.element(into, index)
            assert not isinstance(inserted, syntax.Zero | syntax.Aggregate)
            return inserted
        key = (value.name, index)
        if key in self.known:
            return self.known[key]
        of = value.type.fields[index]
        # LLVM numbers the copies of an unrolled loop behind a point; brackets it never writes.
        result = self.known[key] = ir.Local(f"{value.name}[{index}]", of)
        place = self.location(made)
        operands: tuple[ir.Value, ...]
        if made.opcode == "call":
            new = ir.Instruction(
                "extractvalue", result.name, of, (value,), index=index, location=place
            )
        elif made.opcode == "phi":
            operands = tuple(self.element(operand, index) for operand in made.operands)
            new = ir.Instruction("phi", result.name, of, operands, made.blocks, location=place)
        elif made.opcode == "select":
            condition, first, second = made.operands
            assert not isinstance(condition, syntax.Zero | syntax.Aggregate)
            operands = (condition, self.element(first, index), self.element(second, index))
            new = ir.Instruction("select", result.name, of, operands, location=place)
        elif made.opcode == "freeze":
            operands = (self.element(made.operands[0], index),)
            new = ir.Instruction("freeze", result.name, of, operands, location=place)
        else:
            raise HlsError(
                "unsupported-operation",
                f"LLVM made a {made.opcode} of several results of a function: report this",
                place,
            )
        self.add(new, made)
        return result
