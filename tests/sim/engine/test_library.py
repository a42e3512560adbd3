import numpy as np
import pytest
from stand_in import BEGIN, END, HANG, LINES, copy, drop, stop, store_without_beats

from m3vit.hls.registers import DONE, DRAINING, IDLE, REGISTERS, START
from m3vit.sim.engine.library import Memory

DESIGNS = ("nano", "zcu104")
COPIES = (  # source, lines, target, through the weight ports
    (1003, 517, 20000, 1),
    (7001, 300, 30001, 0),
    (1001, 1, 40000, 0),
    (1002, 1, 40001, 1),
    (63, 7, 40063, 1),
    (LINES - 4, 4, 41000, 1),
    (2000, 64, LINES - 64, 0),
)


def check_copies(bench, copies=COPIES):
    wanted = bench.memory.copy()
    for source, lines, target, _ in copies:
        wanted[64 * target : 64 * (target + lines)] = wanted[64 * source : 64 * (source + lines)]
    program = [BEGIN, *(copy(*numbers) for numbers in copies), END]
    bench.load(*program)
    wanted[: 64 * 1000] = bench.memory[: 64 * 1000]
    assert bench.run(*program) == (0, len(program) - 1)
    assert np.array_equal(bench.memory, wanted)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("stalls", [0, 60, 200])
def test_memory_is_read_and_written_in_order(make_bench, design, stalls):
    bench = make_bench(design, stalls=stalls, seed=stalls + 1)
    check_copies(bench, [numbers for numbers in COPIES if numbers[0] >= 1000])
    moved = 4 * sum(numbers[1] for numbers in COPIES if numbers[0] >= 1000)
    weights = 4 * sum(numbers[1] for numbers in COPIES if numbers[0] >= 1000 and numbers[3])
    counters = {name: bench.get(name) for name in REGISTERS if REGISTERS[name].offset >= 0x40}
    assert counters["WEIGHT_BEATS"] == weights
    assert counters["DATA_BEATS"] == moved - weights
    assert counters["STORE_BEATS"] == moved
    assert counters["BLOCKS"] == 6
    assert counters["PROGRAM_BEATS"] == 16
    assert moved < counters["CYCLES"] < bench.library.cycles


def test_registers_after_reset(make_bench):
    bench = make_bench("zcu104")
    assert bench.get("CTRL") == IDLE
    assert bench.get("STALL_LIMIT") == 1 << 20
    assert bench.get("ARENA_LINES") == LINES
    bench.set("ARENA", 0x12_3456_7880)
    assert bench.get("ARENA") == 0x12_3456_7880
    bench.set("DESIGN_ID", 0)
    assert bench.get("DESIGN_ID") != 0


def test_bandwidth_is_shared_and_latency_is_hidden(make_bench):
    def cycles(**memory):
        bench = make_bench("nano", **memory)
        check_copies(bench, [(1003, 2000, 20000, 0)])
        return bench.get("CYCLES")

    beats = 8000
    assert beats < cycles() < 1.05 * beats
    assert beats < cycles(read_latency=90) < 1.05 * beats
    # 32 bytes are moved per beat that is copied.
    assert 1.99 * beats < cycles(bandwidth=16) < 2.05 * beats
    assert 4.55 * beats < cycles(bandwidth=7) < 4.7 * beats
    assert 4.55 * beats < cycles(bandwidth=21, bandwidth_cycles=3) < 4.7 * beats
    assert cycles(read_latency=1000) > 2 * beats


def test_ports_share_the_weights(make_bench):
    bench = make_bench("zcu104", bandwidth=64)
    check_copies(bench, [(1024, 2000, 20000, 1)])
    # The core takes a line of 64 bytes in four cycles; behind it the ports keep up.
    assert bench.get("WEIGHT_WAIT") < 100


@pytest.mark.parametrize("latency", [60, 100])
def test_weights_yield_to_data(make_bench, latency):
    bench = make_bench("zcu104", read_latency=latency)
    assert bench.run(BEGIN, drop(1000, 600), END) == (0, 2)
    beats = 4 * 600
    assert bench.get("DATA_BEATS") == beats and bench.get("WEIGHT_BEATS") == 8 * beats
    # With a fair share of the memory's 50 bytes per cycle it would be more than 0.6.
    assert bench.get("DATA_WAIT") < 0.3 * beats + latency
    # The memory stands neither then nor behind it.
    assert bench.get("CYCLES") < 1.1 * 9 * 16 * beats / 50 + 200


def test_what_was_before_changes_no_cycles(make_bench):
    """Every program takes the same time at any time and behind any other one."""
    bench = make_bench("zcu104", bandwidth=24)
    programs = {
        "both": [BEGIN, drop(1003, 77), END],
        "weights": [BEGIN, copy(1000, 131, 20000, 1), copy(5001, 3, 30000, 1), END],
        "data": [BEGIN, copy(1001, 30, 20000), END],
    }
    found = {name: set() for name in programs}
    for step in range(24):
        name = list(programs)[step * step % 7 % 3]
        assert bench.run(*programs[name])[0] == 0
        found[name].add(bench.get("CYCLES"))
        bench.library.step(step)
    assert [len(cycles) for cycles in found.values()] == [1, 1, 1]


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("stalls", [0, 100])
@pytest.mark.parametrize(
    ("code", "position", "instructions", "memory", "limits"),
    [
        pytest.param(16, 2, [copy(LINES - 3, 4, 20000, 1), END], {}, {}, id="weights outside"),
        pytest.param(16, 2, [copy(LINES - 3, 4, 20000, 0), END], {}, {}, id="data outside"),
        pytest.param(16, 2, [copy(1000, 40, LINES - 39, 0), END], {}, {}, id="store outside"),
        pytest.param(
            17, 2, [copy(1000, 40, 20000, 1), END], {"failing_read": 1020}, {}, id="weights fail"
        ),
        pytest.param(
            17, 2, [copy(1000, 40, 20000, 0), END], {"failing_read": 1039}, {}, id="data fail"
        ),
        pytest.param(17, 0, [END], {"failing_read": 5}, {}, id="program fails"),
        pytest.param(
            18, 2, [copy(1000, 40, 20000, 1), END], {"failing_write": 20039}, {}, id="store fails"
        ),
        pytest.param(19, 2, [HANG, END], {}, {"STALL_LIMIT": 500}, id="stuck"),
        pytest.param(
            19, 2, [store_without_beats(20000), END], {}, {"STALL_LIMIT": 500}, id="no beats"
        ),
        pytest.param(
            20, 2, [copy(1000, 2000, 20000, 1), END], {}, {"CYCLE_LIMIT": 2000}, id="too long"
        ),
        pytest.param(21, 2, [copy(1000, 40, 20000, 1)], {}, {}, id="no end"),
        pytest.param(77, 1, [stop(77), END], {}, {}, id="refused by the core"),
    ],
)
def test_after_every_error_the_engine_can_be_used(
    make_bench, design, stalls, code, position, instructions, memory, limits
):
    bench = make_bench(design, stalls=stalls)
    bench.library.configure(Memory(size=len(bench.memory), stalls=stalls, **memory))
    for name, value in limits.items():
        bench.set(name, value)
    found, where = bench.run(BEGIN, *instructions)
    assert found == code
    # The core may be given an instruction more before an error shows.
    assert position <= where <= position + (code not in (21, 77))
    assert bench.get("CTRL") == DONE | IDLE
    for name in limits:
        bench.set(name, 0)
    bench.library.configure(Memory(size=len(bench.memory), stalls=stalls))
    check_copies(bench, [(1000, 300, 20000, 1), (1500, 30, 30000, 0)])


def test_nothing_is_written_outside_the_arena(make_bench):
    bench = make_bench()
    bench.set("ARENA_LINES", 30000)
    before = bench.lines(30000, LINES - 30000)
    assert bench.run(BEGIN, copy(1000, 500, 29800), END)[0] == 16
    assert np.array_equal(bench.lines(30000, LINES - 30000), before)


def test_an_arena_inside_memory(make_bench):
    bench = make_bench("zcu104")
    start = 77  # lines: no multiple of 256 bytes
    bench.set("ARENA", Memory().base + 64 * start)
    bench.set("ARENA_LINES", 25000)
    bench.load(BEGIN, copy(1000, 200, 24800, 1), END)
    bench.set("PROGRAM", 400)
    bench.memory[64 * (400 + start) :][: 64 * 2] = bench.memory[64 * 5 :][: 64 * 2]
    bench.set("CTRL", START)
    assert bench.library.run_until_done(20_000)
    assert bench.get("STATUS") & 0xFF == 0
    assert np.array_equal(bench.lines(24800 + start, 200), bench.lines(1000 + start, 200))


def test_instructions_behind_the_end_are_ignored(make_bench):
    bench = make_bench()
    assert bench.run(BEGIN, copy(1000, 4, 20000), END, *[stop(3)] * 100) == (0, 2)
    assert bench.get("PROGRAM_BEATS") == 6
    check_copies(bench, [(1500, 30, 30000, 0)])


def test_an_empty_program_has_no_end(make_bench):
    bench = make_bench()
    assert bench.run() == (21, 0)
    check_copies(bench, [(1500, 30, 30000, 0)])


def test_while_a_program_runs_nothing_can_be_changed(make_bench):
    bench = make_bench()
    bench.load(BEGIN, copy(1000, 300, 20000), END)
    bench.set("CTRL", START)
    assert bench.get("CTRL") == START
    bench.set("ARENA_LINES", 0)
    bench.set("CTRL", START)
    assert bench.library.run_until_done(20_000)
    assert bench.get("STATUS") == 2 << 8
    assert bench.get("ARENA_LINES") == LINES
    bench.library.step(100)
    assert bench.get("CTRL") == DONE | IDLE


def test_interrupt(make_bench):
    bench = make_bench()
    bench.run(BEGIN, END)
    assert not bench.library.interrupt
    bench.set("IRQ_ENABLE", 1)
    assert bench.library.interrupt
    bench.load(BEGIN, copy(1000, 300, 20000), END)
    bench.set("CTRL", START)
    assert not bench.library.interrupt
    assert bench.library.run_until_done(20_000) and bench.library.interrupt


def test_memory_that_does_not_answer_keeps_the_engine_draining(make_bench):
    bench = make_bench()
    bench.set("STALL_LIMIT", 300)
    bench.library.configure(Memory(size=len(bench.memory), read_latency=3000))
    bench.load(BEGIN, END)
    bench.set("CTRL", START)
    assert not bench.library.run_until_done(1000)
    assert bench.get("CTRL") == START | DRAINING
    assert bench.get("STATUS") & 0xFF == 19
    assert bench.library.run_until_done(3000)
    assert bench.get("CTRL") == DONE | IDLE


def test_two_engines_know_nothing_of_each_other(make_bench):
    first, second = make_bench("nano", seed=1), make_bench("zcu104", seed=2)
    first.load(BEGIN, copy(1000, 300, 20000), END)
    first.set("CTRL", START)
    check_copies(second, [(1500, 30, 30000, 1)])
    before = first.lines(1000, 300)
    assert first.library.run_until_done(20_000)
    assert np.array_equal(first.lines(20000, 300), before)


def test_watched_streams_are_printed(make_bench, capfd):
    bench = make_bench(watch=("data_requests", "engine_top:ending"))
    assert bench.run(BEGIN, copy(1000, 3, 20000), END) == (0, 2)
    bench.library.step(1)
    printed = [line.split() for line in capfd.readouterr().out.splitlines()]
    assert [words[1:] for words in printed] == [
        ["data_requests", f"{3 << 26 | 1000:012x}"],
        ["engine_top:ending", f"{2 << 8:06x}"],
    ]
    assert int(printed[0][0]) < int(printed[1][0])


@pytest.mark.slow
def test_waves(make_bench, tmp_path):
    bench = make_bench(waves=str(tmp_path / "waves.fst"))
    check_copies(bench, [(1500, 30, 30000, 0)])
    bench.library.close()
    assert (tmp_path / "waves.fst").stat().st_size > 1000
