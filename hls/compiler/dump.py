"""A graph as text, for people who want to know what became of their code."""

from collections.abc import Iterator

from .graph import ModuleFunction, Node, Process, Region
from .ranges import full


def process(graph: Process) -> str:
    """All regions with their nodes, exits and registers."""
    return "\n".join([*_process(graph), ""])


def module_function(graph: ModuleFunction) -> str:
    """The region of a module function, and its results."""
    lines = [f"function {graph.name}({', '.join(node.name for node in graph.inputs)})"]
    lines += _region(graph.region)
    for node, result in zip(graph.outputs, graph.results, strict=True):
        lines.append(f"  result {result.argument or 'value'}: {reference(node)}")
    return "\n".join([*lines, ""])


def _process(graph: Process) -> Iterator[str]:
    control = "free-running" if graph.free_running else "started"
    yield f"process {graph.name}, {control}, entry {graph.entry}"
    for name, port in graph.streams.items():
        direction = "input" if name in graph.inputs else "output"
        yield f"  {direction} {name}: {port.payload.name}, {port.payload.width} bits"
    for storage in graph.storages.values():
        yield (
            f"  {storage.kind} {storage.name}: {storage.banks} x {storage.depth} x "
            f"{storage.width} bits, latency {storage.read_latency}"
        )
    for register in graph.registers.values():
        initial = "" if register.initial is None else f" = {register.initial}"
        yield f"  register {register.name}: {register.width} bits{initial}"
    for region in graph.regions.values():
        yield from _region(region)


def _region(region: Region) -> Iterator[str]:
    kind = f"pipeline, II={region.interval}" if region.pipelined else "straight"
    yield f"{region.name}: {kind}"
    for node in region.nodes:
        if node.operation != "constant":
            yield f"  {_node(node)}"
    if region.proceed is not None:
        yield f"  proceed {reference(region.proceed)}"
    for name, node in region.exports.items():
        yield f"  {name} := {reference(node)}"
    for transition in region.transitions:
        moves = ", ".join(
            f"{name} := {reference(node)}" for name, node in transition.assignments.items()
        )
        target = transition.target or "end"
        yield f"  if {reference(transition.condition)} -> {target}" + (f" [{moves}]" * bool(moves))


def reference(node: Node) -> str:
    """How other lines call a node."""
    if node.operation == "constant":
        return f"{node.low}"
    return f"{node.name or node.operation}#{node.index}"


def _node(node: Node) -> str:
    operands = ", ".join(reference(operand) for operand in node.operands)
    details = ""
    if node.port:
        details = f" {node.port}"
    if node.callee:
        details = f" {node.callee}"
    if node.memory is not None:
        details = f" {node.memory.name}[{node.bank}]"
    if node.operation in ("slice", "result"):
        details += f" from {node.start}"
    text = f"{reference(node)} = {node.operation}{details}({operands})"
    if node.width:
        text += f": {node.width} bits"
    if (node.low, node.high) != full(node.width):
        text += f", {node.low}..{node.high}"
    if node.stage >= 0:
        text += f", stage {node.stage}" + (f"+{node.latency}" if node.latency else "")
    return text + (f"  // {node.location}" if node.location else "")
