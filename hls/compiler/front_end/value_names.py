"""What the source calls the values of an optimised function, as far as LLVM kept track."""

import re
from collections.abc import Mapping

from m3vit.hls.compiler import ir

from .llvm import syntax
from .llvm.cpp_types import CppType
from .llvm.debug_info import DebugInfo

_PLAIN = re.compile(
    r"(DW_OP_LLVM_convert, \d+, DW_ATE_\w+|DW_OP_LLVM_fragment, (\d+), (\d+)|DW_OP_stack_value)"
    r"(, |$)"
)


def source_names(
    body: syntax.Function, debug: DebugInfo, variables: Mapping[str, str]
) -> dict[str, str]:
    """LLVM value -> variable, with members and indices: `command_negate`, `sums_0_3`.

    A value that several variables hold is called after the first one. Values of expressions that
    have no variable are not in it.

    Args:
        variables: allocas and globals that hold a single number -> name.
    """
    names: dict[str, str] = {}
    for record in body.values:
        if record.value in names:
            continue
        name = _name(record, debug)
        if name:
            names[record.value] = name
    _name_loads(body, variables, names)
    while _name_phis(body, names):
        pass
    return names


def _name_loads(body: syntax.Function, variables: Mapping[str, str], names: dict[str, str]) -> None:
    """What is loaded from a variable is called after it."""
    for block in body.blocks:
        for instruction in block.instructions:
            if instruction.opcode == "load" and instruction.result is not None:
                address = instruction.operands[0]
                if isinstance(address, ir.Local | ir.Global) and address.name in variables:
                    names.setdefault(instruction.result, variables[address.name])


def _name_phis(body: syntax.Function, names: dict[str, str]) -> bool:
    """Phis that passes have made are called after what comes in; True if one got a name.

    LLVM's own name begins with the variable, or is a number.
    """
    found = False
    for block in body.blocks:
        for instruction in block.instructions:
            result = instruction.result
            if instruction.opcode != "phi" or result is None or result in names:
                continue
            base = result.split(".")[0]
            for operand in instruction.operands:
                name = names.get(operand.name, "") if isinstance(operand, ir.Local) else ""
                if name and (base.isdigit() or name == base or name.startswith(f"{base}_")):
                    names[result] = name
                    found = True
                    break
    return found


def _name(record: syntax.ValueRecord, debug: DebugInfo) -> str:
    variable = debug.node(record.variable)
    if debug.line_of(variable) is None:
        return ""  # of a header that is not the user's
    of = debug.type(variable.reference("type"))
    start, size = 0, of.size
    position = 0
    while position < len(record.expression):
        match = _PLAIN.match(record.expression, position)
        if not match:
            return ""  # the variable can be computed from the value, but is another one
        if match[2]:
            start, size = int(match[2]), int(match[3])
        position = match.end()
    path = _path(of, start, size)
    if path is None:
        return ""
    return "_".join([variable.text("name"), *path])


def _path(of: CppType, start: int, size: int) -> list[str] | None:
    """Members and indices that lead to a number inside a type; None if it is something else."""
    path: list[str] = []
    while of.kind != "integer":
        if of.kind == "array" and of.element is not None and of.element.size:
            index, start = divmod(start, of.element.size)
            path.append(str(index))
            of = of.element
        elif of.kind == "struct":
            inside = [
                member for member in of.members if member[1] <= start < member[1] + member[2].size
            ]
            if not inside:
                return None
            name, offset, of = inside[0]
            path += [name] if name else []
            start -= offset
        else:
            return None
    return path if start == 0 and size <= of.size else None
