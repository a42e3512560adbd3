"""Rows of the residual stream, loaded, summed and read, against NumPy in program order."""

import numpy as np
import pytest

from m3vit.hls.kernels import compile_kernel
from m3vit.model.fixed import saturate
from m3vit.sim.csim.kernels import stream_types

LOAD, ADD, SCATTER = range(3)


class Program:
    """Accesses in program order: the streams that ask for them, and the rows that must leave.

    The stream starts at word 0 and has `words` words of lanes channels per row.
    """

    def __init__(self, design, words, seed=0):
        self.design = design
        self.words = words
        self.random = np.random.default_rng(seed)
        self.types = {
            name: stream.dtype for name, stream in stream_types("residual_memory", design).items()
        }
        rows = design.residual_words // words
        self.memory = np.zeros((rows, words, design.lanes), np.int64)
        self.streams = {name: [] for name in self.types}
        self.reads, self.writes = [0, 0], [0, 0]  # of each bank

    def load(self, rows, first=0, bank=0):
        codes = self._codes(rows)
        self._command("loads", LOAD, first, (rows, 1), self.words, bank=bank)
        self.streams["loaded"].append(codes.reshape(-1, self.design.lanes))
        self.memory[first : first + rows] = codes

    def add(self, rows, first=0, chunks=1, bank=0):
        """Branches of `rows` rows in blocks of the array's tokens, the channels in chunks."""
        words = self.words // chunks
        for chunk in range(chunks):
            columns = slice(chunk * words, (chunk + 1) * words)
            branch = self._codes(rows, 18)[:, columns]
            for start in range(0, rows, self.design.array_tokens):
                block = branch[start : start + self.design.array_tokens]
                at = slice(first + start, first + start + len(block))
                begins = start == chunk == 0
                completes = chunk == chunks - 1
                self._command(
                    "writes",
                    ADD,
                    first + start,
                    (1, len(block)),
                    words,
                    offset=columns.start,
                    order=(begins, completes, completes and start + len(block) >= rows),
                    bank=bank,
                )
                self._branches(block)
                changed = self.memory[at, columns]
                self.memory[at, columns] = saturate(saturate(changed, 16) + block, 16)

    def scatter(self, queues, scores, first=0, bank=0):
        """Weighted outputs of experts: the tokens of each, and the score of every visit."""
        for index, (tokens, weights) in enumerate(zip(queues, scores, strict=True)):
            output = self._codes(len(tokens))
            for start in range(0, len(tokens), self.design.array_tokens):
                block = slice(start, start + self.design.array_tokens)
                last = index == len(queues) - 1 and block.stop >= len(tokens)
                count = len(tokens[block])
                order = (start == index == 0, False, last)
                shape = (1, count), self.words
                self._command("writes", SCATTER, first, *shape, order=order, bank=bank)
                visits = np.zeros(count, self.types["visits"])
                visits["token"], visits["score"] = tokens[block], weights[block]
                self.streams["visits"].append(visits)
                self._branches(output[block])
                products = output[block] * np.asarray(weights[block])[:, None, None]
                self.memory[first + np.asarray(tokens[block])] += (products + (1 << 14)) >> 15

    def read(self, rows, first=0, need=None, bank=0):
        command = np.zeros((), self.types["reads"])
        order = command["order"]
        order["after"], order["last"] = self.writes[bank] % 64, 1
        order["need"] = 65535 if need is None else need
        command["bank"] = bank
        command["first"], command["rows"], command["words"] = first, rows, self.words
        self.streams["reads"].append(command[None])
        found = saturate(self.memory[first : first + rows], 16)
        self.streams["rows"].append(found.reshape(-1, self.design.lanes))
        self.reads[bank] += 1

    def climb(self, ladder, rtl=False):
        streams = {name: self._joined(name) for name in self.types}
        expected = {
            "rows": streams.pop("rows"),
            "reads_retired": np.ones(sum(self.reads), np.uint8),
            "writes_retired": np.ones(sum(self.writes), np.uint8),
        }
        inputs = {name: items for name, items in streams.items() if name not in expected}
        return ladder("residual_memory", self.design, inputs, expected, rtl)

    def _codes(self, rows, bits=16):
        """Over the whole range, some at its ends."""
        high = 1 << (bits - 1)
        shape = rows, self.words, self.design.lanes
        ends = self.random.choice([-high, -1, 0, 1, high - 1], shape)
        drawn = self.random.integers(-high, high, shape)
        return np.where(self.random.random(shape) < 0.2, ends, drawn)

    def _command(
        self, stream, action, first, rows, words, offset=0, order=(True, True, True), bank=0
    ):
        command = np.zeros((), self.types[stream])
        command["action"], command["bank"] = action, bank
        fields = command["order"]
        fields["reads"], fields["writes"] = self.reads[bank] % 64, self.writes[bank] % 64
        fields["first"], fields["completes"], fields["last"] = order
        command["first"], command["stride"], command["offset"] = first, self.words, offset
        command["rows"]["groups"], command["rows"]["group"] = rows
        command["rows"]["words"] = words
        self.streams[stream].append(command[None])
        self.writes[bank] += order[2]

    def _branches(self, block):
        """In the order of the array: word 0 of all rows, word 1 ..."""
        self.streams["branches"].append(block.swapaxes(0, 1).reshape(-1, self.design.lanes))

    def _joined(self, name):
        parts, dtype = self.streams[name], self.types[name]
        if name in ("loaded", "branches", "rows"):
            items = np.zeros(sum(map(len, parts)), dtype)
            if parts:
                items["lane"] = np.concatenate(parts)
            return items
        return np.concatenate([np.zeros(0, dtype), *parts])


def queues_of(random, tokens, experts, kept):
    """Every token at `kept` experts, its scores summing to one."""
    chosen = np.array([random.permutation(experts)[:kept] for _ in range(tokens)])
    cuts = np.sort(random.integers(0, 32769, (tokens, kept - 1)), axis=1)
    scores = np.diff(cuts, axis=1, prepend=0, append=32768)
    found = [np.nonzero(chosen == expert) for expert in range(experts)]
    return [token for token, _ in found if token.size], [
        scores[token, rank] for token, rank in found if token.size
    ]


def test_rows_in_and_out(nano, ladder):
    program = Program(nano, words=3)
    program.load(9, first=2)
    program.read(9, first=2, need=1)
    program.read(2, first=5)
    found = program.climb(ladder, rtl=True)
    assert found["loaded"].interval == 1


def test_a_word_per_cycle(nano, ladder):
    program = Program(nano, words=4)
    program.load(40)
    program.add(40)
    program.read(40)
    found = program.climb(ladder, rtl=True)
    assert found["rows"].interval == 1


@pytest.mark.parametrize("chunks", [1, 3])
def test_add(nano, ladder, chunks):
    """Rows are read as they are finished; an odd one is left for the last block."""
    program = Program(nano, words=6)
    program.load(7)
    program.add(7, chunks=chunks)
    program.read(7, need=1)
    program.climb(ladder, rtl=True)


def test_a_sum_overtakes_no_load(nano, ladder):
    """They come through queues of their own, and nothing is read in between."""
    program = Program(nano, words=2)
    for _ in range(3):
        program.load(30)
        program.add(5)
    program.read(30)
    program.climb(ladder, rtl=True)


def test_a_load_waits_for_reads_of_a_sum(nano, ladder):
    program = Program(nano, words=2)
    program.load(6)
    program.add(6)
    program.read(6, need=1)
    program.load(6)
    program.read(6, need=1)
    program.add(6)
    program.read(6)
    program.climb(ladder, rtl=True)


@pytest.mark.parametrize(("tokens", "words", "kept"), [(1, 1, 1), (6, 4, 3), (136, 48, 2)])
def test_scatter(nano, ladder, tokens, words, kept):
    program = Program(nano, words)
    program.load(tokens)
    program.scatter(*queues_of(program.random, tokens, 6, kept))
    program.read(tokens)
    program.add(tokens)
    program.read(tokens)
    program.climb(ladder, rtl=tokens < 10)


def test_scatter_behind_other_rows(nano, ladder):
    program = Program(nano, words=3)
    program.load(9)
    program.scatter(*queues_of(program.random, 5, 4, 2), first=4)
    program.scatter(*queues_of(program.random, 4, 3, 1))
    program.read(9)
    program.climb(ladder, rtl=True)


@pytest.mark.parametrize("words", [1, 2])
def test_one_token_at_one_expert_after_another(nano, ladder, words):
    """The same addresses come back as soon as they can."""
    program = Program(nano, words)
    program.load(3)
    program.scatter([[2], [2], [1, 2], [2]], [[8192], [16384], [5, 4096], [4096]])
    program.read(3)
    program.climb(ladder, rtl=True)


def test_sums_beyond_16_bits(nano, ladder):
    """Saturated once, when they are read or added to."""
    program = Program(nano, words=1)
    program._codes = lambda rows, bits=16: np.full((rows, 1, nano.lanes), 32767)
    program.load(2)
    program.scatter([[0, 1], [0, 1]], [[16384, 16384], [16384, 1]])
    program._codes = lambda rows, bits=16: np.full((rows, 1, nano.lanes), -32768)
    program.scatter([[1]], [[32768]])
    assert program.memory.max() == 32767 + 2 * 16384
    program.read(2)
    program.add(2)
    program.read(2)
    program.climb(ladder, rtl=True)


def test_rows_leave_between_sums(nano, ladder):
    """Nothing stops: the next layer's sums wait for the reads, which sums do not hold up."""
    program = Program(nano, words=3)
    program.load(20)
    for _ in range(70):
        program.add(4)
        program.read(4, need=1)
    program.climb(ladder, rtl=True)


def test_banks(nano, ladder):
    """One is loaded while the other is added to; their words meet in any order."""
    program = Program(nano, words=4)
    for turn in range(8):
        bank, first = turn % 2, 20 * (turn % 2)
        program.load(20, first=first, bank=bank)
        program.add(20, first=first, chunks=2, bank=bank)
        queues = queues_of(program.random, 20, 3, 2)
        program.scatter(*queues, first=first, bank=bank)
        program.read(20, first=first, bank=bank)
    program.climb(ladder, rtl=True)


def test_large_design(zcu104, ladder):
    """As many rows as fit."""
    program = Program(zcu104, words=16)
    program.load(512)
    program.scatter([[0, 511, 3, 4, 5], [5]], [[32768, 5, 700, 800, 900], [12345]])
    program.scatter([[0, 11]], [[32768, 5]], first=500)
    program.add(512)
    program.read(512, need=1)
    program.climb(ladder)


def test_hardware_of_the_large_design(zcu104):
    """A word per cycle, in as many URAMs as the sums take."""
    modules = {
        module.name: module for module in compile_kernel("residual_memory", zcu104).report.modules
    }
    for name in ("ResidualLoader", "ResidualBranches", "ResidualBuffer"):
        assert modules[name].interval == 1
    memory = modules["ResidualBuffer"].memories[0]
    assert (memory.kind, memory.blocks, memory.copies) == ("uram", 12, 1)
