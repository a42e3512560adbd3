"""Instructions that move rows: IMAGE, LOAD, STORE, NORM, TABLE."""

from collections.abc import Iterable

from m3vit.hls.isa import WIDE_MEMORY, Instruction

from .state import State
from .timing import BEAT_BYTES

LAYER_NORM, IMAGE = "LayerNorm", "image"


class Rows(State):
    """These instructions in the cycle model."""

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
        residual = self._residual(i)
        begin = residual.begin_write("LOAD")
        # Little is on its way while the memory does not take it.
        asked = max(self.issued, begin - self.ddr.latency - self.t.data)
        first, last = self.data.take(i["beats"], asked, per_beat=per_beat)
        last = max(last, begin + i["rows"] * i["words"])
        for row in range(i["rows"]):
            time = first + (last - first) * (row + 1) / i["rows"]
            residual.finish_rows(1, max(time, begin) + self.t.residual)
        residual.end_write(last + self.t.residual)

    def _rows(self, i: Instruction) -> Iterable[tuple[float, float]]:
        """Reads residual rows: begin and end of each."""
        residual, end = self._residual(i), max(self.normed, self.issued + 10)
        for row in range(i["rows"]):
            begin = max(end, residual.readable(i["first"] + 1 + row))
            end = self.port.advance(begin, i["words"])
            yield begin, end
        self.normed = end
        residual.read = max(residual.read, end)

    def _store(self, i: Instruction) -> None:
        times = list(self._rows(i))
        last = self.stores.take(i["beats"], times[0][0] + 12, times[-1][1] + 12)
        self.time = max(self.time, last)

    def _norm(self, i: Instruction) -> None:
        words = i["words"]
        parameters = 0.0
        if not i["raw"]:
            parameters = self.data.take(i["parameter_beats"], self.issued)[1] + words
        delay = 4 if i["raw"] else self.t.norm + words
        domain = self.domains[i["domain"]] if i["codes"] else None
        begin = domain.begin_write(LAYER_NORM) if domain else 0.0
        done, self.norm_rows = parameters, []
        for _, end in self._rows(i):
            done = max(done + words, end + delay, begin + words)
            self.norm_rows.append(done)
            if domain:
                domain.finish_rows(1, done + self.t.norm_rows)
        if domain:
            domain.end_write(done + self.t.norm_rows)
        if i["wide"] == WIDE_MEMORY:
            stored = self.stores.take(i["store_beats"], self.norm_rows[0], done)
            self.time = max(self.time, stored)

    def _table(self, i: Instruction) -> None:
        begin = max(self._sequenced(), self.table_ready)
        _, stored = self.data.take(self.t.table // BEAT_BYTES, self.issued, per_beat=BEAT_BYTES)
        self.table_ready = max(begin + self.t.table, stored)
