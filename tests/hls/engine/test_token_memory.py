"""Rows of codes in and out of the token memory against NumPy in program order, on every rung."""

import numpy as np
import pytest

from m3vit.hls.kernels import compile_kernel
from m3vit.sim.csim.kernels import stream_types
from m3vit.sim.streams.experts import gather_inputs

WRITERS = 4
DOMAINS = 6


class Program:
    """Accesses in program order: the streams that ask for them, and the rows that must leave."""

    def __init__(self, design, seed=0):
        self.design = design
        self.parts = design.panel_lanes // design.lanes
        self.random = np.random.default_rng(seed)
        self.memory = np.zeros((design.token_words * self.parts, design.lanes), np.int16)
        self.types = {
            name: stream.dtype for name, stream in stream_types("token_memory", design).items()
        }
        self.commands = {name: [] for name in ("reads", *map("writes_{}".format, range(WRITERS)))}
        self.codes = [[] for _ in range(WRITERS)]
        self.tokens = []
        self.rows = []
        self.reads = np.zeros(DOMAINS, int)
        self.writes = np.zeros(DOMAINS, int)

    def write(self, writer, domain, base, stride, blocks, offset=0, chunks=1, words=1):
        """One instruction: `blocks` of rows, once for each chunk of `words` channels x lanes."""
        for chunk in range(chunks):
            first_row = 0
            for index, rows in enumerate(blocks):
                last_block = index == len(blocks) - 1
                self._write_block(
                    writer,
                    domain,
                    (base + first_row * stride, stride, offset + chunk * words),
                    rows,
                    words,
                    first=chunk == index == 0,
                    completes=chunk == chunks - 1,
                    last=last_block and chunk == chunks - 1,
                )
                first_row += rows[0] * rows[1]
        self.writes[domain] += 1

    def _write_block(self, writer, domain, place, rows, words, first, completes, last):
        base, stride, offset = place
        groups, group = rows
        command = np.zeros((), self.types["writes_0"])
        command["domain"] = domain
        order = command["order"]
        order["reads"], order["writes"] = self.reads[domain] % 64, self.writes[domain] % 64
        order["first"], order["completes"], order["last"] = first, completes, last
        command["place"]["base"], command["place"]["stride"] = base, stride
        command["offset"] = offset
        command["rows"]["groups"], command["rows"]["group"] = groups, group
        command["rows"]["words"] = words
        self.commands[f"writes_{writer}"].append(command)
        codes = self.random.integers(-128, 128, (groups, words, group, self.design.lanes))
        self.codes[writer].append(codes.reshape(-1, self.design.lanes))
        for position in np.ndindex(groups, words, group):
            row = position[0] * group + position[2]
            self.memory[(base + row * stride) * self.parts + offset + position[1]] = codes[position]

    def read(self, domain, base, stride, rows, words, need=None, tokens=None, blocks=1):
        """One instruction: `blocks` commands of `rows` rows each, or those of listed tokens."""
        for block in range(blocks):
            command = np.zeros((), self.types["reads"])
            command["domain"] = domain
            order = command["order"]
            order["after"] = self.writes[domain] % 64
            order["need"] = 65535 if need is None else need + block * rows
            order["last"] = block == blocks - 1
            first = 0 if tokens is not None else block * rows
            command["place"]["base"] = base + first * stride
            command["place"]["stride"] = stride
            command["rows"], command["words"] = rows, words
            command["gathered"] = tokens is not None
            self.commands["reads"].append(command)
            listed = np.arange(first, first + rows)
            if tokens is not None:
                listed = np.asarray(tokens[block * rows : (block + 1) * rows])
                self.tokens.append(listed)
            for row in listed:
                start = (base + row * stride) * self.parts
                words_found = self.memory[start : start + words * self.parts]
                self.rows.append(words_found.reshape(words, -1).copy())
        self.reads[domain] += 1

    def inputs(self):
        streams = {
            name: np.array(commands, self.types["reads" if name == "reads" else "writes_0"])
            for name, commands in self.commands.items()
        }
        for writer, codes in enumerate(self.codes):
            streams[f"codes_{writer}"] = self._rows(f"codes_{writer}", codes)
        streams["tokens"] = np.concatenate([*self.tokens, np.zeros(0)]).astype(np.uint16)
        return streams

    def outputs(self):
        return {
            "rows": self._rows("rows", self.rows),
            "reads_retired": np.ones(self.reads.sum(), np.uint8),
            "writes_retired": np.ones(self.writes.sum(), np.uint8),
        }

    def _rows(self, stream, rows):
        dtype = self.types[stream]
        items = np.zeros(sum(len(part) for part in rows), dtype)
        if rows:
            items["lane"] = np.concatenate(rows)
        return items

    def climb(self, ladder, rtl=False):
        return ladder("token_memory", self.design, self.inputs(), self.outputs(), rtl)


@pytest.mark.parametrize("writer", range(WRITERS))
def test_rows_of_one_writer(nano, ladder, writer):
    program = Program(nano)
    program.write(writer, writer, 10, 3, [(5, 1)], words=3)
    program.read(writer, 10, 3, rows=5, words=3)
    program.climb(ladder, rtl=writer == 0)


def test_a_word_per_cycle_in_and_out(nano, ladder):
    """Blocks as the array takes them: the next command is there before it is needed."""
    program = Program(nano)
    program.write(2, 4, 0, 6, [(1, 2)] * 20, words=6)
    program.read(4, 0, 6, rows=2, words=6, need=2, blocks=20)
    found = program.climb(ladder, rtl=True)
    assert found["codes_2"].interval == found["rows"].interval == 1


def test_blocks_and_chunks(nano, ladder):
    """Rows of a chunk come group by group; they are finished with the last chunk."""
    program = Program(nano)
    program.write(2, 0, 7, 8, [(3, 2), (1, 1)], words=2, chunks=4)
    program.read(0, 7, 8, rows=2, words=8, need=2, blocks=3)
    program.read(0, 7 + 6 * 8, 8, rows=1, words=8, need=7)
    program.climb(ladder, rtl=True)


def test_columns_of_heads(nano, ladder):
    """Instructions that write beside one another."""
    program = Program(nano)
    for head in range(4):
        program.write(3, 2, 5, 8, [(1, 2), (1, 2), (1, 1)], offset=2 * head, words=2)
    program.read(2, 5, 8, rows=5, words=8)
    program.climb(ladder, rtl=True)


def test_a_row_that_is_read_is_not_overwritten(nano, ladder):
    """Another write of the same domain, by another writer, waits for the read."""
    program = Program(nano)
    for writer in (0, 1, 2, 3, 0):
        program.write(writer, 1, 100, 4, [(6, 1)], words=4)
        program.read(1, 100, 4, rows=3, words=4, need=3, blocks=2)
    program.climb(ladder, rtl=True)


def test_writes_without_a_read_in_between(nano, ladder):
    """The later one wins, whoever comes first."""
    program = Program(nano)
    program.write(0, 1, 0, 4, [(9, 1)], words=4)
    program.write(3, 1, 0, 4, [(1, 2)], words=4)
    program.read(1, 0, 4, rows=9, words=4)
    program.climb(ladder, rtl=True)


def test_a_writer_that_waits_holds_up_no_other(nano, ladder):
    """A read in domain 0 stands behind one in domain 1, which needs what another writer sends."""
    program = Program(nano)
    program.write(0, 0, 0, 4, [(4, 1)], words=4)
    program.write(1, 1, 64, 4, [(4, 1)], words=4)
    program.read(1, 64, 4, rows=4, words=4)
    program.read(0, 0, 4, rows=4, words=4)
    program.write(0, 0, 0, 4, [(4, 1)], words=4)
    program.write(2, 2, 128, 4, [(4, 1)], words=4)
    program.read(2, 128, 4, rows=4, words=4)
    program.read(0, 0, 4, rows=4, words=4)
    program.climb(ladder, rtl=True)


def test_four_writers_at_once(nano, ladder):
    """A word per cycle in all; the array's come first, and the others as soon as there are none."""
    program = Program(nano)
    for writer in range(WRITERS):
        program.write(writer, writer, 200 * writer, 5, [(20, 1)], words=5)
    found = program.climb(ladder, rtl=True)
    cycles = [found[f"codes_{writer}"].last_cycle for writer in range(WRITERS)]
    assert cycles == sorted(cycles, reverse=True)
    assert max(cycles) < 400 + 30


def test_gathered_rows(nano, ladder):
    program = Program(nano)
    tokens = program.random.integers(0, 12, 14)
    program.write(0, 3, 40, 3, [(12, 1)], words=3)
    program.read(3, 40, 3, rows=2, words=3, tokens=tokens, blocks=7)
    program.read(3, 40, 3, rows=1, words=1, tokens=[11])
    found = program.climb(ladder, rtl=True)
    assert found["rows"].interval == 1


def test_network(nano, ladder, golden):
    """Rows of the tokens of every expert."""
    vector = golden("run_experts")[0]
    codes = vector.inputs["codes"]
    chosen = [np.nonzero(vector.inputs["experts"] == expert)[0] for expert in range(8)]
    wanted = [tokens for tokens in chosen if tokens.size]
    rows = codes[np.concatenate(wanted)].astype(np.int16)
    expected = {
        "rows": rows.reshape(-1, nano.panel_lanes),
        "reads_retired": np.ones(len(wanted), np.uint8),
        "writes_retired": np.ones(1, np.uint8),
    }
    ladder("token_memory", nano, gather_inputs(nano, codes, wanted), expected)


def test_short_commands(nano, ladder):
    """Of one word, which cost a cycle more."""
    program = Program(nano)
    for round_ in range(6):
        domain = round_ % 2
        program.write(round_ % 4, domain, 8 * domain, 1, [(1, 1)] * 3)
        program.read(domain, 8 * domain, 1, rows=1, words=1, need=1, blocks=3)
    program.climb(ladder, rtl=True)


def test_more_accesses_than_the_counts_hold(nano, ladder):
    program = Program(nano)
    for round_ in range(80):
        program.write(round_ % 4, 5, 0, 2, [(2, 1)], words=2)
        program.read(5, 0, 2, rows=2, words=2, need=2)
    program.climb(ladder, rtl=True)


def test_random_programs(nano, ladder):
    """Buffers of their own for every domain; reads of rows that are there."""
    program = Program(nano, seed=1)
    random = program.random
    sizes = random.integers(1, 10, (DOMAINS, 2))
    bases = 500 * np.arange(DOMAINS)
    for domain, (rows, words) in enumerate(sizes):
        program.write(domain % WRITERS, domain, bases[domain], words, [(rows, 1)], words=words)
    for _ in range(60):
        domain = random.integers(DOMAINS)
        rows, words = sizes[domain]
        if random.random() < 0.5:
            writer = random.integers(WRITERS)
            taken = random.integers(1, rows + 1)
            program.write(writer, domain, bases[domain], words, [(taken, 1)], words=words)
        else:
            program.read(domain, bases[domain], words, rows=rows, words=words)
    program.climb(ladder, rtl=True)


@pytest.mark.parametrize("words", [2, 3, 12])
def test_wide_words(zcu104, ladder, words):
    """Two words that come make one that leaves; the half that nobody wrote is what it was."""
    program = Program(zcu104)
    stride = -(-words // 2)
    program.write(0, 0, 11, stride, [(7, 1)], words=2 * stride)
    program.read(0, 11, stride, rows=7, words=stride)
    program.write(2, 0, 11, stride, [(1, 4), (1, 3)], words=words)
    program.read(0, 11, stride, rows=7, words=stride, need=7)
    program.climb(ladder)


def test_the_last_word(zcu104, ladder):
    program = Program(zcu104)
    program.write(1, 0, zcu104.token_words - 1, 1, [(1, 1)], words=2)
    program.read(0, zcu104.token_words - 1, 1, rows=1, words=1)
    program.climb(ladder)


def test_hardware_of_the_large_design(zcu104):
    """A word per cycle, in as many URAMs as the codes take."""
    modules = {
        module.name: module for module in compile_kernel("token_memory", zcu104).report.modules
    }
    assert modules["TokenBuffer"].interval == modules["TokenWriter"].interval == 1
    memory = modules["TokenBuffer"].memories[0]
    assert (memory.kind, memory.blocks) == ("uram", 16)
