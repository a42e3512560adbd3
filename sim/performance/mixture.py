"""Instructions of layers with experts: GATE, EXPERTS."""

from m3vit.hls.isa import Instruction

from .memory import Arrival
from .pipeline import RESULTS, SEQUENCER
from .rows import LAYER_NORM
from .state import State
from .timing import BEAT_BYTES

GATE, ROUTING = "gate", "routing"


class Mixture(State):
    """These instructions in the cycle model."""

    def _gate(self, i: Instruction) -> None:
        tokens = self.design.array_tokens // 2
        chunk = self._chunk(i, parameters=False)
        issued = self._sequenced()
        weights = self.loader.take(chunk, self.issued).last + self.t.weights
        _, rules = self.data.take(-(-i["experts"] // 2), self.issued, per_beat=2)
        # Its blocks go between those of the projection in front, as far as their rows are there.
        pipe, usage = self.pipe, self.step.usage
        free, last, beats = 0.0, rules, i["groups"] * i["beats"]
        blocks = range(0, i["rows"], tokens)
        for first in blocks:
            count = min(tokens, i["rows"] - first)
            ready = max(issued, self.norm_rows[first + count - 1] + self.t.gate_rows)
            free = max(free, ready + 2 * count * i["words"] + self.t.tiles, weights) + beats
            cycles = max(2 * count * i["groups"], 1 + count * i["experts"])
            last = max(last, free + self.t.sums) + cycles
        before = pipe.array
        usage.beats += beats * len(blocks)
        pipe.array = max(before + beats * len(blocks), free)
        usage.wait(LAYER_NORM, pipe.array - before - beats * len(blocks))
        pipe.filled = max(pipe.filled, pipe.array)
        self.loader.release(chunk, pipe.array)
        held = i["experts"] * (1 if i["groups"] == 1 else tokens)
        self.picks = last + self.t.gate + held
        self.step.macs = 2 * i["rows"] * i["groups"] * i["beats"]
        stored = -(-i["pick_count"] * 8 // BEAT_BYTES)
        self.time = max(self.time, self.stores.take(stored, self.picks - 1, self.picks))

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
            if expert not in self.guesses.get(i["slot"], ()):
                continue
            room = self.loader.room(up.tiles + down.tiles, up.parameters + down.parameters)
            if room is None or max(room, self.loader.now, self.issued + self.t.request) >= known:
                break
            guessed[expert] = (
                self.loader.take(up, self.issued),
                self.loader.take(down, self.issued),
            )
        later = [e for e in experts if queues[e] and e not in guessed]
        self.guesses[i["slot"]] = {expert for expert in experts if queues[expert]}
        residual = self._residual(i)
        may_write = residual.begin_write(ROUTING)
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
        residual.end_write(last + self.t.residual)
        self.time = max(self.time, last)
