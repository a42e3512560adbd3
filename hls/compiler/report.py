"""What a design costs and how fast it is, told without synthesis: one entry per module."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .ir import Location, Network
from .statistics import MemoryUse, Statistics

PROVENANCE = "estimated by the compiler before synthesis; nothing was placed or routed"

_BLOCK_RAM_SHAPES = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))
_URAM_WIDTH, _URAM_DEPTH = 72, 4096


@dataclass(frozen=True)
class Loop:
    """A pipelined loop: an iteration every `interval` cycles, through `stages` stages."""

    name: str
    interval: int
    stages: int
    location: str


@dataclass(frozen=True)
class MemoryReport:
    """An array: `kind` is lutram, bram, uram or rom; `blocks` RAMB18 or URAM288, else 0."""

    name: str
    kind: str
    width: int
    depth: int
    banks: int
    copies: int
    blocks: int
    location: str


@dataclass(frozen=True)
class ModuleReport:
    """One module, without those that it instantiates.

    Attributes:
        kind: "process", "function" or "network".
        interval: cycles between iterations, the longest of its loops; None for a network.
        latency: clock edges from an iteration's start to its last effect.
        registers: bits outside memories and queues.
        multipliers: products. dsp: DSP blocks that they take.
        queues: name -> (bits of a word, words).
        instances: module -> how many it holds.
        enable_fan_out: the most register bits behind one enable.
        slowest_ns: estimated critical operation, with `slowest_at` its line in C++.
    """

    name: str
    kind: str
    interval: int | None = None
    latency: int | None = None
    registers: int = 0
    multipliers: int = 0
    dsp: int = 0
    memories: tuple[MemoryReport, ...] = ()
    queues: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    instances: Mapping[str, int] = field(default_factory=dict)
    enable_fan_out: int = 0
    slowest_ns: float = 0.0
    slowest_at: str = ""
    loops: tuple[Loop, ...] = ()
    warnings: tuple[str, ...] = ()

    def blocks(self, kind: str) -> int:
        """RAMB18 ("bram") or URAM288 ("uram") of its arrays."""
        return sum(memory.blocks for memory in self.memories if memory.kind == kind)

    def bits(self, kind: str) -> int:
        """Bits of its arrays of one kind, copies included."""
        return sum(
            memory.width * memory.depth * memory.banks * memory.copies
            for memory in self.memories
            if memory.kind == kind
        )


@dataclass(frozen=True)
class DesignReport:
    """All modules of a design, callees first, and what the whole takes.

    Attributes:
        source: the C++ file. top: its function.
        clock_ns: target. budget_ns: the part of it that the compiler fills.
        tools: what the numbers depend on, with versions.
    """

    source: str
    top: str
    clock_ns: float
    budget_ns: float
    tools: Mapping[str, str]
    modules: tuple[ModuleReport, ...]

    def counts(self) -> dict[str, int]:
        """How often each module exists in the whole design."""
        counts: Counter[str] = Counter({self.modules[-1].name: 1})
        for module in reversed(self.modules):
            for name, number in module.instances.items():
                counts[name] += number * counts[module.name]
        return dict(counts)

    def total(self) -> dict[str, int]:
        """Sums over the design, and the largest enable fan-out."""
        counts = self.counts()
        sums: Counter[str] = Counter()
        for module in self.modules:
            number = counts[module.name]
            sums["registers"] += number * module.registers
            sums["multipliers"] += number * module.multipliers
            sums["dsp"] += number * module.dsp
            sums["ramb18"] += number * module.blocks("bram")
            sums["uram"] += number * module.blocks("uram")
            sums["lutram_bits"] += number * module.bits("lutram")
            sums["rom_bits"] += number * module.bits("rom")
            sums["queue_bits"] += number * sum(
                width * depth for width, depth in module.queues.values()
            )
        largest = max(module.enable_fan_out for module in self.modules)
        return {**sums, "enable_fan_out": largest}

    @property
    def slowest(self) -> ModuleReport:
        """The module with the slowest stage."""
        return max(self.modules, key=lambda module: module.slowest_ns)

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return {
            "provenance": PROVENANCE,
            **{key: value for key, value in asdict(self).items() if key != "modules"},
            "total": self.total(),
            "slowest_ns": self.slowest.slowest_ns,
            "slowest_at": self.slowest.slowest_at,
            "modules": [asdict(module) for module in self.modules],
        }


def of_module(
    name: str, kind: str, statistics: Statistics, output_widths: Mapping[str, int]
) -> ModuleReport:
    """A process or function.

    Args:
        name: of the module. kind: "process" or "function".
        statistics: what emission counted.
        output_widths: bits of its output streams.
    """
    return ModuleReport(
        name=name,
        kind=kind,
        interval=statistics.interval,
        latency=statistics.latency,
        registers=statistics.register_bits,
        multipliers=len(statistics.multipliers),
        dsp=statistics.dsp,
        memories=tuple(_memory(memory) for memory in statistics.memories),
        queues={
            stream: (output_widths[stream], depth) for stream, depth in statistics.queues.items()
        },
        instances=dict(statistics.instances),
        enable_fan_out=statistics.enable_fan_out,
        slowest_ns=round(statistics.slowest_ns, 3),
        slowest_at=_place(statistics.slowest_location),
        loops=tuple(
            Loop(region.name, region.interval, region.stages, _place(region.location))
            for region in statistics.regions
            if region.pipelined
        ),
        warnings=statistics.warnings,
    )


def of_network(network: Network, queues: Mapping[str, tuple[int, int]]) -> ModuleReport:
    """A network; `queues` are those of its channels that need one: (bits, words)."""
    instances = Counter(instance.function for instance in network.instances)
    return ModuleReport(network.name, "network", queues=dict(queues), instances=dict(instances))


def _memory(memory: MemoryUse) -> MemoryReport:
    blocks = 0
    if memory.kind == "bram":
        blocks = _ramb18(memory.width, memory.depth)
    elif memory.kind == "uram":
        blocks = -(-memory.width // _URAM_WIDTH) * -(-memory.depth // _URAM_DEPTH)
    return MemoryReport(
        memory.name,
        memory.kind,
        memory.width,
        memory.depth,
        memory.banks,
        memory.copies,
        blocks * memory.banks * memory.copies,
        _place(memory.location),
    )


def _ramb18(width: int, depth: int) -> int:
    """Half block RAMs, all used in the one shape that needs fewest."""
    return min(-(-width // wide) * -(-depth // deep) for wide, deep in _BLOCK_RAM_SHAPES)


def _place(location: Location | None) -> str:
    return str(location) if location else ""
