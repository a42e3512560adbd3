"""What the cycle model knows while it walks through a program, and what all instructions share."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import (
    INSTRUCTION_BYTES,
    KEY_VALUE_DOMAIN,
    RESIDUAL_DOMAIN,
    Instruction,
)

from .memory import Arrival, Bus, Chunk, DataLoader, StoreUnit, WeightLoader, Window
from .order import Access, Port
from .pipeline import RESULTS, Pipeline, Usage
from .timing import BEAT_BYTES, YIELDING_PORTS, Ddr, Delays, delays_of

Routing = Sequence[Sequence[int]]
"""Queue lengths of the experts of every EXPERTS, in program order."""


@dataclass
class Step:
    """What an instruction costs.

    Attributes:
        position: in the program. name: of the instruction.
        usage: of the array.
        macs: products of rows and tiles, those with padded channels included.
        begin, end: first and last cycle in the array; the same if it does not use it.
    """

    position: int
    name: str
    usage: Usage = field(default_factory=Usage)
    macs: int = 0
    begin: float = 0.0
    end: float = 0.0


@dataclass
class State:
    """A program in the cycle model.

    Args:
        design: of the hardware.
        instructions: from BEGIN to END.
        routing: see `Routing`.
        ddr: the memory.
        used: slot -> experts used last time, counted from the instruction's first one; none for a
            slot that is missing, as after reset.
        delays: of the hardware.
    """

    design: DesignConfig
    instructions: Sequence[Instruction]
    routing: Routing
    ddr: Ddr = field(default_factory=Ddr)
    used: Mapping[int, Collection[int]] = field(default_factory=dict)
    delays: Delays | None = None

    def __post_init__(self) -> None:
        design = self.design
        self.t = self.delays or delays_of(design)
        self.guesses = {slot: set(experts) for slot, experts in self.used.items()}
        slower = float(YIELDING_PORTS * BEAT_BYTES)
        self.bus = Bus(min(slower, self.ddr.port_rate(design.read_ports)))
        self.loader = WeightLoader(design, self.ddr, self.t, self.bus)
        self.data = DataLoader(design, self.ddr, self.t, self.bus)
        self.stores = StoreUnit(self.ddr, self.t)
        self.pipe = Pipeline(design, self.t)
        self.domains = [Access() for _ in range(KEY_VALUE_DOMAIN + 1)]
        self.port = Port()
        self.step = Step(0, "BEGIN")
        self.normed = 0.0
        self.norm_rows: list[float] = []
        self.table_ready = 0.0
        self.picks = 0.0
        self.routed = 0
        self.last_head = True
        self.context_begin = 0.0
        self.contexts: list[Callable[[], None]] = []
        self.time = 0.0
        self.issued: float = self.t.start - self.t.issue
        self.data.contended_until = self._prefetched()
        fetch = self.t.issue * len(self.instructions)
        rate = INSTRUCTION_BYTES / self.t.issue
        self.bus.busy.append(Window(self.issued, self.issued + fetch, rate, False))

    def _prefetched(self) -> float:
        """Until when weights fill the rings at the start."""
        tiles, words, size = self.design.weight_tiles, self.design.parameter_words, 0
        for instruction in self.instructions:
            for chunk in self._chunks(instruction):
                tiles -= chunk.tiles
                words -= chunk.parameters
                if tiles < 0 or words < 0:
                    break
                size += chunk.bytes
            if tiles < 0 or words < 0:
                break
        rate = self.ddr.bytes_per_cycle - self.data.contended
        return self.t.start + self.ddr.latency + size / min(rate, self.loader.rate)

    def _residual(self, i: Instruction) -> Access:
        """The bank of the residual stream that an instruction belongs to."""
        return self.domains[RESIDUAL_DOMAIN + i["bank"]]

    def _chunks(self, instruction: Instruction) -> list[Chunk]:
        """What an instruction may fetch."""
        if instruction.name == "MATMUL":
            return [self._chunk(instruction)] * instruction["chunks"]
        if instruction.name == "GATE":
            return [self._chunk(instruction, parameters=False)]
        if instruction.name == "EXPERTS":
            guessed = len(self.used.get(instruction["slot"], ()))
            return list(self._expert_chunks(instruction)) * guessed
        return []

    def _chunk(self, i: Instruction, *, parameters: bool = True) -> Chunk:
        return Chunk.of(self.design, i["groups"], i["beats"], parameters=parameters)

    def _expert_chunks(self, i: Instruction) -> tuple[Chunk, Chunk]:
        return (
            Chunk.of(self.design, i["up_groups"], i["up_beats"], parameters=True),
            Chunk.of(self.design, i["down_groups"], i["down_beats"], parameters=True),
        )

    # Blocks --------------------------------------------------------------------------------------

    def _blocks(self, rows: int) -> list[tuple[int, int]]:
        """First row and rows of every block."""
        size = self.design.array_tokens
        return [(first, min(size, rows - first)) for first in range(0, rows, size)]

    def _product(
        self,
        rows: int,
        words: int,
        groups: int,
        beats: int,
        ready: float,
        cause: str,
        arrival: Arrival | None,
        *,
        may_write: float = 0.0,
        gap: int = 0,
        gap_cause: str = RESULTS,
    ) -> float:
        """A block of rows of the token memory; returns its last result."""
        pipe, usage = self.pipe, self.step.usage
        pipe.fill(rows * words, ready)
        start = pipe.multiply(
            usage, groups, beats, cause=cause, ready=ready + rows * words, weights=arrival
        )
        _, last = pipe.deliver(
            usage,
            start,
            rows,
            groups,
            beats,
            ready=may_write - self.t.path,
            slack=gap,
            cause=gap_cause,
        )
        return last

    def _sequenced(self) -> float:
        """When the sequencer can give out an instruction's first block."""
        self.pipe.issued = max(self.pipe.issued + self.t.instruction, self.issued + self.t.sequence)
        return self.pipe.issued
