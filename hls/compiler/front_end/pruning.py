"""Arguments that a module function does not use and results that nobody takes go."""

from dataclasses import replace

from m3vit.hls.compiler import ir


def drop_unused(functions: dict[str, ir.Function]) -> None:
    """Shrink module functions and all calls of them until nothing more can go.

    Values that nobody uses go as well, in every function, and functions that are left without a
    result.
    """
    modules = [function for function in functions.values() if function.kind == "module"]
    shrunk = True
    while shrunk:
        for function in functions.values():
            _drop_dead(function)
        shrunk = False
        for module in modules:
            shrunk |= _shrink(module, functions)
    for module in modules:
        if not module.results:
            del functions[module.name]


def _shrink(module: ir.Function, functions: dict[str, ir.Function]) -> bool:
    """Drop what is unused in one module function; True if something went."""
    used = {
        operand.name
        for block in module.blocks
        for instruction in block.instructions
        for operand in instruction.operands
        if isinstance(operand, ir.Local)
    }
    arguments = [position for position, item in enumerate(module.arguments) if item.name in used]
    calls = [
        (function, instruction)
        for function in functions.values()
        for block in function.blocks
        for instruction in block.instructions
        if instruction.callee == module.name
    ]
    taken: set[int] = set()
    for function, call in calls:
        taken |= {extract.index for extract in _extracts(function, call)}
    results = sorted(taken)
    if len(arguments) == len(module.arguments) and len(results) == len(module.results):
        return False
    module.arguments = [module.arguments[position] for position in arguments]
    module.results = tuple(module.results[index] for index in results)
    for block in module.blocks:
        last = block.instructions[-1]
        if last.opcode == "ret":
            last.operands = tuple(last.operands[index] for index in results)
    for function, call in calls:
        for extract in _extracts(function, call):
            extract.index = results.index(extract.index)
            extract.operands = tuple(
                replace(operand, type=_result_type(module))
                for operand in extract.operands
                if isinstance(operand, ir.Local)
            )
        call.operands = tuple(call.operands[position] for position in arguments)
        call.type = _result_type(module)
    return True


def _result_type(module: ir.Function) -> ir.StructType:
    return ir.StructType(tuple(ir.IntType(output.width) for output in module.results))


def _extracts(function: ir.Function, call: ir.Instruction) -> list[ir.Instruction]:
    """Instructions that take a result of `call`."""
    return [
        instruction
        for block in function.blocks
        for instruction in block.instructions
        if instruction.opcode == "extractvalue"
        and isinstance(instruction.operands[0], ir.Local)
        and instruction.operands[0].name == call.result
    ]


def _drop_dead(function: ir.Function) -> None:
    """Remove values that no effect needs."""
    definitions = {
        instruction.result: instruction
        for block in function.blocks
        for instruction in block.instructions
        if instruction.result is not None
    }
    pending = [
        instruction
        for block in function.blocks
        for instruction in block.instructions
        if instruction.result is None or instruction.volatile
    ]
    live = {id(instruction) for instruction in pending}
    while pending:
        for operand in pending.pop().operands:
            made = definitions.get(operand.name) if isinstance(operand, ir.Local) else None
            if made is not None and id(made) not in live:
                live.add(id(made))
                pending.append(made)
    for block in function.blocks:
        block.instructions = [item for item in block.instructions if id(item) in live]
