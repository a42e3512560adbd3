"""What a network costs on a design: cycles by instruction and layer, and what bounds them.

The names of the dictionaries are FINN's (its analysis passes `exp_cycles_per_layer` and
`dataflow_performance`, its report of a build), so that numbers can be put side by side.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.host.program import Plan, Program
from m3vit.model.cost import expert_loads, run_macs
from m3vit.model.reference import TaskRun
from m3vit.model.shape import Shape

from .pipeline import Usage
from .state import Routing, Step
from .timing import BEAT_BYTES, Ddr, Delays
from .walk import Walk

ARRAY = "array"
MHZ = 1e6


@dataclass(frozen=True)
class Part:
    """Some instructions in a row, and what the array did meanwhile.

    Attributes:
        name: "embedding", "layers.0.attention", "layers.1.experts", ..., "head".
        usage: cycles in which it multiplied, and in which it waited for what.
    """

    name: str
    usage: Usage

    @property
    def cycles(self) -> float:
        """From the end of the part in front."""
        return self.usage.cycles

    @property
    def bound(self) -> str:
        """What takes most of its cycles: "array", or a cause of waiting."""
        return max({ARRAY: self.usage.beats, **self.usage.waits}.items(), key=lambda item: item[1])[
            0
        ]


@dataclass(frozen=True)
class Estimate:
    """A program on a design.

    Attributes:
        design: of the hardware.
        cycles: from start to done.
        parts: of the network, in order; their cycles add up to `cycles`.
        steps: instructions.
        macs: useful multiply-accumulates, without padding; 0 if not known.
        weight_bytes, data_bytes, store_bytes, program_bytes: to and from memory.
    """

    design: DesignConfig
    cycles: int
    parts: tuple[Part, ...]
    steps: tuple[Step, ...]
    macs: int
    weight_bytes: int
    data_bytes: int
    store_bytes: int
    program_bytes: int

    @property
    def ddr_bytes(self) -> int:
        """All that moves between memory and the engine."""
        return self.weight_bytes + self.data_bytes + self.store_bytes + self.program_bytes

    @property
    def milliseconds(self) -> float:
        """At the design's clock."""
        return self.cycles / (self.design.clock_mhz * 1e3)

    @property
    def macs_per_cycle(self) -> float:
        """Useful ones, over the whole program."""
        return self.macs / self.cycles

    @property
    def usage(self) -> Usage:
        """Of all parts."""
        total = Usage()
        for part in self.parts:
            total.add(part.usage)
        return total

    def exp_cycles_per_layer(self) -> dict[str, int]:
        """Cycles of every part."""
        return {part.name: round(part.cycles) for part in self.parts}

    def dataflow_performance(self) -> dict[str, Any]:
        """Latency, slowest part and throughput; one image is under way at a time."""
        slowest = max(self.parts, key=lambda part: part.cycles)
        return {
            "critical_path_cycles": self.cycles,
            "max_cycles": round(slowest.cycles),
            "max_cycles_node_name": slowest.name,
            "estimated_latency_ns": self.milliseconds * 1e6,
            "estimated_throughput_fps": 1e3 / self.milliseconds,
        }


def estimate(
    plan: Plan,
    task: str,
    loads: NDArray[np.int64] | None = None,
    *,
    program: Program | None = None,
    ddr: Ddr | None = None,
    used: Mapping[int, Collection[int]] | None = None,
    delays: Delays | None = None,
) -> Estimate:
    """Estimate a program of a plan, in milliseconds of run time.

    Args:
        plan: of a model on a design.
        task: whose image program it is, if `program` does not say otherwise.
        loads: (MoE layers x tiles, E) tokens in the queue of each expert, layer by layer; evenly
            spread by default.
        program: another one of the plan.
        ddr: the memory.
        used: see `State.used`.
        delays: of the hardware; those of the design by default.

    Raises:
        UserError: no such task.
    """
    name = plan.model.task(task).name
    chosen = program or plan.programs[name]
    if loads is None:
        loads = even_loads(plan, name)
    first, last = plan.model.task(name).experts
    routing: Routing = [[int(count) for count in row[first:last]] for row in loads]
    mixtures = sum(item.name == "EXPERTS" for item in chosen.instructions)
    walk = Walk(
        plan.design,
        chosen.instructions,
        routing[len(routing) - mixtures :],
        ddr or Ddr(),
        used or {},
        delays,
    )
    steps = walk.run()
    whole = chosen in (plan.programs[name], plan.traced[name])
    return Estimate(
        design=plan.design,
        cycles=round(walk.time),
        parts=_parts(steps, chosen),
        steps=tuple(steps),
        macs=run_macs(Shape.from_compiled(plan.model), name, loads) if whole else 0,
        weight_bytes=walk.loader.bytes,
        data_bytes=walk.data.bytes,
        store_bytes=walk.stores.bytes,
        program_bytes=2 * BEAT_BYTES * len(chosen.instructions),
    )


def even_loads(plan: Plan, task: str) -> NDArray[np.int64]:
    """Queues as long as each other, as nearly as possible; (MoE layers x tiles, E)."""
    network, chosen = plan.model.network, plan.model.task(task)
    first, last = chosen.experts
    kept = min(network.experts_per_token, last - first)
    rows = np.zeros((len(plan.tiles), network.num_experts), np.int64)
    for row, tile in zip(rows, plan.tiles, strict=True):
        picks = tile.rows * kept
        row[first:last] = picks // (last - first)
        row[first : first + picks % (last - first)] += 1
    return np.tile(rows, (len(network.moe_layers), 1))


def run_loads(plan: Plan, run: TaskRun) -> NDArray[np.int64]:
    """Queue lengths of a run, (MoE layers x tiles, E), in the order of the program."""
    chosen = [layer.experts[tile.first : tile.end] for layer in run.routing for tile in plan.tiles]
    return expert_loads(chosen, plan.model.network.num_experts)


def last_used(plan: Plan, task: str, loads: NDArray[np.int64]) -> dict[int, list[int]]:
    """What the engine guesses for the image behind a run; see `State.used`.

    Args:
        plan: of the run. task: that it computed.
        loads: of the run, (MoE layers x tiles, E).
    """
    program = plan.programs[task]
    slots = dict.fromkeys(item["slot"] for item in program.instructions if item.name == "EXPERTS")
    first, last = plan.model.task(task).experts
    tiles = len(plan.tiles)
    rows = loads[tiles - 1 :: tiles, first:last]  # the last tile's are remembered
    return {
        slot: [int(expert) for expert in np.flatnonzero(row)]
        for slot, row in zip(slots, rows, strict=True)
    }


def _parts(steps: list[Step], program: Program) -> tuple[Part, ...]:
    """Tiles of a part may stand between those of others."""
    usages: dict[str, Usage] = {}
    for step, name in zip(steps, program.parts, strict=True):
        usages.setdefault(name, Usage()).add(step.usage)
    return tuple(Part(name, usage) for name, usage in usages.items())
