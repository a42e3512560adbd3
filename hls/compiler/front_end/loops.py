"""The loops of a function: which there are, what the source calls them, what they must be."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from m3vit.hls.compiler import ir
from m3vit.hls.compiler.control import reverse_postorder
from m3vit.hls.compiler.diagnostics import HlsError

from .passes import MAX_UNROLLED
from .source import Loop as SourceLoop
from .source import Source


@dataclass
class _Loop:
    """A natural loop: its header, all its blocks, and the II of its marker (-1 without one)."""

    header: str
    blocks: set[str]
    interval: int = -1
    marker: ir.Location | None = None
    inner: list["_Loop"] = field(default_factory=list)


def check(function: ir.Function, places: Mapping[str, ir.Location | None], scanned: Source) -> None:
    """Name the loops of a function and refuse those that have no hardware.

    Args:
        function: `loop_names` is filled, and markers that lost their loop go.
        places: latch block -> line of its loop in the source, where LLVM knows.

    Raises:
        HlsError: a loop that is neither pipelined nor around pipelined ones, or inside one.
    """
    loops = _find(function)
    by_line = {loop.location: loop for loop in scanned.loops}
    by_marker = {placed.pragma.location: placed.loop for placed in scanned.pragmas}
    _mark(function, loops)
    for loop in loops:
        named = by_marker.get(loop.marker) if loop.marker else None
        place = next((places[name] for name in loop.blocks if places.get(name)), None)
        if loop.inner or named is None:
            place = _own_place(loop, places)
            named = named or (by_line.get(place) if place else None)
        if named is not None and named.label:
            function.loop_names[loop.header] = named.label
        location = named.location if named else place or _first_line(function, loop)
        inside = any(loop in other.inner for other in loops if other.interval >= 0)
        _check_kind(function, loop, named, inside, location)


def _own_place(loop: _Loop, places: Mapping[str, ir.Location | None]) -> ir.Location | None:
    """Line of the loop itself: of a latch that belongs to no inner loop."""
    inside = set().union(*(inner.blocks for inner in loop.inner))
    return next(
        (place for name, place in places.items() if place and name in loop.blocks - inside), None
    )


def _check_kind(
    function: ir.Function,
    loop: _Loop,
    named: SourceLoop | None,
    inside: bool,
    location: ir.Location | None,
) -> None:
    """Refuse a loop; `inside` says that it stands in a pipelined one."""
    if function.kind == "module":
        raise HlsError(
            "loop-in-module",
            f"{function.name} has INLINE off, no streams, and a loop that cannot be unrolled: make "
            "its number of iterations constant, or drop INLINE off",
            location,
        )
    if named is not None and named.unrolled:
        raise HlsError(
            "unroll",
            "this loop cannot be unrolled: its number of iterations must be a constant, at most "
            f"{MAX_UNROLLED}, and no loop inside it may be pipelined",
            location,
        )
    if inside:
        raise HlsError(
            "loop-in-pipeline",
            "this loop stands in a pipelined loop and cannot be unrolled: make its number of "
            f"iterations a constant, at most {MAX_UNROLLED}, or pipeline it and not the outer one",
            location,
        )
    if loop.interval < 0 and not loop.inner:
        raise HlsError(
            "loop-not-pipelined",
            "this loop is neither unrolled nor pipelined: write #pragma HLS PIPELINE II=1 into it, "
            f"or make its number of iterations a constant, at most {MAX_UNROLLED}",
            location,
        )


def _mark(function: ir.Function, loops: list[_Loop]) -> None:
    """Give each marker to the innermost loop around it; drop those outside loops."""
    for block in function.blocks:
        around = [loop for loop in loops if block.name in loop.blocks]
        innermost = min(around, key=lambda loop: len(loop.blocks), default=None)
        kept = []
        for instruction in block.instructions:
            if instruction.callee == "pipeline":
                if innermost is None or innermost.interval >= 0:
                    continue
                (interval,) = instruction.operands
                assert isinstance(interval, ir.Constant)
                innermost.interval = interval.value
                innermost.marker = instruction.location
            kept.append(instruction)
        block.instructions = kept


def _first_line(function: ir.Function, loop: _Loop) -> ir.Location | None:
    for block in function.blocks:
        if block.name in loop.blocks:
            for instruction in block.instructions:
                if instruction.location:
                    return instruction.location
    return function.location


def _find(function: ir.Function) -> list[_Loop]:
    """All natural loops.

    Raises:
        HlsError: a loop that is entered at two places.
    """
    successors = {block.name: block.instructions[-1].blocks for block in function.blocks}
    predecessors: dict[str, list[str]] = {name: [] for name in successors}
    for name, targets in successors.items():
        for target in dict.fromkeys(targets):
            predecessors[target].append(name)
    order = reverse_postorder(function.blocks[0].name, successors)
    number = {name: index for index, name in enumerate(order)}
    dominators: dict[str, set[str]] = {order[0]: {order[0]}}
    changed = True
    while changed:
        changed = False
        for name in order[1:]:
            known = [dominators[before] for before in predecessors[name] if before in dominators]
            new = set.intersection(*known) | {name}
            if dominators.get(name) != new:
                dominators[name] = new
                changed = True
    loops: dict[str, _Loop] = {}
    for name in order:
        for target in successors[name]:
            if target in dominators[name]:
                loop = loops.setdefault(target, _Loop(target, {target}))
                pending = [name]
                while pending:
                    block = pending.pop()
                    if block not in loop.blocks:
                        loop.blocks.add(block)
                        pending += predecessors[block]
            elif number[target] <= number[name]:
                raise HlsError(
                    "irreducible-loop",
                    "a loop is entered at two places: use for or while only",
                    function.location,
                )
    found = list(loops.values())
    for loop in found:
        around = [
            other
            for other in found
            if other is not loop
            and loop.header in other.blocks
            and len(other.blocks) > len(loop.blocks)
        ]
        for other in around:
            other.inner.append(loop)
    return found
