"""A module function as a SystemVerilog module: a pipeline without state, reset or handshake."""

from collections.abc import Mapping

from ..graph import ModuleFunction, Node
from ..names import legal
from ..schedule import ready_stage
from ..statistics import of_function
from .datapath import Datapath, result_ports
from .memories import Memories, address_bits, storage_of
from .module import Module, Section, vector
from .process import Emitted


class _Inputs:
    """Names of inputs and of what tables deliver."""

    def __init__(self, memories: Memories) -> None:
        self._memories = memories

    def signal(self, node: Node) -> str:
        return self._memories.signal(node) if node.operation == "load" else legal(node.name)


def module_function(function: ModuleFunction, functions: Mapping[str, ModuleFunction]) -> Emitted:
    """The module of a scheduled function; a port per input and per result."""
    module = Module(legal(function.name))
    ports = ["input logic clk"] if function.latency else []
    for node in function.inputs:
        ports.append(f"input logic {vector(node.bits)}{module.port(legal(node.name), node.bits)}")
    names = result_ports(function)
    for name, result in zip(names, function.results, strict=True):
        module.port(name, result.bits, is_input=False)
        ports.append(f"output logic {vector(result.bits)}{name}")
    region = function.region
    memories = Memories(module, [region])
    loads = [node for node in region.effects if node.operation == "load"]
    roots = [(node, function.latency) for node in function.outputs]
    roots += [(load.operands[1], load.stage) for load in loads]
    path = Datapath(module, region, functions, _Inputs(memories), roots, in_function=True)
    for load in loads:
        bits = address_bits(storage_of(load))
        memories.read(load, "", path.value(load.operands[1], load.stage, bits))
    outputs = Section("Results")
    for name, node, result in zip(names, function.outputs, function.results, strict=True):
        value = path.value(node, max(function.latency, ready_stage(node)), result.bits)
        outputs.add(f"assign {name} = {value};", node.location)
    place = f" ({function.location.short})" if function.location else ""
    header = [
        f"{function.name}: generated from C++{place}; do not edit.",
        f"Results appear {function.latency} cycles after the inputs, every cycle.",
    ]
    sections = [memories.declarations(), *path.sections, memories.accesses(), outputs]
    text = module.text(header, ports, sections)
    return Emitted(text, of_function(function, module.register_bits))
