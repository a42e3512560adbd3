"""Random programs through the sequencer of the array, up to the commands of every unit."""

import dataclasses

import numpy as np
import pytest

from m3vit.hls.isa import Instruction
from m3vit.hls.kernels import compile_kernel
from m3vit.sim.csim import kernels
from m3vit.sim.rtl import stalls
from m3vit.sim.rtl.bench import run_bench
from m3vit.sim.streams.array_commands import ATTENTION_LEAD, ArrayInstruction, array_commands
from m3vit.sim.streams.records import records

PRODUCT, LOGITS, CONTEXT, GATE_SUMS = range(4)  # kinds of blocks
COUNTS = ("after", "second_after", "reads", "second_reads", "writes", "second_writes")


def table(random):
    return instruction(random, "TABLE", address=3)


def matmul(random, **given):
    return instruction(random, "MATMUL", **{**source(random), **target(random), **given})


def attention(random, **given):
    return instruction(
        random,
        "ATTENTION",
        **{**source(random), **target(random), "key_groups": 1 + random.integers(12), **given},
    )


def heads(random, rows, **given):
    """ATTENTIONs of the same queries, which are written when the first one begins."""
    made = [attention(random, rows=count, domain=3, **given) for count in rows]
    counts = [{**item.counts, "after": 17} for item in made]
    return [dataclasses.replace(item, counts=each) for item, each in zip(made, counts, strict=True)]


def gate(random, **given):
    first, count = random.integers(8), 1 + random.integers(8)
    fields = {"rows": 1 + random.integers(9), "words": 3, "first": first, "last": first + count}
    return instruction(random, "GATE", **(fields | given))


def experts(random, lengths=None):
    """Weights of some experts without tokens come too, in front of the others."""
    first = int(random.integers(4))
    if lengths is None:
        lengths = random.integers(0, 8, 1 + random.integers(8))
        lengths[random.integers(len(lengths))] = 5
    lengths = {first + place: int(length) for place, length in enumerate(lengths)}
    early = [expert for expert in lengths if random.random() < 0.4]
    late = [expert for expert, length in lengths.items() if length and expert not in early]
    fields = {"first": first, "experts": len(lengths), "slot": 0}
    item = instruction(random, "EXPERTS", **source(random), **fields)
    return dataclasses.replace(item, lengths=lengths, fetched=[*early, *late])


def source(random):
    return {"rows": 1 + random.integers(9), "base": random.integers(1000), "stride": 12}


def target(random):
    return {"to_base": random.integers(1000), "to_stride": 1 + random.integers(40)}


LIMITS = {
    **dict.fromkeys(("words", "up_words", "down_words", "stride", "hidden_stride"), 40),
    **dict.fromkeys(("beats", "groups", "up_beats", "up_groups", "down_beats"), 15),
    **dict.fromkeys(("down_groups", "value_beats", "value_groups", "key_groups"), 15),
    "chunks": 3,
    "hidden_base": 1000,
    "step": 200,
}
"""Fields whose products must fit, and counts, which are at least 1."""


def instruction(random, name, **given):
    """Every other field at random."""
    fields = {field.name: field for field in Instruction(name).kind.fields}
    values = {}
    for key, field in fields.items():
        low, high = field.range
        low, high = (1, LIMITS[key]) if key in LIMITS else (low, high)
        values[key] = random.integers(low, high + 1)
    if name == "MATMUL":
        values["destination"] = random.integers(5)
        if values["destination"] in (2, 3):
            values["chunks"] = 1
        if values["destination"]:
            values["activate"] = 0
        values["first"] = random.integers(100)
    values.update(given)
    counts = {count: int(random.integers(64)) for count in COUNTS}
    return ArrayInstruction(
        Instruction(name, **{key: int(value) for key, value in values.items()}), counts
    )


def streams(design, program):
    """What the sequencer gets."""
    types = kernels.stream_types("array_sequencer", design)
    queues, fetched = [], []
    for item in program:
        queues += [{"expert": key, "length": length} for key, length in item.lengths.items()]
        if item.instruction.name == "EXPERTS":
            fetched += [{"expert": expert, "end": 0} for expert in item.fetched]
            fetched.append({"expert": 0, "end": 1})
    given = {
        "instructions": [item.dispatched() for item in program],
        "queues": queues,
        "fetched": fetched,
    }
    return {name: records(rows, types[name].dtype) for name, rows in given.items()}


def check(design, program):
    """All commands of a program; returns the blocks and orders."""
    sequenced = kernels.run("array_sequencer", design, streams(design, program))
    found = kernels.run("block_commands", design, {"blocks": sequenced["blocks"]})
    wanted = array_commands(design, program)
    types = {
        **kernels.stream_types("array_sequencer", design),
        **kernels.stream_types("block_commands", design),
    }
    for name, items in {**found, "orders": sequenced["orders"]}.items():
        expected = records(wanted.pop(name, []), types[name].dtype)
        assert items.size == expected.size, name
        for place, (item, payload) in enumerate(zip(items, expected, strict=True)):
            assert item == payload, f"{name}, item {place}"
    assert not wanted
    return sequenced


def gated(random):
    """A GATE that may follow the MATMUL in front of it."""
    first = matmul(random, rows=1 + random.integers(40), destination=1)
    tokens = 1 + random.integers(45)
    return [first, dataclasses.replace(gate(random, rows=tokens), trails=True)]


MAKERS = (table, matmul, matmul, matmul, attention, attention, gate, experts)


def random_program(seed, count):
    random = np.random.default_rng(seed)
    return [MAKERS[random.integers(len(MAKERS))](random) for _ in range(count)]


def test_random_programs(nano):
    for seed in range(20):
        check(nano, random_program(seed, 30))


def test_random_programs_of_the_large_design(zcu104):
    for seed in range(20, 30):
        check(zcu104, random_program(seed, 30))


@pytest.mark.parametrize("name", ["nano", "zcu104"])
def test_a_gate_among_the_blocks_in_front(name, request):
    random = np.random.default_rng(11)
    program = [item for _ in range(60) for item in (*gated(random), *random_program(1, 1))]
    blocks = check(request.getfixturevalue(name), program)["blocks"]
    assert np.count_nonzero(blocks["skip"]) > 50


def test_a_gate_that_comes_late(nano, target):
    """It follows the blocks in front as far as it can; theirs wait for nothing."""
    random = np.random.default_rng(12)
    program = [item for _ in range(6) for item in gated(random)]
    given, wanted = streams(nano, program), check(nano, program)
    sequencer = target("array_sequencer", nano)
    for pattern in (stalls.NONE, stalls.BACK_PRESSURE, stalls.TOGGLING):
        found = run_bench(sequencer, given, None, None, pattern, engine="native", patience=2000)
        blocks = found.outputs["blocks"]
        for kind in (PRODUCT, GATE_SUMS):
            some, others = of_kind(blocks, kind), of_kind(wanted["blocks"], kind)
            np.testing.assert_array_equal(without_skip(some), without_skip(others))
        products = np.cumsum(blocks["kind"] == PRODUCT)
        for block, product in zip(blocks, products, strict=True):
            if block["skip"]:
                size = blocks[blocks["kind"] == PRODUCT][product - 1]["size"]
                assert block["skip"] == size["groups"] * size["beats"] and not block["release"]


def without_skip(blocks):
    blocks = blocks.copy()
    blocks["skip"] = 0
    return blocks


@pytest.mark.parametrize("destination", range(5))
@pytest.mark.parametrize("rows", [1, 2, 3, 8, 9])
def test_every_destination(nano, rows, destination):
    random = np.random.default_rng(rows)
    chunks = 1 if destination in (2, 3) else 3
    fields = {"destination": destination, "chunks": chunks, "activate": 0}
    item = matmul(random, **fields)
    values = {**item.instruction.values, "rows": rows}
    check(nano, [dataclasses.replace(item, instruction=Instruction("MATMUL", **values))])


@pytest.mark.parametrize("rows", [[1], [2], [3, 3], [5, 5, 5], [9, 1, 1, 1, 9], [1] * 7])
def test_logits_lead_on_to_the_next_head(nano, rows):
    """Also where a head has fewer blocks than the lead."""
    random = np.random.default_rng(len(rows))
    program = heads(random, rows)
    check(nano, [matmul(random), *program, matmul(random), *program])


@pytest.mark.parametrize("change", ["domain", "after"])
def test_logits_of_other_queries_do_not_overtake_contexts(nano, change):
    """These may be what the queries are waiting for."""
    random = np.random.default_rng(7)
    first, second = heads(random, (1, 3))
    if change == "domain":
        values = {**second.instruction.values, "domain": 2}
        second = dataclasses.replace(second, instruction=Instruction("ATTENTION", **values))
    else:
        second = dataclasses.replace(second, counts={**second.counts, "after": 18})
    blocks = check(nano, [first, second])["blocks"]
    kinds = [LOGITS, CONTEXT, LOGITS, LOGITS, CONTEXT, CONTEXT]
    np.testing.assert_array_equal(blocks["kind"], kinds)


@pytest.mark.parametrize("lengths", [[1], [0, 3], [3, 0], [0, 0, 1, 0], [9, 2, 0, 8], [136]])
def test_experts_without_tokens(nano, lengths):
    for seed in range(5):
        random = np.random.default_rng(seed)
        check(nano, [experts(random, lengths), matmul(random)])


def apart(seed, count):
    """A random program without an ATTENTION behind another: its blocks are in one order only."""
    program = random_program(seed, count)
    return [
        item
        for place, item in enumerate(program)
        if item.instruction.name != "ATTENTION"
        or place == 0
        or program[place - 1].instruction.name != "ATTENTION"
    ]


def test_hardware(nano, ladder):
    program = apart(3, 16)
    ladder("array_sequencer", nano, streams(nano, program), check(nano, program), rtl=True)


def test_heads_in_hardware(nano, target):
    """Contexts of a head's last queries do not wait for another ATTENTION that is late."""
    random = np.random.default_rng(5)
    program = heads(random, (5, 1, 1, 4, 9, 2))
    given, wanted = streams(nano, program), check(nano, program)
    sequencer = target("array_sequencer", nano)
    for pattern in (stalls.NONE, stalls.BACK_PRESSURE, stalls.TOGGLING):
        run_bench(sequencer, given, None, wanted, pattern, engine="native")
    late = stalls.Stalls("instructions late", streams={"instructions": stalls.at_random(0.02)})
    found = run_bench(sequencer, given, None, None, late, engine="native", patience=2000)
    blocks = found.outputs["blocks"]
    for kind in (LOGITS, CONTEXT):
        np.testing.assert_array_equal(of_kind(blocks, kind), of_kind(wanted["blocks"], kind))
    led = np.cumsum(np.where(blocks["kind"] == LOGITS, 1, -1))
    assert led.min() >= 0 and led.max() <= ATTENTION_LEAD + 1
    assert not np.array_equal(blocks["kind"], wanted["blocks"]["kind"])


def of_kind(blocks, kind):
    return blocks[blocks["kind"] == kind]


def test_large_design_compiles(zcu104):
    (loop,) = compile_kernel("array_sequencer", zcu104).report.modules[0].loops
    assert loop.interval == 2
