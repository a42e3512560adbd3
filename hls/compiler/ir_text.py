"""`ir.Module` as text, for people who debug the compiler."""

from collections.abc import Iterator

from . import ir


def write(module: ir.Module) -> str:
    """The whole module; close to LLVM's own notation, with source lines as comments."""
    return "\n".join(_lines(module)) + "\n"


def _lines(module: ir.Module) -> Iterator[str]:
    for key, memory in module.memories.items():
        yield f"@{key} = {_memory(memory)}"
    for function in module.functions.values():
        yield from ("", *_function(function))
    for network in module.networks.values():
        yield from ("", *_network(network))


def _function(function: ir.Function) -> Iterator[str]:
    arguments = ", ".join(_argument(argument) for argument in function.arguments)
    results = ", ".join(
        f"{_number(item.signed, item.width)} {item.name}" for item in function.results
    )
    notes = " free-running" if function.free_running else ""
    if function.axilite:
        notes += f" axilite({', '.join(sorted(function.axilite))})"
    yield f"{function.kind} {function.name}({arguments}) -> ({results}){notes} {{"
    for name, memory in function.memories.items():
        yield f"  %{name} = {_memory(memory)}"
    for block in function.blocks:
        label = function.loop_names.get(block.name)
        yield f"{block.name}:" + (f"  ; loop {label}" if label else "")
        for instruction in block.instructions:
            yield f"  {_instruction(instruction)}"
    yield "}"


def _network(network: ir.Network) -> Iterator[str]:
    arguments = ", ".join(_argument(argument) for argument in network.arguments)
    yield f"network {network.name}({arguments}){' free-running' if network.free_running else ''} {{"
    for channel in network.channels:
        yield f"  channel {channel.name}: {_payload(channel.payload)} depth {channel.depth}"
    for instance in network.instances:
        pairs = ", ".join(f"{port}: {what}" for port, what in instance.connections.items())
        yield f"  {instance.name} = {instance.function}({pairs})"
    yield "}"


def _argument(argument: ir.Argument) -> str:
    if isinstance(argument, ir.StreamPort):
        return f"stream {argument.name}: {_payload(argument.payload)}"
    return f"{_number(argument.signed, argument.width)} {argument.name}"


def _number(signed: bool, width: int) -> str:
    return f"{'s' if signed else 'u'}{width}"


def _payload(payload: ir.Payload) -> str:
    fields = ", ".join(
        f"{field.name}: {_number(field.signed, field.width)} at {field.offset}/{field.position}"
        for field in payload.fields[:8]
    )
    more = ", ..." if len(payload.fields) > 8 else ""
    return f"{payload.name} {payload.memory_width}/{payload.width} {{{fields}{more}}}"


def _memory(memory: ir.Memory) -> str:
    words = [memory.name, str(list(memory.dimensions)), _payload(memory.element)]
    words += [word for word in ("constant", "static") if getattr(memory, word)]
    words += [f"{item.kind}({item.dimension}, {item.factor})" for item in memory.partitions]
    words += [memory.storage] if memory.storage else []
    words += [f"latency {memory.latency}"] if memory.latency else []
    words += [f"no-{kind}" for kind in sorted(memory.no_dependence)]
    if memory.initial is not None:
        more = ", ..." if len(memory.initial) > 8 else ""
        words.append(f"= {', '.join(map(str, memory.initial[:8]))}{more}")
    return " ".join(words)


def _instruction(instruction: ir.Instruction) -> str:
    operands = [_value(operand) for operand in instruction.operands]
    if instruction.opcode == "phi":
        operands = [
            f"[{value}, {block}]" for value, block in zip(operands, instruction.blocks, strict=True)
        ]
    elif instruction.blocks:
        operands += [f"label {block}" for block in instruction.blocks]
        operands += [f"cases {list(instruction.cases)}"] if instruction.cases else []
    words = [instruction.opcode]
    words += ["volatile"] if instruction.volatile else []
    words += [instruction.predicate] if instruction.predicate else []
    words += [instruction.callee] if instruction.callee else []
    words += [_type(instruction.element) + ","] if instruction.element else []
    words += [", ".join(operands)] if operands else []
    words += [f"#{instruction.index}"] if instruction.opcode == "extractvalue" else []
    words += [instruction.implementation] if instruction.implementation else []
    text = " ".join(words)
    if instruction.result is not None:
        text = f"%{instruction.result}: {_type(instruction.type)} = {text}"
    return f"{text}  ; {instruction.location}" if instruction.location else text


def _value(value: ir.Value) -> str:
    match value:
        case ir.Constant(number, of):
            return f"{number}:i{of.width}"
        case ir.Undefined(_):
            return "undefined"
        case ir.Local(name, _):
            return f"%{name}"
        case ir.Global(name):
            return f"@{name}"
        case ir.Address(base, offset):
            return f"@{base.name}+{offset}"


def _type(of: ir.Type) -> str:
    match of:
        case ir.IntType(width):
            return f"i{width}"
        case ir.ArrayType(count, element):
            return f"[{count} x {_type(element)}]"
        case ir.StructType(fields, _):
            return "{" + ", ".join(_type(field) for field in fields) + "}"
        case ir.PointerType():
            return "ptr"
        case ir.VoidType():
            return "void"
