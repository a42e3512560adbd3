"""What memories and streams ask of a schedule: order, distance between iterations, and ports."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from .diagnostics import HlsError
from .graph import Node, Region, Storage
from .predicates import exclusive

WINDOW = 64
"""Iterations ahead for which addresses are compared: more than any pipeline holds."""


@dataclass(frozen=True)
class Constraint:
    """`after` runs at least `gap` stages after `before`; with `ready`, after its result is there.

    `back`: it binds the next iteration, so it may close a cycle.
    """

    before: Node
    after: Node
    gap: int
    back: bool = False
    ready: bool = False


def constraints(region: Region, interval: int | None, grouped: bool) -> list[Constraint]:
    """All of a region. `interval` is None for straight-line code; see `shared_loads`."""
    found = []
    if interval is not None:
        for phi in region.phis:
            found.append(Constraint(phi.operands[1], phi, 1 - interval, back=True, ready=True))
        for port in _by_port(region, "write"):
            found += _together(port, interval)
    if interval == 1 and grouped:
        for group in shared_loads(region):
            found += _together(group, 1)
    for accesses in _by_bank(region).values():
        for first, second in combinations(accesses, 2):
            found += _memory_order(first, second, interval)
    return found


def check_streams(region: Region) -> None:
    """Every stream is accessed at most once per iteration (or pass of straight-line code)."""
    for operation in ("read", "write"):
        for nodes in _by_port(region, operation):
            for first, second in combinations(nodes, 2):
                if not exclusive(first.operands[0], second.operands[0]):
                    raise HlsError(
                        "one-access-per-stream",
                        f"stream {first.port} is {_past(operation)} here and at "
                        f"{first.location} in one iteration; access it once, or in branches "
                        "that exclude each other",
                        second.location,
                    )


def shared_loads(region: Region) -> list[list[Node]]:
    """Loads of one block RAM in branches that exclude each other: they can take one port."""
    groups: list[list[Node]] = []
    for accesses in _by_bank(region).values():
        open_groups: list[list[Node]] = []
        for node in accesses:
            if node.operation != "load" or _storage(node).kind not in ("bram", "uram"):
                continue
            for group in open_groups:
                if all(exclusive(node.operands[0], other.operands[0]) for other in group):
                    group.append(node)
                    break
            else:
                open_groups.append([node])
        groups += [group for group in open_groups if len(group) > 1]
    return groups


def _past(operation: str) -> str:
    return "read" if operation == "read" else "written"


def _storage(node: Node) -> Storage:
    if node.memory is None:
        raise ValueError(f"{node.operation} {node.name} has no memory")
    return node.memory


def _by_port(region: Region, operation: str) -> list[list[Node]]:
    ports: dict[str, list[Node]] = defaultdict(list)
    for node in region.effects:
        if node.operation == operation:
            ports[node.port].append(node)
    return list(ports.values())


def _by_bank(region: Region) -> dict[tuple[str, int], list[Node]]:
    """Accesses of everything that is not a table, in program order."""
    banks: dict[tuple[str, int], list[Node]] = defaultdict(list)
    for node in region.effects:
        if node.operation in ("load", "store") and _storage(node).kind != "rom":
            banks[_storage(node).name, node.bank].append(node)
    return banks


def _together(nodes: list[Node], interval: int) -> Iterator[Constraint]:
    """Stages less than `interval` apart: iterations do not overtake one another."""
    for first, second in combinations(nodes, 2):
        yield Constraint(first, second, 1 - interval, back=True)
        yield Constraint(second, first, 1 - interval, back=True)


# Memories ---------------------------------------------------------------------------------------


def _memory_order(first: Node, second: Node, interval: int | None) -> Iterator[Constraint]:
    """`first` comes before `second` in the program; both access one bank."""
    kinds = first.operation, second.operation
    if kinds == ("load", "load"):
        return
    storage = _storage(first)
    apart = exclusive(first.operands[0], second.operands[0])
    one_port = kinds == ("store", "store") and storage.kind != "register"
    if one_port and interval == 1 and not apart:
        raise HlsError(
            "memory-ports",
            f"{storage.memory.name} is written here and at {first.location} in one iteration, "
            "but a bank has one write port; partition the array, or write it once",
            second.location,
        )
    declared = storage.memory.no_dependence
    meet = not apart and "intra" not in declared and _may_meet(first, second, 0)
    if kinds == ("load", "store"):
        if meet:
            yield Constraint(first, second, 0)
    elif kinds == ("store", "load"):
        if meet:
            yield Constraint(first, second, 1)
    elif not apart:
        yield Constraint(first, second, 1 if one_port else 0)
    if interval is None:
        return
    if kinds == ("store", "store"):
        yield from _together([first, second], interval)
        return
    if "inter" in declared:
        return
    for earlier, later in ((first, second), (second, first)):
        # `earlier` of one iteration, `later` of an iteration behind it.
        raw = earlier.operation == "store" and later.operation == "load"
        least = max(1, storage.memory.distance if raw else 1)
        distance = next((k for k in range(least, WINDOW) if _may_meet(earlier, later, k)), None)
        if distance is not None:
            lag = 1 if earlier.operation == "store" else 0
            yield Constraint(earlier, later, lag - distance * interval, back=True)


def explain(nodes: list[Node], interval: int) -> HlsError:
    """Why these nodes, which depend on one another, fit in no `interval` cycles."""
    loads = [node for node in nodes if node.operation == "load"]
    stores = [node for node in nodes if node.operation == "store"]
    for load in loads:
        for store in stores:
            if load.memory is store.memory and load.bank == store.bank:
                name = _storage(load).memory.name
                return HlsError(
                    "memory-recurrence",
                    f"an iteration writes {name} (at {store.location}) later than the next one "
                    f"reads it, so iterations cannot start every {_cycles(interval)}; forward "
                    "the value in a register and declare `DEPENDENCE variable="
                    f"{name} type=inter dependent=false`, or raise II",
                    load.location,
                )
    reasons = {"load": "a memory read", "mul": "a multiplication", "call": "a module function"}
    slow = [node for node in nodes if node.latency and node.operation in reasons]
    variables = sorted({node.name for node in nodes if node.operation == "phi" and node.name})
    what = " and ".join(dict.fromkeys(reasons[node.operation] for node in slow)) or "its logic"
    place = next((x.location for x in (*slow, *nodes) if x.location is not None), None)
    return HlsError(
        "recurrence",
        f"the next iteration needs {', '.join(variables) or 'a value'} within "
        f"{_cycles(interval)}, which {what} in its computation does not allow; compute it from "
        "earlier values, or raise II",
        place,
    )


def _cycles(count: int) -> str:
    return "cycle" if count == 1 else f"{count} cycles"


# Addresses --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Affine:
    """(base + offset) modulo 2^bits; the base is None for a constant."""

    base: Node | None
    offset: int
    bits: int


def _affine(node: Node) -> _Affine:
    while node.operation in ("zext", "sext"):
        node = node.operands[0]
    bits, offset = node.width, 0
    while True:
        bits = min(bits, node.width)
        operands = node.operands
        if node.operation == "constant":
            return _Affine(None, offset + node.value, bits)
        if node.operation in ("add", "sub") and operands[1].operation == "constant":
            offset += operands[1].value * (1 if node.operation == "add" else -1)
        elif not (node.operation == "trunc" or (node.operation == "slice" and node.start == 0)):
            return _Affine(node, offset, bits)
        node = operands[0]


def _stride(base: Node, bits: int) -> int | None:
    """How much a loop counter grows per iteration, modulo 2^bits."""
    if base.operation != "phi":
        return None
    after = _affine(base.operands[1])
    return after.offset if after.base is base and after.bits >= bits else None


def _may_meet(earlier: Node, later: Node, iterations: int) -> bool:
    """The address of `later`, so many iterations on, may equal that of `earlier`."""
    first, second = _affine(earlier.operands[1]), _affine(later.operands[1])
    bits = min(first.bits, second.bits)
    if first.base is not second.base or first.bits != second.bits:
        return True
    difference = second.offset - first.offset
    if first.base is not None and iterations:
        stride = _stride(first.base, bits)
        if stride is None:
            return True
        difference += iterations * stride
    return difference % (1 << bits) == 0
