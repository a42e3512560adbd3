from dataclasses import replace

import pytest

from m3vit.hls.compiler import network
from m3vit.hls.compiler.diagnostics import HlsError
from m3vit.hls.compiler.interface import Interface, Stream
from m3vit.hls.compiler.ir import (
    Channel,
    Field,
    Instance,
    Location,
    Network,
    Payload,
    Scalar,
    StreamPort,
)
from m3vit.hls.compiler.library import RTL_LIBRARY
from m3vit.sim.rtl import stalls, verilator
from m3vit.sim.rtl.bench import run_bench
from m3vit.sim.rtl.harness import Target

WORD = Payload("ap_uint<8>", 8, 8, (Field("", 0, 8, 8, False, 0),))
BIT = Payload("bool", 8, 1, (Field("", 0, 8, 1, False, 0),))

ADD = """
module Add (
    input  logic clk, rst_n,
    input  logic [7:0] step,
    input  logic [7:0] given_data, input logic given_valid, output logic given_ready,
    output logic [7:0] sum_data, output logic sum_valid, input logic sum_ready
);
    stream_fifo #(.WIDTH(8), .DEPTH(2)) queue (
        .in_data(given_data + step), .in_valid(given_valid), .in_ready(given_ready),
        .out_data(sum_data), .out_valid(sum_valid), .out_ready(sum_ready), .*
    );
endmodule
"""

# Passes `count` words, then is done.
PASS = """
module Pass (
    input  logic clk, rst_n,
    input  logic ap_start, output logic ap_done, ap_idle, ap_ready,
    input  logic [7:0] count,
    input  logic [7:0] given_data, input logic given_valid, output logic given_ready,
    output logic [7:0] sum_data, output logic sum_valid, input logic sum_ready
);
    logic [7:0] passed;
    logic running, place;
    wire take = running && passed != count;
    assign given_ready = take && place;
    assign ap_done = running && passed == count;
    assign ap_ready = ap_done;
    assign ap_idle = !running;
    always_ff @(posedge clk) begin
        running <= rst_n && (running ? !ap_done : ap_start);
        passed <= !running ? '0 : passed + 8'(given_valid && given_ready);
    end
    stream_fifo #(.WIDTH(8), .DEPTH(2)) queue (
        .in_data(given_data), .in_valid(given_valid && take), .in_ready(place),
        .out_data(sum_data), .out_valid(sum_valid), .out_ready(sum_ready), .*
    );
endmodule
"""


TEXTS = {"Add": ADD, "Pass": PASS}


def process(name, scalar, control):
    streams = (Stream("given", WORD, "in"), Stream("sum", WORD, "out"))
    return Interface(name, streams, (Scalar(scalar, 8, False),), control)


PROCESSES = {
    "Add": process("Add", "step", "free-running"),
    "Pass": process("Pass", "count", "ap_ctrl_hs"),
}


def stream(name, line=1):
    return StreamPort(name, WORD, Location("chain.cpp", line))


def chain(*functions, depth=2, free_running=True):
    """One process behind the other, each with the scalar `number`."""
    names = ["start", *(f"between_{k}" for k in range(1, len(functions))), "result"]
    instances = [
        Instance(
            f"{function}_{k}",
            function,
            {"given": names[k], "sum": names[k + 1], scalar: "number"},
            Location("chain.cpp", 20 + k),
        )
        for k, function in enumerate(functions)
        for scalar in ("step" if function == "Add" else "count",)
    ]
    return Network(
        "Chain",
        [stream("start"), stream("result"), Scalar("number", 8, False)],
        [Channel(name, WORD, depth, Location("chain.cpp", 10)) for name in names[1:-1]],
        instances,
        free_running,
        location=Location("chain.cpp", 5),
    )


@pytest.fixture
def target(tmp_path):
    """A function that writes networks, the last one on top, with the processes, for a bench."""

    def make(*networks):
        functions = dict(PROCESSES)
        texts = dict(TEXTS)
        for part in networks:
            texts[part.name] = network.emit(part, functions)
            functions[part.name] = network.interface(part, functions)
        for name, text in texts.items():
            (tmp_path / f"{name}.sv").write_text(text)
        used = [
            name for name in texts if f"    {name} " in texts[part.name] or name not in PROCESSES
        ]
        files = (*RTL_LIBRARY.values(), *(tmp_path / f"{name}.sv" for name in used))
        assert verilator.lint(files, part.name) == []
        top = functions[part.name]
        ends = {
            way: {part.name: part.payload for part in top.streams if part.direction == way}
            for way in ("in", "out")
        }
        scalars = {scalar.name: scalar.width for scalar in top.scalars}
        return Target(
            part.name, files, ends["in"], ends["out"], scalars, top.control == "ap_ctrl_hs"
        )

    return make


def test_words_pass_through_processes_and_queues(target):
    design = target(chain("Add", "Add", "Add", depth=5))
    words = list(range(200))
    expected = {"result": [(word + 21) % 256 for word in words]}
    cycles = [
        run_bench(
            design, {"start": words}, {"number": 7}, expected, pattern, engine="native"
        ).cycles
        for pattern in (stalls.NONE, stalls.RANDOM[0], stalls.BACK_PRESSURE)
    ]
    assert cycles[0] < 215 < min(cycles[1:])


def test_queues_are_as_deep_as_asked(target):
    design = target(chain("Add", "Add", depth=5))
    last_taken = []
    for count in (9, 10):  # two wait in each process, five between them; the tenth has no place
        words = list(range(count))
        result = run_bench(
            design, {"start": words}, {"number": 0}, {"result": words}, stalls.BACK_PRESSURE,
            engine="native",
        )  # fmt: skip
        last_taken.append(result.streams["start"].last_cycle)
    assert last_taken[0] < 15 < 50 < last_taken[1]


def test_a_deep_queue_of_the_writer_serves_the_channel(target, monkeypatch):
    deep = Stream("sum", WORD, "out", places=9)
    own = replace(PROCESSES["Add"], streams=(PROCESSES["Add"].streams[0], deep))
    for places, queues in ((8, {"between_1": 7}), (9, {})):
        writer = replace(own, streams=(own.streams[0], replace(deep, places=places)))
        assert network.queues(chain("Add", "Add", depth=7), {"Add": writer}) == queues
    monkeypatch.setitem(PROCESSES, "Add", own)
    monkeypatch.setitem(TEXTS, "Add", ADD.replace(".DEPTH(2)", ".DEPTH(9)"))
    design = target(chain("Add", "Add", depth=7))
    assert "stream_fifo" not in design.files[-1].read_text()
    words = list(range(60))
    run_bench(
        design, {"start": words}, {"number": 1}, {"result": [word + 2 for word in words]},
        stalls.RANDOM[1], engine="native",
    )  # fmt: skip


def test_a_network_is_done_when_its_last_process_is(target):
    design = target(chain("Pass", "Add", "Pass", free_running=False))
    words = list(range(30))
    expected = {"result": [word + 10 for word in words]}
    for pattern in (stalls.RANDOM[1], stalls.NONE):
        result = run_bench(
            design, {"start": words}, {"number": 10}, expected, pattern, engine="native", calls=3
        )
    # Without stalls, what the last process passed on before it was done leaves its queue at once.
    assert result.cycles - 2 <= result.streams["result"].last_cycle <= result.cycles + 2


def test_processes_that_end_start_again_in_a_network_that_runs_freely(target):
    design = target(chain("Pass", "Add"))
    words = list(range(50))
    expected = {"result": [word + 3 for word in words]}
    run_bench(design, {"start": words}, {"number": 3}, expected, engine="native")


def test_networks_hold_networks_and_constants(target):
    inner = replace(chain("Add", "Add"), name="Inner")
    outer = Network(
        "Outer",
        [stream("start"), stream("result"), Scalar("idle_number", 4, False)],
        [Channel("reg", WORD, 1)],
        [
            Instance("a", "Inner", {"start": "start", "result": "reg", "number": -1}),
            Instance("b", "Add", {"given": "reg", "sum": "result", "step": 5}),
        ],
        free_running=True,
    )
    design = target(inner, outer)
    expected = {"result": [(word - 2 + 5) % 256 for word in range(20)]}
    run_bench(
        design, {"start": list(range(20))}, {"idle_number": 1}, expected, stalls.RANDOM[0],
        engine="native",
    )  # fmt: skip


def test_lines_of_the_source_stand_beside_the_text():
    text = network.emit(chain("Add", "Add"), PROCESSES)
    for line in (
        "// Chain: processes joined by queues, chain.cpp:5",
        "    // ap_uint<8> between_1, chain.cpp:10",
        "    Add Add_1 (  // chain.cpp:21",
    ):
        assert line in text.splitlines()


# What is refused ----------------------------------------------------------------------------------


def refusal(wrong, functions=PROCESSES):
    with pytest.raises(HlsError) as caught:
        network.interface(wrong, functions)
    return str(caught.value)


def rewired(number, **connections):
    """A chain of two whose process `number` has other connections."""
    right = chain("Add", "Add")
    instances = list(right.instances)
    instances[number] = replace(
        instances[number], connections={**instances[number].connections, **connections}
    )
    return replace(right, instances=instances)


def test_a_channel_has_one_writer_and_one_reader():
    assert refusal(rewired(1, given="start")) == (
        "chain.cpp:10: channel `between_1`: no process reads it: add one, or remove the stream "
        "[one-writer-one-reader]"
    )
    assert "no process writes it" in refusal(rewired(0, sum="result"))
    assert "channel `between_1`: `Add` and `Add` write it" in refusal(rewired(1, sum="between_1"))


def test_a_stream_argument_goes_to_one_process():
    unused = chain("Add")
    unused = replace(unused, arguments=[*unused.arguments, stream("spare", 3)])
    assert refusal(unused).startswith("chain.cpp:3: stream `spare`: no process uses it: ")
    both = rewired(1, given="start")
    both = replace(both, channels=[], instances=[*both.instances[1:], both.instances[1]])
    assert "stream `start`: `Add` and `Add` use it" in refusal(both)


def test_scalars_keep_their_width():
    narrow = chain("Add")
    narrow = replace(narrow, arguments=[*narrow.arguments[:2], Scalar("number", 7, False)])
    assert refusal(narrow).startswith("chain.cpp:20: `number` has 7 bits, but argument `step` of ")


def test_a_network_that_never_ends_says_so():
    assert "[never-done]" in refusal(replace(chain("Add"), free_running=False))


def test_ports_of_one_name_are_refused():
    clash = chain("Add")
    arguments = [*clash.arguments, Scalar("start_data", 8, False)]
    ports = network.interface(replace(clash, arguments=arguments), PROCESSES).ports()
    with pytest.raises(HlsError, match=r"become ports called `start_data`.*port-names"):
        list(ports)
