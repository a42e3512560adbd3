"""A process as a SystemVerilog module."""

from collections.abc import Mapping
from typing import NamedTuple

from .. import interface
from ..graph import ModuleFunction, Node, Process, Region
from ..statistics import Statistics, collect
from .control import RegionText
from .machine import Machine
from .memories import Memories
from .module import Module, Section
from .streams import Streams


class Emitted(NamedTuple):
    """A module's text and what it costs."""

    text: str
    statistics: Statistics


def process(process: Process, functions: Mapping[str, ModuleFunction]) -> Emitted:
    """The module of a scheduled process; `functions` are the scheduled module functions."""
    module = Module(process.name)
    ports = list(interface.of_process(process).ports())
    for port in ports:
        module.port(port.name, port.width, port.direction == "in" and port.name not in _CONTROL)
    always = _endless_loop(process)
    regions = [always[0]] if always else list(process.regions.values())
    machine = Machine(module, process, always is not None)
    streams = Streams(module, process)
    memories = Memories(module, regions)
    parts = [
        RegionText(
            module,
            region,
            functions,
            process.registers,
            streams,
            memories,
            machine,
            always[1] if always else None,
        )
        for region in regions
    ]
    body: list[Section] = []
    for part in parts:
        body += [part.declarations(), *part.sections()]
    steps = {
        part.region.name: (part.fire, part.valid, part.proceeds(), part.last) for part in parts
    }
    order = machine.sections(steps, streams.all_empty())
    sections = [
        machine.declarations(memories.have_contents()),
        streams.declarations(),
        memories.declarations(),
        *body,
        memories.accesses(),
        *streams.sections(),
        *order,
    ]
    text = module.text(_header(process, regions), [str(port) for port in ports], sections)
    enables = [bits for part in parts for bits in part.enabled_bits.values()]
    statistics = collect(
        regions,
        latency=max(part.last for part in parts),
        register_bits=module.register_bits,
        storages=memories.storages(),
        copies=memories.copies(),
        queues=streams.depths(),
        enable_fan_out=max([*enables, memories.most_writes()]),
    )
    return Emitted(text, statistics)


_CONTROL = frozenset(["clk", "rst_n", "ap_start"])


def _header(process: Process, regions: list[Region]) -> list[str]:
    place = f" ({process.location.short})" if process.location else ""
    lines = [f"{process.name}: generated from C++{place}; do not edit.", ""]
    for region in regions:
        if region.pipelined:
            interval = max(1, region.interval)
            start = "every cycle" if interval == 1 else f"every {interval} cycles"
            lines.append(f"Loop {region.name}: {region.depth} stages, an iteration {start}.")
    return [line for line in lines if line] if len(lines) == 2 else lines


def _endless_loop(process: Process) -> tuple[Region, dict[Node, int]] | None:
    """The only loop of a process that starts in it, never leaves it, with its initial state.

    Straight-line code before it may do nothing but set registers to constants.
    """
    region = process.regions[process.entry]
    constants: dict[str, int] = {}
    if not region.pipelined and not region.effects and not region.exports:
        transition = region.transitions[0]
        if len(region.transitions) != 1 or transition.target is None:
            return None
        for name, node in transition.assignments.items():
            if node.operation == "constant":
                constants[name] = node.value
        region = process.regions[transition.target]
    endless = region.pipelined and not region.transitions and not region.exports
    if not process.free_running or not endless:
        return None
    initial: dict[Node, int] = {}
    for phi in region.phis:
        first = phi.operands[0]
        if first.operation == "constant":
            initial[phi] = first.value
        elif first.operation == "register" and first.name in constants:
            initial[phi] = constants[first.name]
        else:
            return None
    if any(
        operand.operation == "register" and user not in initial for user, operand in region.uses()
    ):
        return None
    return region, initial
