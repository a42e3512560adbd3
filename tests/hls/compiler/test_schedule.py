import pytest

from m3vit.hls.compiler import schedule
from m3vit.hls.compiler.builder import GraphBuilder
from m3vit.hls.compiler.diagnostics import HlsError
from m3vit.hls.compiler.graph import Storage, Transition
from m3vit.hls.compiler.ir import Location, Memory
from m3vit.hls.compiler.timing import Clock
from m3vit.sim.rtl import packing

WORD = packing.lay_out("ap_int<32>", [("", 32, True)])


def storage(kind="bram", latency=1, depth=64, **memory):
    return Storage(
        Memory("table", (depth,), WORD, **memory), "table", 32, depth, 1, kind, None, latency
    )


class Loop:
    """A pipelined loop that reads 32-bit `words`, and what a test adds to it."""

    def __init__(self):
        self.builder = b = GraphBuilder()
        self.one = b.constant(1, 1)
        self.word = b.read("words", 32, self.one)
        self.word.location = Location("loop.cpp", 5)
        self.proceed = self.one
        self.transitions = []

    def counter(self, step=1, width=6):
        b = self.builder
        phi = b.phi(b.constant(0, width), "i")
        b.set_next(phi, b.pure("add", width, phi, b.constant(step, width)))
        return phi

    def process(self, make_process, interval=1):
        region = self.builder.region(
            "loop",
            pipelined=True,
            interval=interval,
            proceed=self.proceed,
            transitions=self.transitions,
            location=Location("loop.cpp", 1),
        )
        return make_process([region], {"words": 32, "more": 32}, {"out": 32, "out2": 32})

    def schedule(self, make_process, interval=1, clock_ns=3.333):
        process = self.process(make_process, interval)
        schedule.schedule_process(process, {}, Clock(clock_ns))
        return process.regions["loop"]


@pytest.fixture
def loop():
    return Loop()


def refused(loop, make_process, rule, interval=1):
    with pytest.raises(HlsError) as caught:
        loop.schedule(make_process, interval)
    assert caught.value.rule == rule
    return str(caught.value)


# Stages -----------------------------------------------------------------------------------------


def test_a_slower_clock_needs_fewer_stages(loop, make_process):
    b = loop.builder
    total = loop.word
    for shift in range(1, 8):
        total = b.pure("add", 32, total, b.pure("xor", 32, total, b.constant(shift, 32)))
    b.write("out", loop.one, total)
    depths = [
        loop.schedule(make_process, clock_ns=clock).depth for clock in (2.0, 3.333, 8.0, 40.0)
    ]
    assert depths == sorted(depths, reverse=True)
    assert depths[0] > depths[-1] == 2


def test_every_operand_is_ready_when_it_is_taken(loop, make_process):
    b = loop.builder
    ram = storage("uram", 3)
    address = b.pure("slice", 6, loop.word, start=0)
    loaded = b.load(ram, 0, loop.one, address)
    product = b.pure("mul", 32, loaded, loop.word)
    b.write("out", loop.one, b.pure("add", 32, product, loop.word))
    region = loop.schedule(make_process)
    for user, operand in region.uses():
        if user.operation not in ("phi", "read") and operand.operation != "constant":
            assert operand.stage + operand.latency <= user.stage
    assert loaded.latency == 3
    assert product.stage == 3
    assert region.depth >= 7


def test_a_recurrence_stays_in_one_stage_and_warns_when_slow(loop, make_process):
    b = loop.builder
    total = b.phi(b.constant(0, 32), "total")
    for _ in range(4):
        step = b.pure("smax", 32, b.pure("add", 32, total, loop.word), b.constant(5, 32))
        step.location = Location("loop.cpp", 9)
        total_next = b.pure("sub", 32, step, b.pure("xor", 32, total, step))
    b.set_next(total, total_next)
    b.write("out", loop.one, total)
    region = loop.schedule(make_process, clock_ns=2.0)
    assert len({node.stage for node in (total, total_next)}) == 1
    assert any(warning.startswith("loop.cpp:9") for warning in region.warnings)
    assert loop.schedule(make_process, clock_ns=20.0).warnings == []


def test_three_cycles_let_a_recurrence_multiply(loop, make_process):
    b = loop.builder
    total = b.phi(b.constant(1, 16), "total")
    b.set_next(total, b.pure("mul", 16, total, b.pure("slice", 16, loop.word, start=0)))
    b.write("out", loop.one, b.resize(total, 32, True))
    assert "multiplication" in refused(loop, make_process, "recurrence")
    assert loop.schedule(make_process, interval=3).warnings == []


def test_exclusive_writes_share_a_stage(loop, make_process):
    b = loop.builder
    flag = b.pure("slice", 1, loop.word, start=0)
    b.write("out", flag, loop.word)
    product = b.pure("mul", 32, loop.word, b.pure("lshr", 32, loop.word, b.constant(3, 32)))
    b.write("out", b.invert(flag), product)
    region = loop.schedule(make_process)
    stages = {node.stage for node in region.effects if node.operation == "write"}
    assert len(stages) == 1


# Rules ------------------------------------------------------------------------------------------


def test_a_stream_is_accessed_once(loop, make_process):
    b = loop.builder
    second = b.read("words", 32, loop.one)
    second.location = Location("loop.cpp", 8)
    b.write("out", loop.one, second)
    text = refused(loop, make_process, "one-access-per-stream")
    assert text.startswith("loop.cpp:8: ")
    assert "loop.cpp:5" in text


def test_a_read_may_not_wait_for_a_product(loop, make_process):
    b = loop.builder
    product = b.pure("mul", 32, loop.word, loop.word)
    b.write("out", loop.one, b.read("more", 32, b.equals(product, 4)))
    refused(loop, make_process, "late-read")


def test_a_read_may_depend_on_its_own_data_through_state(loop, make_process):
    b = loop.builder
    left = b.phi(b.constant(0, 8), "left")
    empty = b.equals(left, 0)
    more = b.read("more", 32, empty)
    start = b.select(empty, b.pure("slice", 8, more, start=0), left)
    b.set_next(left, b.pure("sub", 8, start, b.constant(1, 8)))
    b.write("out", loop.one, b.resize(start, 32, False))
    region = loop.schedule(make_process)
    assert left.stage == 0
    assert empty.stage == 0
    assert region.depth <= 3


def test_a_loop_decides_to_go_on_in_stage_0(loop, make_process):
    b = loop.builder
    product = b.pure("mul", 32, loop.word, loop.word)
    loop.proceed = b.pure("ne", 1, product, b.constant(9, 32))
    loop.transitions = [Transition(loop.one, None)]
    b.write("out", loop.one, product)
    refused(loop, make_process, "late-exit")


def test_one_write_port(loop, make_process):
    b = loop.builder
    ram = storage()
    i = loop.counter()
    b.store(ram, 0, loop.one, i, loop.word)
    b.store(ram, 0, loop.one, b.pure("xor", 6, i, b.constant(32, 6)), loop.word)
    assert "table" in refused(loop, make_process, "memory-ports")
    loop.schedule(make_process, interval=2)


def test_read_modify_write_needs_a_declaration(loop, make_process):
    b = loop.builder
    address = b.pure("slice", 6, loop.word, start=0)
    for memory in ({}, {"no_dependence": frozenset(["inter"])}):
        ram = storage(**memory)
        again = Loop()
        b = again.builder
        address = b.pure("slice", 6, again.word, start=0)
        old = b.load(ram, 0, again.one, address)
        b.store(ram, 0, again.one, address, b.pure("add", 32, old, again.word))
        if memory:
            again.schedule(make_process)
        else:
            assert "DEPENDENCE" in refused(again, make_process, "memory-recurrence")
            again.schedule(make_process, interval=2)


def test_addresses_of_a_counter_never_meet(make_process):
    for step, meets in ((1, False), (32, True)):
        loop = Loop()
        b = loop.builder
        ram, i = storage("uram", 3), loop.counter(step)
        old = b.load(ram, 0, loop.one, i)
        b.store(ram, 0, loop.one, i, b.pure("add", 32, old, loop.word))
        if meets:  # 2 x 32 is 0 again in 6 bits
            refused(loop, make_process, "memory-recurrence")
        else:
            loop.schedule(make_process)


def test_what_is_written_can_be_read_in_the_next_stage(loop, make_process):
    b = loop.builder
    ram = storage()
    address = b.pure("slice", 6, loop.word, start=0)
    store = b.store(ram, 0, loop.one, address, loop.word)
    load = b.load(ram, 0, loop.one, b.pure("slice", 6, loop.word, start=6))
    b.write("out", loop.one, load)
    loop.schedule(make_process)
    assert load.stage == store.stage + 1


def test_a_dsp_product_has_the_shape_of_a_block(loop, make_process):
    b = loop.builder
    b.write("out", loop.one, b.pure("mul", 32, loop.word, loop.word, implementation="dsp"))
    assert "27 by 18" in refused(loop, make_process, "dsp-width")


def test_a_declared_distance_is_room_for_a_read_modify_write(make_process):
    for distance in (2, 8):
        loop = Loop()
        b = loop.builder
        ram = storage("uram", 3, distance=distance)
        address = b.pure("slice", 6, loop.word, start=0)
        old = b.load(ram, 0, loop.one, address)
        store = b.store(ram, 0, loop.one, address, b.pure("add", 32, old, loop.word))
        if distance == 2:
            refused(loop, make_process, "memory-recurrence")
        else:
            loop.schedule(make_process)
            assert store.stage - old.stage < distance
