"""NORM and STORE: the commands that they become, and where rows go."""

import numpy as np
import pytest

from m3vit.hls.isa import WIDE_GATE, WIDE_MEMORY, WIDE_NONE
from m3vit.hls.kernels import compile_kernel
from m3vit.sim.csim import kernels
from m3vit.sim.rtl.stalls import NONE
from m3vit.sim.streams.programs import RandomProgram

TO_NORM, TO_GATE, TO_STORE = range(3)
NORM_TO_GATE, NORM_TO_STORE, RAW_TO_GATE = range(3)
OUTPUTS = ("reads", "row_passages", "norms", "writes", "wide_passages", "split_bytes_commands")


def commands_of(instruction, counts):
    """Stream -> the command that an instruction makes on it."""
    after, reads, writes = counts
    fields = instruction
    first, rows, words = (fields[name] for name in ("first", "rows", "words"))
    read = {"bank": fields["bank"], "order": (after, first + 1, 1)}
    read |= {"first": first, "rows": rows, "words": words}
    passing = rows * words
    if instruction.name == "STORE":
        return {"reads": read, "row_passages": {"way": TO_STORE, "words": passing}}
    raw, wide = fields["raw"], fields["wide"]
    made = {
        "reads": read,
        "row_passages": {"way": TO_GATE if raw else TO_NORM, "words": passing},
    }
    if not raw:
        names = ("width", "epsilon", "code_shift", "wide_shift", "codes")
        made["norms"] = {name: fields[name] for name in names}
        made["norms"] |= {"tokens": rows, "words": words, "wide": wide != WIDE_NONE, "load": 1}
    if fields["codes"]:
        made["writes"] = {
            "domain": fields["domain"],
            "order": (reads, 1, 1, 1, writes),
            "place": (fields["base"], fields["stride"]),
            "offset": 0,
            "rows": (rows, 1, words),
        }
    if wide:
        way = RAW_TO_GATE if raw else NORM_TO_GATE if wide == WIDE_GATE else NORM_TO_STORE
        made["wide_passages"] = {"way": way, "words": passing}
    if wide == WIDE_GATE:
        made["split_bytes_commands"] = {"rows": rows, "words": words}
    return made


def stimulus(design, count):
    """Random instructions, and all that they become."""
    types = kernels.stream_types("row_sequencer", design)
    programs, random = RandomProgram(design, 8), np.random.default_rng(8)
    instructions = [programs.norm() if index % 4 else programs.store() for index in range(count)]
    dispatched = np.zeros(count, types["instructions"].dtype)
    made = {name: [] for name in OUTPUTS}
    for item, instruction in zip(dispatched, instructions, strict=True):
        counts = random.integers(0, 64, 3).tolist()
        item["word"] = np.frombuffer(instruction.encode(), "<u8")
        item["after"], item["reads"], item["writes"] = counts
        for name, command in commands_of(instruction, counts).items():
            made[name].append(command)
    expected = {}
    for name, commands in made.items():
        expected[name] = np.zeros(len(commands), types[name].dtype)
        for item, command in zip(expected[name], commands, strict=True):
            for field, value in command.items():
                item[field] = value
    kinds = {(i.name, i.values.get("raw"), i.values.get("wide")) for i in instructions}
    return {"instructions": dispatched}, expected, kinds


def test_all_kinds_of_rows(nano, ladder):
    inputs, expected, kinds = stimulus(nano, 120)
    assert kinds == {
        ("STORE", None, None),
        ("NORM", 1, WIDE_GATE),
        *(("NORM", 0, wide) for wide in (WIDE_NONE, WIDE_GATE, WIDE_MEMORY)),
    }
    ladder("row_sequencer", nano, inputs, expected, rtl=True)


def test_large_design(zcu104, ladder):
    inputs, expected, _ = stimulus(zcu104, 120)
    ladder("row_sequencer", zcu104, inputs, expected)


def passages(ways, lengths):
    """Commands, and the way of every word."""
    return {"way": ways, "words": lengths}, np.repeat(ways, lengths)


def some_rows(design, count, seed):
    return np.random.default_rng(seed).integers(-32768, 32768, (count, design.lanes))


WAYS = np.array([0, 2, 1, 1, 0, 2, 2, 1, 0])
LENGTHS = np.array([5, 1, 7, 1, 1, 3, 12, 2, 9])


def test_rows_go_where_they_should(nano, ladder):
    commands, ways = passages(WAYS, LENGTHS)
    rows = some_rows(nano, ways.size, 1)
    outputs = {"norm": rows[ways == 0], "raw": rows[ways == 1], "store": rows[ways == 2]}
    ladder("row_fork", nano, {"commands": commands, "rows": rows}, outputs, rtl=True)


def test_gate_rows_of_both_kinds_keep_their_order(nano, ladder):
    commands, ways = passages(WAYS, LENGTHS)
    rows = some_rows(nano, ways.size, 2)
    raw = ways == RAW_TO_GATE
    inputs = {"commands": commands, "wide": rows[~raw], "raw": rows[raw]}
    outputs = {"gate": rows[ways != NORM_TO_STORE], "store": rows[ways == NORM_TO_STORE]}
    ladder("wide_fork", nano, inputs, outputs, rtl=True)


def test_a_word_per_cycle(nano, ladder):
    commands, ways = passages(np.array([0, 1, 0]), np.array([20, 30, 4]))
    rows = some_rows(nano, ways.size, 3)
    outputs = {"norm": rows[ways == 0], "raw": rows[ways == 1], "store": rows[:0]}
    found = ladder("row_fork", nano, {"commands": commands, "rows": rows}, outputs, rtl=(NONE,))
    assert found["rows"].interval == 1


@pytest.mark.parametrize("kernel", ["row_sequencer", "row_fork", "wide_fork"])
def test_an_iteration_per_cycle(zcu104, kernel):
    (process,) = compile_kernel(kernel, zcu104).report.modules
    assert process.interval == 1
