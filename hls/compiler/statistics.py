"""What a generated module costs and how fast it is, as far as can be told without synthesis."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .graph import ModuleFunction, Node, Region, Storage
from .ir import Location
from .schedule import ready_stage
from .timing import LUT, dsp_blocks, multiplier_latency, signed_bits
from .waits import holds_up


@dataclass(frozen=True)
class Multiplier:
    """A product; widths of its factors as signed numbers, the wider one first."""

    widths: tuple[int, int]
    dsp: int
    latency: int
    location: Location | None


@dataclass(frozen=True)
class MemoryUse:
    """An array: `kind` as in `graph.Storage`; every bank exists `copies` times."""

    name: str
    kind: str
    width: int
    depth: int
    banks: int
    copies: int
    location: Location | None


@dataclass(frozen=True)
class RegionStatistics:
    """A loop (or straight-line code, with an interval of 0) and its number of stages."""

    name: str
    pipelined: bool
    interval: int
    stages: int
    location: Location | None


@dataclass(frozen=True)
class Statistics:
    """Of one module, without the modules inside it.

    Attributes:
        latency: clock edges from an iteration's start to its last effect; the longest region's.
            Of a module function, from inputs to results.
        register_bits: without those inside memories, queues and instances.
        instances: module function -> how many.
        queues: output stream -> words of its queue.
        enable_fan_out: the most register bits that one valid bit enables.
        slowest_ns: estimate for the slowest stage; slowest_location: of the logic it ends in.
        warnings: sentences, with their place in the source.
    """

    regions: tuple[RegionStatistics, ...]
    latency: int
    register_bits: int
    multipliers: tuple[Multiplier, ...]
    memories: tuple[MemoryUse, ...]
    instances: Mapping[str, int] = field(default_factory=dict)
    queues: Mapping[str, int] = field(default_factory=dict)
    enable_fan_out: int = 0
    slowest_ns: float = 0.0
    slowest_location: Location | None = None
    warnings: tuple[str, ...] = ()

    @property
    def dsp(self) -> int:
        """DSP blocks of the multipliers."""
        return sum(multiplier.dsp for multiplier in self.multipliers)

    @property
    def interval(self) -> int:
        """The longest initiation interval of a loop; 1 without loops."""
        return max((region.interval for region in self.regions), default=1) or 1


def collect(
    regions: Iterable[Region],
    *,
    latency: int,
    register_bits: int,
    storages: Iterable[Storage] = (),
    copies: Mapping[str, int] | None = None,
    queues: Mapping[str, int] | None = None,
    enable_fan_out: int = 0,
) -> Statistics:
    """The numbers of a scheduled and emitted module."""
    regions = list(regions)
    nodes = [node for region in regions for node in region.nodes]
    slowest = max(nodes, key=lambda node: node.delay, default=None)
    slowest_ns, place = (slowest.delay, slowest.location) if slowest else (0.0, None)
    for region in regions:
        start = _start_delay(region)
        if start > slowest_ns:
            slowest_ns, place = start, region.location
    return Statistics(
        regions=tuple(
            RegionStatistics(
                region.name,
                region.pipelined,
                max(1, region.interval) if region.pipelined else 0,
                region.depth,
                region.location,
            )
            for region in regions
        ),
        latency=latency,
        register_bits=register_bits,
        multipliers=tuple(_multiplier(node) for node in nodes if node.operation == "mul"),
        memories=tuple(
            MemoryUse(
                storage.name,
                storage.kind,
                storage.width,
                storage.depth,
                storage.banks,
                (copies or {}).get(storage.name, 1),
                storage.memory.location,
            )
            for storage in storages
        ),
        instances=dict(Counter(node.callee for node in nodes if node.operation == "call")),
        queues=dict(queues or {}),
        enable_fan_out=enable_fan_out,
        slowest_ns=slowest_ns,
        slowest_location=place,
        warnings=tuple(warning for region in regions for warning in region.warnings),
    )


def of_function(function: ModuleFunction, register_bits: int) -> Statistics:
    """Of a module function."""
    storages = {x.memory.name: x.memory for x in function.region.nodes if x.memory is not None}
    return collect(
        [function.region],
        latency=function.latency,
        register_bits=register_bits,
        storages=storages.values(),
    )


def _multiplier(node: Node) -> Multiplier:
    narrow, wide = sorted(signed_bits(operand) for operand in node.operands)
    return Multiplier((wide, narrow), dsp_blocks(node), multiplier_latency(node), node.location)


def _start_delay(region: Region) -> float:
    """When it is known that an iteration starts: predicates, handshakes, one more gate each."""
    accesses = [
        node
        for node in region.effects
        if node.operation in ("read", "write") and holds_up(region, node.operation, node.port)
    ]
    early = [x.delay for x in (node.operands[0] for node in accesses) if ready_stage(x) == 0]
    reads = [node.delay for node in accesses if node.operation == "read"]
    levels = 1 + (len({node.port for node in accesses}) > 2)
    return max([*early, *reads[:1]], default=0.0) + levels * LUT
