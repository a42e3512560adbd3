"""Improving the regions of a process together, once all of them are there.

Each round finds out what registers can hold when a region is entered and how far values can
grow, and makes every region anew with that knowledge; then it drops registers that nobody reads
and states that do nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .bounds import Bounds
from .builder import GraphBuilder
from .draft import Draft
from .graph import Register, Transition
from .rewrite import Known, rewrite

_ROUNDS = 2
"""The first finds constants and bounds, the second gains from what they have simplified."""


@dataclass(eq=False)
class Program:
    """The regions of a process by name, the one it starts with, and its registers.

    `restarts`: it runs more than once, so that static registers keep their values.
    """

    drafts: dict[str, Draft]
    entry: str
    registers: dict[str, Register]
    restarts: bool


def simplify(program: Program) -> None:
    """Rewrite all regions, changing the program in place."""
    _drop_unread(program)
    _drop_empty(program)
    for _ in range(_ROUNDS):
        known = _entry_values(program)
        bounds = Bounds(list(program.drafts.values()), program.registers)
        bounds.run()
        for name, (low, high) in bounds.registers.items():
            program.registers[name] = replace(program.registers[name], low=low, high=high)
        for name, draft in program.drafts.items():
            program.drafts[name] = rewrite(draft, program.registers, known[name])
        _drop_unread(program)
        _drop_empty(program)


# Registers --------------------------------------------------------------------------------------


def _drop_unread(program: Program) -> None:
    """Keep assignments of registers that some live node reads, and only them."""
    read: set[str] = set()
    while program.registers:
        found = set()
        for draft in program.drafts.values():
            trimmed = _assigning(draft, read)
            found |= {node.name for node in trimmed.nodes() if node.operation == "register"}
        if found == read:
            break
        read = found
    for name, draft in program.drafts.items():
        program.drafts[name] = _assigning(draft, read)
    program.registers = {
        name: register for name, register in program.registers.items() if name in read
    }


def _assigning(draft: Draft, registers: set[str]) -> Draft:
    """The draft without assignments of other registers."""
    transitions = [
        replace(
            transition,
            assignments={
                name: node for name, node in transition.assignments.items() if name in registers
            },
        )
        for transition in draft.transitions
    ]
    exports = {name: node for name, node in draft.exports.items() if name in registers}
    return replace(draft, transitions=transitions, exports=exports)


def _entry_values(program: Program) -> dict[str, Known]:
    """What the registers hold when each region is entered; absent: nothing was assigned yet."""
    start: Known = {
        name: None if program.restarts else register.initial
        for name, register in program.registers.items()
        if register.initial is not None
    }
    known: dict[str, Known] = {program.entry: start}
    todo = [program.entry]
    while todo:
        draft = program.drafts[todo.pop()]
        for transition in draft.transitions:
            after = dict(known[draft.name])
            for moves in (draft.exports, transition.assignments):
                after |= {
                    name: node.value if node.operation == "constant" else None
                    for name, node in moves.items()
                }
            target = transition.target
            if target is not None and _merge(known, target, after):
                todo.append(target)
    return {name: known.get(name, {}) for name in program.drafts}


def _merge(known: dict[str, Known], target: str, values: Known) -> bool:
    if target not in known:
        known[target] = values
        return True
    old = known[target]
    merged = {
        name: values[name] if old.get(name, values[name]) == values[name] else None
        for name in values
    }
    known[target] = old | merged
    return known[target] != old


# States that do nothing -------------------------------------------------------------------------


def _drop_empty(program: Program) -> None:
    """Go past regions without effects, assignments and choice."""
    skip: dict[str, str | None] = {}
    for name, draft in program.drafts.items():
        if draft.pipelined or draft.builder.effects or len(draft.transitions) != 1:
            continue
        (transition,) = draft.transitions
        if not draft.exports and not transition.assignments:
            skip[name] = transition.target

    def end(name: str | None) -> str | None:
        seen = set()
        while name is not None and name in skip and name not in seen:
            seen.add(name)
            name = skip[name]
        return name

    program.entry = end(program.entry) or program.entry
    for name, draft in program.drafts.items():
        transitions = _joined(
            [replace(item, target=end(item.target)) for item in draft.transitions],
            draft.builder,
        )
        program.drafts[name] = replace(draft, transitions=transitions)
    reached = {program.entry}
    todo = [program.entry]
    while todo:
        for transition in program.drafts[todo.pop()].transitions:
            if transition.target is not None and transition.target not in reached:
                reached.add(transition.target)
                todo.append(transition.target)
    program.drafts = {name: draft for name, draft in program.drafts.items() if name in reached}


def _joined(transitions: Sequence[Transition], builder: GraphBuilder) -> list[Transition]:
    """Transitions that can happen; those that do the same are one."""
    joined: list[Transition] = []
    for transition in transitions:
        if transition.condition.operation == "constant" and not transition.condition.value:
            continue
        for position, other in enumerate(joined):
            same = other.assignments == transition.assignments
            if same and other.target == transition.target:
                condition = builder.any_of(other.condition, transition.condition)
                joined[position] = replace(other, condition=condition)
                break
        else:
            joined.append(transition)
    return joined
