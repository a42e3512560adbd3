"""Processes of several regions: state machine, nested loops, memories, intervals, functions."""

import random

import pytest

from m3vit.hls.compiler.builder import GraphBuilder
from m3vit.hls.compiler.graph import ModuleFunction, Register, Result, Storage, Transition
from m3vit.hls.compiler.ir import Memory, Scalar
from m3vit.sim.rtl import packing
from m3vit.sim.rtl.stalls import NONE, Stalls, at_random

STALLS = (NONE, Stalls("random", at_random(0.5), at_random(0.4), seed=3))
BYTE = packing.lay_out("ap_uint<8>", [("", 8, False)])


def storage(name, kind, depth, width=8, latency=1, initial=None, **memory):
    source = Memory(name, (depth,), BYTE, **memory)
    tables = None if initial is None else (tuple(initial),)
    return Storage(source, name, width, depth, 1, kind, tables, latency)


def random_words(count, width, seed=1):
    generator = random.Random(seed)
    return [generator.getrandbits(width) for _ in range(count)]


def counted_loop(name, limit, body, *, interval=1, exports=(), target=None, source=None):
    """for (i = 0; i < limit; i++) body(builder, i, last) -> exports; limit: a register."""
    builder = GraphBuilder()
    one = builder.constant(1, 1)
    i = builder.phi(builder.constant(0, 8), "i")
    step = builder.pure("add", 8, i, builder.constant(1, 8))
    builder.set_next(i, step)
    last = builder.pure("eq", 1, step, builder.register(limit))
    values = body(builder, i, last) or {}
    return builder.region(
        name,
        pipelined=True,
        interval=interval,
        proceed=builder.invert(last),
        transitions=[Transition(one, target)],
        exports=values,
    )


def block(name, body, target):
    """Straight-line code: body(builder) -> (assignments, exports)."""
    builder = GraphBuilder()
    assignments = body(builder)
    one = builder.constant(1, 1)
    return builder.region(name, transitions=[Transition(one, target, assignments)])


def registers(**widths):
    return {name: Register(name, width, 0, (1 << width) - 1) for name, width in widths.items()}


def test_fill_a_memory_then_empty_it_backwards(make_process, compare):
    """Command loop around two pipelines: block RAM, register initial values, several visits."""
    known = registers(count=8, total=8)
    ram = storage("words_ram", "bram", 64)

    def head(b):
        command = b.read("commands", 8, b.constant(1, 1))
        count = b.resize(b.pure("slice", 5, command, start=0), 8, False)
        return {"count": b.pure("add", 8, count, b.constant(1, 8)), "total": b.constant(0, 8)}

    def fill(b, i, last):
        one = b.constant(1, 1)
        word = b.read("data", 8, one)
        total = b.phi(b.register(known["total"]), "total")
        b.set_next(total, b.pure("add", 8, total, word))
        b.store(ram, 0, one, b.resize(i, 6, False), word)
        return {"total": total.operands[1]}

    def drain(b, i, last):
        one = b.constant(1, 1)
        back = b.pure("sub", 8, b.register(known["count"]), b.pure("add", 8, i, b.constant(1, 8)))
        word = b.load(ram, 0, one, b.resize(back, 6, False), name="word")
        payload = b.pure("concat", 16, b.register(known["total"]), word)
        b.write("out", one, payload)

    process = make_process(
        [
            block("head", head, "fill"),
            counted_loop("fill", known["count"], fill, target="drain"),
            counted_loop("drain", known["count"], drain, target="head"),
        ],
        {"commands": 8, "data": 8},
        {"out": 16},
        name="reverse",
        registers=known.values(),
        storages=[ram],
    )
    commands = random_words(12, 8)
    words = random_words(sum((c & 31) + 1 for c in commands), 8)
    expected, results, statistics = compare(
        process, {"commands": commands, "data": words}, stalls=STALLS
    )
    assert len(expected["out"]) == len(words)
    assert statistics.memories[0].copies == 1
    assert results[0].cycles < 2 * len(words) + 20 * len(commands)


def test_started_function_with_slow_straight_line_code(make_process, compare):
    """ap_ctrl_hs, a scalar, a table read and a product in one state, two ways out of a loop."""
    known = registers(scale=24, seen=8)
    table = storage("scales", "rom", 16, 8, 1, range(3, 19), constant=True)
    notes = storage("notes", "register", 4, 8, 0, [1, 2, 3, 4])

    def head(b):
        choice = b.read("choices", 8, b.constant(1, 1))
        one = b.constant(1, 1)
        entry = b.load(table, 0, one, b.resize(choice, 4, False), name="entry")
        gain = b.argument("gain", 16)
        wide = b.pure("mul", 24, b.resize(entry, 24, False), b.resize(gain, 24, True), name="wide")
        b.store(notes, 0, one, b.resize(choice, 2, False), choice)
        return {"scale": wide, "seen": b.constant(0, 8)}

    builder = GraphBuilder()
    one = builder.constant(1, 1)
    seen = builder.phi(builder.register(known["seen"]), "seen")
    word = builder.read("data", 8, one)
    note = builder.load(notes, 0, one, builder.resize(word, 2, False), name="note")
    step = builder.pure("add", 8, seen, builder.constant(1, 8))
    builder.set_next(seen, step)
    scaled = builder.pure(
        "add", 24, builder.register(known["scale"]), builder.resize(word, 24, True)
    )
    stop = builder.equals(word, 255)
    full = builder.all_of(builder.equals(step, 20), builder.invert(stop))
    builder.write("out", builder.invert(stop), builder.pure("concat", 32, note, scaled))
    loop = builder.region(
        "words",
        pipelined=True,
        proceed=builder.invert(builder.any_of(stop, full)),
        transitions=[
            Transition(stop, "tail", {"seen": seen}),
            Transition(
                full, "tail", {"seen": builder.pure("xor", 8, scaled_part(builder, scaled), step)}
            ),
        ],
    )

    def tail(b):
        b.write("counts", b.constant(1, 1), b.register(known["seen"]))
        return {}

    process = make_process(
        [block("head", head, "words"), loop, block("tail", tail, None)],
        {"choices": 8, "data": 8},
        {"out": 32, "counts": 8},
        name="started",
        free_running=False,
        registers=known.values(),
        storages=[table, notes],
    )
    process.scalars = {"gain": Scalar("gain", 16, True)}
    for data in ([7, 9, 255], [*random_words(19, 7), 3]):
        inputs = {"choices": [5], "data": data}
        _, _, statistics = compare(process, inputs, stalls=STALLS, scalars={"gain": 0x8123})
    assert statistics.dsp == 1
    assert max(region.stages for region in statistics.regions) >= 4


def scaled_part(builder, scaled):
    return builder.pure("slice", 8, scaled, start=3)


def test_two_cycles_per_iteration_share_a_memory_port(make_process, compare):
    """II = 2: read-modify-write of a block RAM, two loads through one port."""
    counts = storage("counts", "bram", 16)
    other = storage("other", "lutram", 16, latency=0)
    builder = GraphBuilder()
    one = builder.constant(1, 1)
    word = builder.read("words", 16, one)
    address = builder.pure("slice", 4, word, start=0)
    second = builder.pure("slice", 4, word, start=4)
    value = builder.pure("slice", 8, word, start=8)
    old = builder.load(other, 0, one, address, name="old")
    older = builder.load(other, 0, one, second, name="older")
    builder.store(other, 0, one, address, builder.pure("add", 8, old, older))
    count = builder.load(counts, 0, one, address, name="count")
    builder.store(counts, 0, one, address, builder.pure("add", 8, count, value))
    builder.write("out", one, builder.pure("concat", 24, count, old, older))
    loop = builder.region("update", pipelined=True, interval=2, proceed=one)

    clear = GraphBuilder()
    yes = clear.constant(1, 1)
    i = clear.phi(clear.constant(0, 4), "i")
    clear.set_next(i, clear.pure("add", 4, i, clear.constant(1, 4)))
    clear.store(counts, 0, yes, i, clear.constant(0, 8))
    clear.store(other, 0, yes, i, clear.resize(i, 8, False))
    first = clear.region(
        "clear",
        pipelined=True,
        proceed=clear.invert(clear.equals(i, 15)),
        transitions=[Transition(yes, "update")],
    )
    process = make_process(
        [first, loop], {"words": 16}, {"out": 24}, name="histogram", storages=[counts, other]
    )
    words = random_words(120, 16) + [0x0101] * 6
    _, results, statistics = compare(process, {"words": words}, stalls=STALLS)
    assert {use.name: use.copies for use in statistics.memories} == {"counts": 1, "other": 1}
    assert 2 * len(words) <= results[0].cycles < 2 * len(words) + 40


def test_one_cycle_per_iteration_updates_registers_and_lutram(make_process, compare):
    """II = 1: read-modify-write in one stage, exclusive loads of one port, several copies."""
    bins = storage("bins", "register", 8, 12, 0, range(8))
    small = storage("small", "lutram", 8, 12, 0, [0] * 8)
    table = storage("table", "rom", 64, 9, 2, random_words(64, 9), constant=True)
    ram = storage("ram", "bram", 16, 8, 1, no_dependence=frozenset(["inter"]))
    builder = GraphBuilder()
    one = builder.constant(1, 1)
    word = builder.read("words", 16, one)
    address = builder.pure("slice", 3, word, start=0)
    flag = builder.pure("slice", 1, word, start=15)
    for memory in (bins, small):
        old = builder.load(memory, 0, one, address)
        builder.store(
            memory, 0, flag, address, builder.pure("add", 12, old, builder.constant(5, 12))
        )
    looked = builder.load(table, 0, one, builder.pure("slice", 6, word, start=3), name="looked")
    looked_too = builder.load(table, 0, one, builder.pure("slice", 6, word, start=8))
    row = builder.phi(builder.constant(0, 4), "row")
    builder.set_next(row, builder.pure("add", 4, row, builder.constant(1, 4)))
    high = builder.pure("slice", 4, word, start=8)
    before = builder.load(ram, 0, flag, row, name="before")
    elsewhere = builder.load(ram, 0, builder.invert(flag), high, name="elsewhere")
    chosen = builder.select(flag, before, elsewhere, name="chosen")
    payload = builder.pure(
        "concat", 50, old, looked, looked_too, chosen, builder.resize(row, 12, False)
    )
    builder.write("out", one, payload)
    loop = builder.region("update", pipelined=True, proceed=one)

    clear = GraphBuilder()
    yes = clear.constant(1, 1)
    i = clear.phi(clear.constant(0, 4), "i")
    clear.set_next(i, clear.pure("add", 4, i, clear.constant(1, 4)))
    clear.store(ram, 0, yes, i, clear.pure("concat", 8, clear.constant(9, 4), i))
    first = clear.region(
        "clear",
        pipelined=True,
        proceed=clear.invert(clear.equals(i, 15)),
        transitions=[Transition(yes, "update")],
    )
    process = make_process(
        [first, loop],
        {"words": 16},
        {"out": 50},
        name="updates",
        storages=[bins, small, table, ram],
    )
    words = random_words(150, 16)
    _, results, statistics = compare(process, {"words": words}, stalls=STALLS)
    assert {use.name: use.copies for use in statistics.memories}["ram"] == 1
    assert results[0].cycles < len(words) + 50


def dot(name, implementation):
    """Two products and their sum, a table lookup: a module function."""
    builder = GraphBuilder()
    inputs = [builder.argument(f"{side}_{i}", 8) for side in "xy" for i in range(2)]
    wide = [builder.resize(node, 17, True) for node in inputs]
    products = [
        builder.pure("mul", 17, wide[i], wide[2 + i], implementation=implementation)
        for i in range(2)
    ]
    total = builder.pure("add", 17, *products)
    table = storage("squares", "rom", 16, 8, 1, [i * i for i in range(16)], constant=True)
    low = builder.pure("slice", 4, inputs[0], start=0)
    square = builder.load(table, 0, builder.constant(1, 1), low, name="square")
    region = builder.region(name, outputs=[total, square])
    live = {node.name: node for node in region.nodes if node.operation == "argument"}
    results = [
        Result("total", 0, 0, 17, True, 20, -(1 << 16), (1 << 16) - 1),
        Result("x_0", 0, 17, 8, False, 8, 0, 225),
    ]
    return ModuleFunction(name, region, [live[x.name] for x in inputs], [total, square], results)


@pytest.mark.parametrize("clock_ns", [1.6, 20.0])
def test_instances_of_a_module_function(make_process, compare, clock_ns):
    """Alignment by construction: equal results whatever the latencies are."""
    function = dot("dot", "dsp" if clock_ns < 3 else "")
    builder = GraphBuilder()
    one = builder.constant(1, 1)
    word = builder.read("words", 64, one)
    parts = [builder.pure("slice", 8, word, start=8 * i) for i in range(8)]
    first = builder.call(function, parts[:4], name="left")
    second = builder.call(function, parts[4:], name="right")
    total = builder.phi(builder.constant(0, 24), "total")
    sums = builder.pure("add", 20, first[0], second[0])
    builder.set_next(total, builder.pure("add", 24, total, builder.resize(sums, 24, True)))
    keep = builder.pure("sgt", 1, first[0], second[0])
    builder.write("out", keep, builder.pure("concat", 40, total, first[1], second[1]))
    region = builder.region("loop", pipelined=True, proceed=one)
    process = make_process([region], {"words": 64}, {"out": 40}, name="sums")
    words = random_words(100, 64)
    _, _, statistics = compare(
        process, {"words": words}, [function], stalls=STALLS, clock_ns=clock_ns
    )
    assert statistics.instances == {"dot": 2}
