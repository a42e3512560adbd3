"""Instructions of dense layers and attention: MATMUL, ATTENTION."""

from collections.abc import Callable

from m3vit.hls.isa import (
    KEY_VALUE_DOMAIN,
    TO_MEMORY,
    TO_RESIDUAL,
    TO_TOKENS,
    Instruction,
)

from .memory import Arrival
from .order import Access
from .pipeline import RESULTS, SOFTMAX
from .state import State

TABLE, LOAD = "table", "LOAD"
ATTENTION_LEAD = 5


class Products(State):
    """These instructions in the cycle model."""

    def _matmul(self, i: Instruction) -> None:
        destination, rows, groups, beats = i["destination"], i["rows"], i["groups"], i["beats"]
        source = self.domains[i["domain"]]
        target = None
        to_tokens = destination == TO_TOKENS
        if to_tokens:
            target, delay = self.domains[i["to_domain"]], self.t.tokens
            delay += self.t.activation if i["activate"] else 0
        elif destination == TO_RESIDUAL:
            target, delay = self._residual(i), self.t.residual
        elif destination != TO_MEMORY:
            target, delay = self.domains[KEY_VALUE_DOMAIN], self.t.key_values
        waits_for = LOAD if target and target.writer == LOAD else RESULTS
        may_write = target.begin_write(RESULTS) if target else 0.0
        activated = to_tokens and i["activate"]
        sums = destination == TO_RESIDUAL
        gap = self.t.residual_gap if sums else 0
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
                    gap_cause=TABLE if activated and self.table_ready > may_write else waits_for,
                )  # fmt: skip
                first_result = first_result or last
                arrival = None
                if target is not None and number == i["chunks"] - 1:
                    target.finish_rows(count, last + delay)
                if sums:
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
            pipe.fill(pipe.first_half(rows) * words, 0.0)
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
