"""The cycle model: walks through a program as the engine's units do, block by block.

Nothing is stepped: for every block it is worked out when its operands are there, when the array
takes it, and when its results can be read, from the same facts about the block in front.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import (
    INSTRUCTION_BYTES,
    KEY_VALUE_DOMAIN,
    RESIDUAL_DOMAIN,
    TO_MEMORY,
    TO_RESIDUAL,
    TO_TOKENS,
    WIDE_MEMORY,
    Instruction,
)

from .memory import Arrival, Bus, Chunk, DataLoader, StoreUnit, WeightLoader
from .order import Access, Port
from .pipeline import RESULTS, SEQUENCER, SOFTMAX, Pipeline, Usage
from .timing import BEAT_BYTES, Ddr, Delays, delays_of

LAYER_NORM, GATE, ROUTING, IMAGE, TABLE, END = (
    "LayerNorm",
    "gate",
    "routing",
    "image",
    "table",
    "end",
)
ATTENTION_LEAD = 2

Routing = Sequence[Sequence[int]]
"""Queue lengths of the experts of every EXPERTS, in program order."""


@dataclass
class Step:
    """What an instruction costs.

    Attributes:
        position: in the program. name: of the instruction.
        usage: of the array.
        macs: that were useful.
        begin, end: first and last cycle in the array; the same if it does not use it.
    """

    position: int
    name: str
    usage: Usage = field(default_factory=Usage)
    macs: int = 0
    begin: float = 0.0
    end: float = 0.0


@dataclass
class Walk:
    """A program in the cycle model. Call `run` once.

    Args:
        design: of the hardware.
        instructions: from BEGIN to END.
        routing: see `Routing`.
        ddr: the memory.
        used: slot -> experts used last time, counted from the instruction's first one; all of them
            for a slot that is missing, as after reset.
        delays: of the hardware.
    """

    design: DesignConfig
    instructions: Sequence[Instruction]
    routing: Routing
    ddr: Ddr = field(default_factory=Ddr)
    used: Mapping[int, Iterable[int]] = field(default_factory=dict)
    delays: Delays | None = None

    def run(self) -> list[Step]:
        """Costs of all instructions; `time` is the end of the program."""
        design = self.design
        self.t = self.delays or delays_of(design)
        self.bus = Bus()
        self.loader = WeightLoader(design, self.ddr, self.t, self.bus)
        self.data = DataLoader(design, self.ddr, self.t, self.bus)
        self.stores = StoreUnit(self.ddr, self.t)
        self.pipe = Pipeline(design, self.t)
        self.domains = [Access() for _ in range(8)]
        self.residual = self.domains[RESIDUAL_DOMAIN]
        self.port = Port()
        self.normed = 0.0
        self.norm_rows: list[float] = []
        self.table_ready = 0.0
        self.picks = 0.0
        self.routed = 0
        self.context_begin = 0.0
        self.contexts: list[Callable[[], None]] = []
        self.time = 0.0
        self.issued = self.t.start - self.t.issue
        self.data.contended_until = self._prefetched()
        fetch = self.t.issue * len(self.instructions)
        self.bus.busy.append((self.issued, self.issued + fetch, INSTRUCTION_BYTES / self.t.issue))
        steps = []
        for position, instruction in enumerate(self.instructions):
            self.step = Step(position, instruction.name)
            self.issued += self.t.issue
            if instruction.name == "LOAD":
                self.issued = max(self.issued, self.stores.acknowledged)
            following = self.instructions[position + 1 : position + 2]
            self.last_head = not following or following[0].name != "ATTENTION"
            before = self.pipe.array
            getattr(self, f"_{instruction.name.lower()}")(instruction)
            self.step.begin, self.step.end = before, self.pipe.array
            steps.append(self.step)
        return steps

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

    def _chunks(self, instruction: Instruction) -> list[Chunk]:
        """What an instruction may fetch."""
        if instruction.name == "MATMUL":
            return [self._chunk(instruction)] * instruction["chunks"]
        if instruction.name == "GATE":
            return [self._chunk(instruction, parameters=False)]
        if instruction.name == "EXPERTS":
            return list(self._expert_chunks(instruction)) * instruction["experts"]
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

    # Instructions --------------------------------------------------------------------------------

    def _begin(self, _: Instruction) -> None:
        pass

    def _image(self, i: Instruction) -> None:
        per_beat = BEAT_BYTES / min(BEAT_BYTES, self.design.lanes)
        first, last = self.data.take(i["beats"], self.issued, per_beat=per_beat)
        domain = self.domains[i["domain"]]
        time = max(domain.begin_write(IMAGE), first)
        steps = i["channels"] * i["patch_size"] * -(-i["patch_size"] // i["columns"])
        cut = max(steps, i["words"])
        for strip in range(i["strips"]):
            time = max(time, first + (last - first) * (strip + 1) / i["strips"] + 4)
            for _ in range(i["patches"]):
                time += cut
                domain.finish_rows(1, time + self.t.norm_rows)
        domain.end_write(time + self.t.norm_rows)

    def _load(self, i: Instruction) -> None:
        per_beat = max(1.0, BEAT_BYTES / (2 * self.design.lanes))
        begin = self.residual.begin_write("LOAD")
        first, last = self.data.take(i["beats"], self.issued, per_beat=per_beat)
        last = max(last, begin + i["rows"] * i["words"])
        for row in range(i["rows"]):
            time = first + (last - first) * (row + 1) / i["rows"]
            self.residual.finish_rows(1, max(time, begin) + self.t.residual)
        self.residual.end_write(last + self.t.residual)

    def _rows(self, i: Instruction) -> Iterable[tuple[float, float]]:
        """Reads residual rows: begin and end of each."""
        end = max(self.normed, self.issued + 10)
        for row in range(i["rows"]):
            begin = max(end, self.residual.readable(i["first"] + 1 + row))
            end = self.port.advance(begin, i["words"])
            yield begin, end
        self.normed = end
        self.residual.read = max(self.residual.read, end)

    def _store(self, i: Instruction) -> None:
        times = list(self._rows(i))
        last = self.stores.take(i["beats"], times[0][0] + 12, times[-1][1] + 12)
        self.time = max(self.time, last)

    def _norm(self, i: Instruction) -> None:
        words = i["words"]
        if not i["raw"]:
            self.data.take(i["parameter_beats"], self.issued)
        delay = 4 if i["raw"] else self.t.norm + words
        domain = self.domains[i["domain"]] if i["codes"] else None
        begin = domain.begin_write(LAYER_NORM) if domain else 0.0
        done, self.norm_rows = 0.0, []
        for _, end in self._rows(i):
            done = max(done + words, end + delay, begin + words)
            self.norm_rows.append(done)
            if domain:
                domain.finish_rows(1, done + self.t.norm_rows)
        if domain:
            domain.end_write(done + self.t.norm_rows)
        if i["wide"] == WIDE_MEMORY:
            last = self.stores.take(i["store_beats"], self.norm_rows[0], done)
            self.time = max(self.time, last)

    def _table(self, _: Instruction) -> None:
        begin = max(self._sequenced(), self.table_ready)
        _, last = self.data.take(self.t.table // BEAT_BYTES, self.issued, per_beat=BEAT_BYTES)
        self.table_ready = max(begin + self.t.table, last)

    def _matmul(self, i: Instruction) -> None:
        destination, rows, groups, beats = i["destination"], i["rows"], i["groups"], i["beats"]
        source = self.domains[i["domain"]]
        target = None
        to_tokens = destination == TO_TOKENS
        if to_tokens:
            target, delay = self.domains[i["to_domain"]], self.t.tokens
            delay += self.t.activation if i["activate"] else 0
        elif destination == TO_RESIDUAL:
            target, delay = self.residual, self.t.residual
        elif destination != TO_MEMORY:
            target, delay = self.domains[KEY_VALUE_DOMAIN], self.t.key_values
        may_write = target.begin_write(RESULTS) if target else 0.0
        activated = to_tokens and i["activate"]
        gap = self.t.residual_gap if target is self.residual else 0
        issued = self._sequenced()
        last = 0.0
        first_result = None
        for number in range(i["chunks"]):
            chunk = self._chunk(i)
            arrival: Arrival | None = self.loader.take(chunk, self.issued)
            for first, count in self._blocks(rows):
                ready = max(issued, source.readable(first + count))
                before = self.pipe.array
                writable = max(may_write, self.table_ready if activated else 0.0)
                cause = source.writer
                last = self._product(
                    count, i["words"], groups, beats, ready, cause, arrival,
                    may_write=writable, gap=gap,
                    gap_cause=TABLE if activated and self.table_ready > may_write else RESULTS,
                )  # fmt: skip
                first_result = first_result or last
                arrival = None
                if target is not None and number == i["chunks"] - 1:
                    target.finish_rows(count, last + delay)
                if target is self.residual:
                    self._busy(before, last, count * groups)
            self.loader.release(chunk, self.pipe.array)
        source.read = max(source.read, self.pipe.filled)
        self.step.macs = rows * groups * i["chunks"] * beats
        if target is not None:
            target.end_write(last + delay)
        else:
            last = self.stores.take(i["store_beats"], first_result or 0.0, last + self.t.memory)
        self.time = max(self.time, last)

    def _busy(self, before: float, last: float, words: int) -> None:
        """The residual memory's read port is taken for a share of a block's time."""
        begin = max(
            self.port.windows[-1][1] if self.port.windows else 0.0,
            last - (self.pipe.array - before),
        )
        span = max(last - begin, words)
        self.port.windows.append((last - span, last, max(1e-3, 1 - words / span)))

    def _attention(self, i: Instruction) -> None:
        queries, values = self.domains[i["domain"]], self.domains[KEY_VALUE_DOMAIN]
        contexts = self.domains[i["to_domain"]]
        issued = self._sequenced()
        rows, groups, beats = i["rows"], i["key_groups"], i["beats"]
        panel_words = -(-groups * self.design.lanes // self.design.panel_lanes)
        blocks = self._blocks(rows)
        for first, count in blocks:
            if len(self.contexts) > ATTENTION_LEAD:
                self.contexts.pop(0)()
            ready = max(issued, queries.readable(first + count))
            self.pipe.fill(count * i["words"], ready)
            start = self.pipe.multiply(
                self.step.usage, groups, beats,
                cause=queries.writer, ready=ready + count * i["words"], operands=values.settled,
            )  # fmt: skip
            weights = self.pipe.soften(self.step.usage, start, count, groups, beats)
            last = first + count == rows
            self.contexts.append(
                self._context(i, contexts, count, panel_words, weights, first == 0, last)
            )
        queries.read = max(queries.read, self.pipe.filled)
        self.step.macs = rows * (groups * beats + i["value_groups"] * i["value_beats"])
        if self.last_head:
            while self.contexts:
                self.contexts.pop(0)()

    def _context(
        self,
        i: Instruction,
        target: Access,
        rows: int,
        words: int,
        weights: float,
        begins: bool,
        ends: bool,
    ) -> Callable[[], None]:
        """The block that takes the weights, later."""
        groups, beats = i["value_groups"], i["value_beats"]

        def run() -> None:
            pipe, usage = self.pipe, self.step.usage
            if begins:
                self.context_begin = target.begin_write(SOFTMAX)
            pipe.fill(rows * words, 0.0)
            softened = weights + self.t.panel_weights
            pipe.filled = max(pipe.filled, softened)
            start = pipe.multiply(usage, groups, beats, cause=SOFTMAX, ready=softened)
            _, last = pipe.deliver(
                usage, start, rows, groups, beats, ready=self.context_begin - self.t.path
            )
            done = last + self.t.context
            target.finish_rows(rows, done)
            if ends:
                target.end_write(done)
                values = self.domains[KEY_VALUE_DOMAIN]
                values.read = max(values.read, pipe.array)

        return run

    def _gate(self, i: Instruction) -> None:
        tokens = self.design.array_tokens // 2
        chunk = self._chunk(i, parameters=False)
        issued = self._sequenced()
        arrival: Arrival | None = self.loader.take(chunk, self.issued)
        _, rules = self.data.take(-(-i["experts"] // 2), self.issued, per_beat=2)
        pipe, usage = self.pipe, self.step.usage
        last = 0.0
        for first in range(0, i["rows"], tokens):
            count = min(tokens, i["rows"] - first)
            ready = max(issued, self.norm_rows[first + count - 1] + self.t.gate_rows)
            pipe.fill(2 * count * i["words"], ready)
            start = pipe.multiply(
                usage, i["groups"], i["beats"],
                cause=LAYER_NORM, ready=ready + 2 * count * i["words"], weights=arrival,
            )  # fmt: skip
            arrival = None
            _, last = pipe.deliver(
                usage, start, 2 * count, i["groups"], i["beats"],
                cycles=max(2 * count * i["groups"], 1 + count * i["experts"]),
                ready=rules if first == 0 else 0.0, cause=GATE,
            )  # fmt: skip
        self.loader.release(chunk, pipe.array)
        held = i["experts"] * (1 if i["groups"] == 1 else tokens)
        self.picks = last + self.t.gate + held
        self.step.macs = 2 * i["rows"] * i["groups"] * i["beats"]
        beats = -(-i["pick_count"] * 8 // BEAT_BYTES)
        self.time = max(self.time, self.stores.take(beats, self.picks - 1, self.picks))

    def _experts(self, i: Instruction) -> None:
        queues = self.routing[self.routed]
        self.routed += 1
        experts = range(i["experts"])
        if len(queues) != i["experts"]:
            raise ValueError(f"{len(queues)} queues for {i['experts']} experts")
        up, down = self._expert_chunks(i)
        source, hidden = self.domains[i["domain"]], self.domains[i["hidden_domain"]]
        known = self.picks + self.t.route
        issued = max(self._sequenced(), known + 2 * len(queues) + self.t.queues)
        # What is fetched before the lengths of the queues are known.
        guessed: dict[int, tuple[Arrival, Arrival]] = {}
        for expert in experts:
            if expert not in self.used.get(i["slot"], experts):
                continue
            room = self.loader.room(up.tiles + down.tiles, up.parameters + down.parameters)
            if room is None or max(room, self.loader.now, self.issued + self.t.request) >= known:
                break
            guessed[expert] = (
                self.loader.take(up, self.issued),
                self.loader.take(down, self.issued),
            )
        later = [e for e in experts if queues[e] and e not in guessed]
        may_write = self.residual.begin_write(ROUTING)
        may_hide = hidden.begin_write(RESULTS)
        last = 0.0
        done_rows = 0
        first_block = True
        order = [*guessed, *later]
        for expert in order:
            length = queues[expert]
            if not length:
                issued += 4
                self.loader.release(up, max(issued, self.pipe.array))
                self.loader.release(down, max(issued, self.pipe.array))
                continue
            if expert in guessed:
                arrivals = guessed[expert]
            else:
                counted = known + len(queues) + 3
                arrivals = (
                    self.loader.take(up, counted - self.t.request),
                    self.loader.take(down, counted - self.t.request),
                )
            arrival: Arrival | None = arrivals[0]
            issued += self.t.instruction
            for _, count in self._blocks(length):
                ready = max(issued + self.t.expert, source.settled)
                last = self._product(
                    count, i["up_words"], i["up_groups"], i["up_beats"], ready,
                    ROUTING if first_block else SEQUENCER, arrival,
                    may_write=max(may_hide, self.table_ready),
                )  # fmt: skip
                arrival, first_block = None, False
                hidden.finish_rows(count, last + self.t.tokens + self.t.activation)
            self.loader.release(up, self.pipe.array)
            hidden.settled = last + self.t.tokens + self.t.activation
            arrival = arrivals[1]
            rows_before = done_rows
            for first, count in self._blocks(length):
                need = rows_before + first + count
                ready = hidden.readable(need)
                before = self.pipe.array
                last = self._product(
                    count, i["down_words"], i["down_groups"], i["down_beats"], ready, RESULTS,
                    arrival, may_write=may_write, gap=self.t.residual_gap,
                )  # fmt: skip
                arrival = None
            done_rows += length
            self.loader.release(down, self.pipe.array)
        source.read = max(source.read, self.pipe.filled)
        hidden.read = max(hidden.read, self.pipe.filled)
        self.step.macs = sum(queues) * (
            i["up_groups"] * i["up_beats"] + i["down_groups"] * i["down_beats"]
        )
        self.residual.end_write(last + self.t.residual)
        self.time = max(self.time, last)

    def _end(self, _: Instruction) -> None:
        settled = max(access.settled for access in self.domains)
        end = max(self.time, settled, self.stores.acknowledged, self.pipe.array) + self.t.end
        self.step.usage.wait(END, end - self.pipe.array)
        self.time = self.pipe.array = end
