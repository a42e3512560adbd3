"""From a function of the IR to regions of dataflow: the compiler's middle, in order."""

from collections.abc import Mapping
from dataclasses import dataclass

from . import graph
from .bounds import Bounds
from .draft import Draft
from .ir import Function, Instruction, IntType, Module, Undefined
from .plan import FunctionPlan, RegionPlan, plan_function
from .ranges import Range
from .simplify import Program, simplify
from .translation import Translation


def process(
    function: Function, module: Module, functions: Mapping[str, graph.ModuleFunction]
) -> graph.Process:
    """The state machine of a function with streams or loops.

    `functions` are the module functions that it calls. Raises HlsError for what is outside the
    subset of C++.
    """
    translated = _translated(plan_function(function, module, functions, {}))
    if not all(item.accesses.proven for item in translated.translations):
        bounds = _bounds(translated)
        translated = _translated(plan_function(function, module, functions, bounds))
    drafts = translated.drafts
    plan = translated.plan
    returns = any(transition.target is None for draft in drafts for transition in draft.transitions)
    program = Program(
        {draft.name: draft for draft in drafts},
        plan.regions[0].name,
        plan.registers,
        restarts=returns or not function.free_running,
    )
    simplify(program)
    return _finished(plan, program)


@dataclass(frozen=True)
class _Translated:
    """All regions of a function, joined by transitions and registers."""

    plan: FunctionPlan
    translations: list[Translation]
    drafts: list[Draft]


def _translated(plan: FunctionPlan) -> _Translated:
    translations = [Translation(plan, region) for region in plan.regions]
    drafts = [translation.run() for translation in translations]
    for translation, draft in zip(translations, drafts, strict=True):
        draft.transitions = _transitions(plan, translation)
    _export(plan, translations, drafts)
    return _Translated(plan, translations, drafts)


def _bounds(translated: _Translated) -> dict[str, Range]:
    """Bounds of loop counters and the like, by which indices can be told to stay in range."""
    bounds = Bounds(translated.drafts, translated.plan.registers)
    bounds.run()
    found = {
        value: bounds.registers[register.name]
        for value, register in translated.plan.exported()
        if register.name in bounds.registers
    }
    for translation in translated.translations:
        found |= {name: (phi.low, phi.high) for name, phi in translation.state.items()}
    return found


def module_function(
    function: Function, module: Module, functions: Mapping[str, graph.ModuleFunction]
) -> graph.ModuleFunction:
    """A function kept as a module: one region, its arguments and its results."""
    plan = plan_function(function, module, functions, {})
    translation = Translation(plan, plan.regions[0])
    draft = translation.run()
    builder = draft.builder
    (_, values), *others = translation.returned
    for condition, other in others:
        values = [
            builder.select(condition, new, old) for new, old in zip(other, values, strict=True)
        ]
    draft.outputs = [
        builder.resize(value, result.width, result.signed)
        for value, result in zip(values, function.results, strict=True)
    ]
    program = Program({draft.name: draft}, draft.name, {}, restarts=True)
    simplify(program)
    draft = program.drafts[draft.name]
    region = draft.finish()
    results = []
    start = 0
    for node, result in zip(draft.outputs, function.results, strict=True):
        results.append(
            graph.Result(
                result.name, 0, start, node.bits, node.signed, result.width, node.low, node.high
            )
        )
        start += node.bits
    used = {node.name: node for node in region.nodes if node.operation == "argument"}
    return graph.ModuleFunction(
        function.name,
        region,
        [used[x.name] for x in function.arguments if x.name in used],
        draft.outputs,
        results,
        location=function.location,
    )


# Between regions --------------------------------------------------------------------------------


def _transitions(plan: FunctionPlan, translation: Translation) -> list[graph.Transition]:
    """Where a region goes, and which registers its way there assigns."""
    transitions = []
    for way in translation.exits:
        if way.target is None:
            again = plan.regions[0].name if plan.function.free_running else None
            transitions.append(graph.Transition(way.condition, again))
            continue
        source, target = _followed(plan, way.source, way.target)
        region = plan.region_of[target]
        assignments: dict[str, graph.Node] = {}
        for phi in _phis(plan, region):
            register = _assigned(plan, region, phi)
            value = dict(zip(phi.blocks, phi.operands, strict=True))[source]
            if register and not isinstance(value, Undefined):
                assignments[register.name] = translation.value(value)
        transitions.append(graph.Transition(way.condition, region.name, assignments))
    return transitions


def _followed(plan: FunctionPlan, source: str, target: str) -> tuple[str, str]:
    """(source, target) of the last edge, past blocks that only jump."""
    seen = set()
    while target not in seen and not plan.region_of[target].loop:
        seen.add(target)
        instructions = plan.flow.blocks[target].instructions
        if len(instructions) > 1 or len(plan.flow.successors[target]) != 1:
            break
        source, target = target, plan.flow.successors[target][0]
    return source, target


def _phis(plan: FunctionPlan, region: RegionPlan) -> list[Instruction]:
    instructions = plan.flow.blocks[region.first].instructions
    return [x for x in instructions if x.opcode == "phi" and isinstance(x.type, IntType)]


def _assigned(plan: FunctionPlan, region: RegionPlan, phi: Instruction) -> graph.Register | None:
    """The register that a phi at the start of a region takes its value from."""
    if region.loop:
        return plan.entry_register(phi) if plan.has_entry_register(phi) else None
    return None if plan.chosen_once(phi) is not None else plan.register_of(phi.result or "")


def _export(plan: FunctionPlan, translations: list[Translation], drafts: list[Draft]) -> None:
    """Registers take what other regions read, and variables that have changed."""
    owners = {
        translation.region.name: (translation, draft)
        for translation, draft in zip(translations, drafts, strict=True)
    }
    for value, register in plan.exported():
        region = plan.region_of[plan.block_of[value]]
        translation, draft = owners[region.name]
        first = plan.starts_region(plan.block_of[value])
        if first and plan.definitions[value].opcode == "phi" and not region.loop:
            continue
        draft.exports[register.name] = translation.defines(value)
    for translation, draft in owners.values():
        for variable, node in translation.accesses.current.items():
            if node is not translation.entering.get(variable):
                draft.exports[plan.variable_register(variable).name] = node


def _finished(plan: FunctionPlan, program: Program) -> graph.Process:
    regions = {name: draft.finish() for name, draft in program.drafts.items()}
    nodes = [node for region in regions.values() for node in region.effects]
    storages = {node.memory.name: node.memory for node in nodes if node.memory is not None}
    inputs = {node.port for node in nodes if node.operation in ("read", "not_empty")}
    outputs = {node.port for node in nodes if node.operation in ("write", "not_full")}
    function = plan.function
    return graph.Process(
        function.name,
        plan.streams,
        [name for name in plan.streams if name in inputs],
        [name for name in plan.streams if name in outputs],
        plan.scalars,
        program.registers,
        storages,
        regions,
        program.entry,
        function.free_running,
        function.axilite,
        function.location,
    )
