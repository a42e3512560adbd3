from stand_in import BEGIN, END, LINES, PROGRAM, copy

from m3vit.hls.registers import DONE, IDLE, REGISTERS, START
from m3vit.sim.engine.port import SimulatedPort


def test_a_program_runs_while_ctrl_is_read(make_bench):
    bench = make_bench()
    port = SimulatedPort(bench.library)
    assert port.arena_bytes == 64 * LINES
    content = bytes(range(256)) * 50
    port.write(64 * 1000, content)
    program = b"".join([BEGIN, copy(1000, len(content) // 64, 20000), END])
    port.write(64 * PROGRAM, program)
    for name, value in (
        ("ARENA", port.arena_address),
        ("PROGRAM", PROGRAM),
        ("INSTRUCTIONS", 3),
        ("CTRL", START),
    ):
        port.write_register(REGISTERS[name].offset, value)
    assert port.read_register(REGISTERS["CTRL"].offset) == DONE | IDLE
    assert port.read_register(REGISTERS["STATUS"].offset) == 2 << 8
    assert port.read(64 * 20000, len(content)) == content


def test_a_long_program_is_waited_for_in_parts(make_bench):
    bench = make_bench(bandwidth=1)
    port = SimulatedPort(bench.library)
    bench.load(BEGIN, copy(1000, 300, 20000), END)
    bench.set("CTRL", START)
    looks = 0
    while not port.read_register(REGISTERS["CTRL"].offset) & DONE:
        looks += 1
    assert 5 < looks < 40
