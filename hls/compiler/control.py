"""Control flow of a function: order of blocks, dominators, loops, and which of them are pipelines.

Blocks that can never be left alive (`unreachable`) are taken out first: a branch to one is no
branch.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .diagnostics import HlsError
from .ir import Block, Constant, Function, Instruction, Location

PIPELINE = "pipeline"
"""`Instruction.callee` of the marker inside a loop with `#pragma HLS PIPELINE`."""


@dataclass(eq=False)
class Loop:
    """A natural loop.

    Attributes:
        header: block through which it is entered.
        blocks: all of it, inner loops included, in reverse postorder.
        parent: the loop around it.
        inner: loops directly inside.
        interval: initiation interval asked for, at least 1, if it is a pipeline, else None.
        location: of the pragma, or of the first instruction that has one.
    """

    header: str
    blocks: list[str]
    parent: "Loop | None" = None
    inner: list["Loop"] = field(default_factory=list)
    interval: int | None = None
    location: Location | None = None


@dataclass(eq=False)
class ControlFlow:
    """The blocks that can run.

    Attributes:
        blocks: by name, in reverse postorder: the entry first, forward edges go down.
        successors, predecessors: by name, each once.
        loops: by header, outer before inner.
    """

    blocks: dict[str, Block]
    successors: dict[str, list[str]]
    predecessors: dict[str, list[str]]
    loops: dict[str, Loop]

    @property
    def entry(self) -> str:
        """Name of the first block."""
        return next(iter(self.blocks))


def analyse(function: Function) -> ControlFlow:
    """Control flow with loops; refuses loops that are neither pipelines nor around one."""
    blocks = {block.name: block for block in function.blocks}
    successors = _live_successors(blocks)
    order = reverse_postorder(function.blocks[0].name, successors)
    successors = {name: successors[name] for name in order}
    predecessors: dict[str, list[str]] = {name: [] for name in order}
    for name in order:
        for target in successors[name]:
            predecessors[target].append(name)
    flow = ControlFlow({name: blocks[name] for name in order}, successors, predecessors, loops={})
    _find_loops(flow)
    _find_pipelines(flow)
    _check_loops(flow, function)
    return flow


def _live_successors(blocks: Mapping[str, Block]) -> dict[str, list[str]]:
    """Where each block can go, without blocks that end in `unreachable`."""
    successors = {
        name: list(dict.fromkeys(block.instructions[-1].blocks)) for name, block in blocks.items()
    }
    sources: dict[str, list[str]] = {name: [] for name in blocks}
    for name, targets in successors.items():
        for target in targets:
            sources[target].append(name)
    dead = [
        name for name, block in blocks.items() if block.instructions[-1].opcode == "unreachable"
    ]
    for name in dead:
        for source in sources[name]:
            successors[source].remove(name)
            if not successors[source]:
                dead.append(source)
    return successors


def reverse_postorder(entry: str, successors: Mapping[str, Sequence[str]]) -> list[str]:
    """Blocks reachable from the entry, each before its successors but for back edges."""
    finished: list[str] = []
    seen = {entry}
    stack = [(entry, iter(successors[entry]))]
    while stack:
        name, targets = stack[-1]
        for target in targets:
            if target not in seen:
                seen.add(target)
                stack.append((target, iter(successors[target])))
                break
        else:
            finished.append(name)
            stack.pop()
    return finished[::-1]


def immediate_dominators(
    order: Sequence[str], predecessors: Mapping[str, Iterable[str]]
) -> dict[str, str]:
    """Cooper, Harvey and Kennedy. `order` is a reverse postorder; its first is its own."""
    position = {name: index for index, name in enumerate(order)}
    dominators = {order[0]: order[0]}

    def meet(a: str, b: str) -> str:
        while a != b:
            while position[a] > position[b]:
                a = dominators[a]
            while position[b] > position[a]:
                b = dominators[b]
        return a

    changed = True
    while changed:
        changed = False
        for name in order[1:]:
            known = [source for source in predecessors[name] if source in dominators]
            best = known[0]
            for source in known[1:]:
                best = meet(best, source)
            if dominators.get(name) != best:
                dominators[name] = best
                changed = True
    return dominators


def _dominates(a: str, b: str, dominators: Mapping[str, str]) -> bool:
    while b != a and dominators[b] != b:
        b = dominators[b]
    return a == b


def _find_loops(flow: ControlFlow) -> None:
    """Natural loops, from the back edges."""
    order = list(flow.blocks)
    position = {name: index for index, name in enumerate(order)}
    dominators = immediate_dominators(order, flow.predecessors)
    members: dict[str, set[str]] = {}
    for name in order:
        for target in flow.successors[name]:
            if position[target] > position[name]:
                continue
            if not _dominates(target, name, dominators):
                raise HlsError(
                    "irreducible-loop",
                    "this loop is entered at more than one place: write it with for or while",
                    _place(flow.blocks[target]),
                )
            members.setdefault(target, {target}).update(_body(target, name, flow))
    for header in sorted(members, key=lambda name: position[name]):
        body = sorted(members[header], key=lambda name: position[name])
        around = [loop for loop in flow.loops.values() if header in members[loop.header]]
        parent = around[-1] if around else None
        location = next(filter(None, (_place(flow.blocks[name]) for name in body)), None)
        loop = Loop(header, body, parent, location=location)
        flow.loops[header] = loop
        if parent:
            parent.inner.append(loop)


def _body(header: str, latch: str, flow: ControlFlow) -> set[str]:
    """Blocks from which the latch is reached without passing the header."""
    body = {header}
    todo = [latch]
    while todo:
        name = todo.pop()
        if name not in body:
            body.add(name)
            todo += flow.predecessors[name]
    return body


def innermost(flow: ControlFlow) -> Callable[[str], Loop | None]:
    """Block -> the smallest loop around it."""
    owner: dict[str, Loop] = {}
    for loop in flow.loops.values():
        for name in loop.blocks:
            owner[name] = loop
    return owner.get


def is_marker(instruction: Instruction) -> bool:
    """It stands for a PIPELINE pragma."""
    return instruction.opcode == "call" and instruction.callee == PIPELINE


def _find_pipelines(flow: ControlFlow) -> None:
    owner = innermost(flow)
    for name, block in flow.blocks.items():
        for instruction in filter(is_marker, block.instructions):
            loop = owner(name)
            if loop is None:
                continue  # the loop ran once and is straight code now
            interval = instruction.operands[0]
            if not isinstance(interval, Constant):
                raise ValueError(f"the interval of {loop.header} is no constant")
            loop.interval = max(1, interval.value)
            loop.location = instruction.location or loop.location


def _check_loops(flow: ControlFlow, function: Function) -> None:
    for loop in flow.loops.values():
        if function.kind == "module":
            raise HlsError(
                "loop-in-module",
                f"a loop of `{function.name}`, which is kept as a module, was not unrolled: give "
                "it constant bounds, or make the function a process with streams",
                loop.location,
            )
        if loop.interval is not None and loop.inner:
            raise HlsError(
                "loop-in-pipeline",
                "a loop inside this pipelined loop was not unrolled: give it constant bounds, or "
                "write PIPELINE into the inner loop instead",
                loop.inner[0].location or loop.location,
            )
        if loop.interval is None and not loop.inner:
            raise HlsError(
                "loop-not-pipelined",
                "this loop was not unrolled and has no PIPELINE: give it constant bounds and "
                "`#pragma HLS UNROLL`, or `#pragma HLS PIPELINE`",
                loop.location,
            )


def _place(block: Block) -> Location | None:
    return next((item.location for item in block.instructions if item.location), None)
