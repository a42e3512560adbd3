"""Threaded simulation: processes side by side, deadlocks found and named."""

import numpy as np
import pytest

from m3vit.sim.csim import kernels
from m3vit.sim.csim.kernels import SimulationError

# `Split` sends a burst of `count` items to each of two streams, one stream after the other;
# `Join` takes them in pairs. So the first stream has to hold a whole burst.
BURSTS = """
using Item = ap_uint<16>;
void Split(hls::stream<Item>& in, hls::stream<Item>& first, hls::stream<Item>& second) {
    ap_uint<16> left = 0;
    ap_uint<1> side = 0;
    M3VIT_FOREVER(in, left != 0) {
        if (left == 0) {
            left = in.read();
        } else {
            if (side == 0) first.write(left); else second.write(left);
            --left;
        }
        if (left == 0) ++side;
    }
}
void Join(hls::stream<Item>& first, hls::stream<Item>& second, hls::stream<Item>& out) {
    M3VIT_FOREVER(first, false) out.write(first.read() + second.read());
}
void sample_top(hls::stream<Item>& in, hls::stream<Item>& out) {
    hls::stream<Item DEPTH> first("first");
    hls::stream<Item> second("second");
    M3VIT_PROCESS(Split(in, first, second));
    M3VIT_PROCESS(Join(first, second, out));
}
"""


@pytest.mark.parametrize("threads", [False, True])
def test_processes_and_their_order(compiled, threads):
    kernel = compiled(BURSTS.replace("DEPTH", ""), threads)
    counts = np.array([5, 5, 1, 1, 8, 8])
    expected = [2 * left for count in (5, 1, 8) for left in range(count, 0, -1)]
    assert kernel.run({"in": counts}, depth=8)["out"].tolist() == expected


def test_a_deadlock_names_its_streams(compiled):
    kernel = compiled(BURSTS.replace("DEPTH", ""), threads=True)
    with pytest.raises(SimulationError, match="deadlock: processes wait") as caught:
        kernel.run({"in": np.array([9, 9])}, depth=8)
    for wait in (
        "to write to 'first' (8 of 8 places taken)",
        "to read from 'second' (0 of 8 places taken)",
    ):
        assert wait in str(caught.value)
    assert kernel.run({"in": np.array([9, 9])}, depth=9)["out"].size == 9


def test_a_declared_depth_counts(compiled):
    kernel = compiled(BURSTS.replace("DEPTH", ", 9"), threads=True)
    assert kernel.run({"in": np.array([9, 9])}, depth=2)["out"].size == 9


def test_a_starving_process_is_named(compiled):
    """`Join` has an item of one stream and none of the other, and nothing is to come."""
    kernel = compiled(BURSTS.replace("DEPTH", ""), threads=True)
    with pytest.raises(SimulationError, match=r"wait.* to read from 'second'"):
        kernel.run({"in": np.array([1])})


def test_unread_inputs_are_a_fault(compiled):
    text = "void sample_top(hls::stream<int>& in, hls::stream<int>& out) { out.write(in.read()); }"
    with pytest.raises(SimulationError, match="2 of 3 items of 'in' are left unread"):
        compiled(text).run({"in": np.arange(3)})
    with pytest.raises(SimulationError, match="to write to 'in'"):
        compiled(text, threads=True).run({"in": np.arange(5)})


def test_reading_an_empty_stream_is_a_fault(compiled):
    text = "void sample_top(hls::stream<int>& in, hls::stream<int>& out) { out.write(in.read()); }"
    with pytest.raises(SimulationError, match="reads from the empty stream 'in'"):
        compiled(text).run({"in": np.arange(0)})
    with pytest.raises(SimulationError, match="to read from 'in'"):
        compiled(text, threads=True).run({"in": np.arange(0)})


def test_polling_for_ever_runs_into_the_time_out(compiled, monkeypatch):
    kernel = compiled(
        "void sample_top(hls::stream<int>& in, hls::stream<int>& out) {\n"
        "    out.write(in.read());\n"
        "    while (in.empty()) {}\n"
        "}\n",
        threads=True,
    )
    monkeypatch.setattr(kernels, "TIMEOUT_MS", 200)
    with pytest.raises(SimulationError, match="nothing has moved for 200 ms"):
        kernel.run({"in": np.arange(1)})


def test_an_exception_ends_all_processes(compiled):
    kernel = compiled(
        "#include <stdexcept>\n"
        "void Fail(hls::stream<int>& in, hls::stream<int>& out) {\n"
        '    M3VIT_FOREVER(in, false) if (in.read() == 3) throw std::runtime_error("three");\n'
        "    out.write(0);\n"
        "}\n"
        "void Wait(hls::stream<int>& in, hls::stream<int>& out) { out.write(in.read()); }\n"
        "void sample_top(hls::stream<int>& in, hls::stream<int>& out) {\n"
        '    hls::stream<int> middle("middle");\n'
        "    M3VIT_PROCESS(Fail(in, middle));\n"
        "    M3VIT_PROCESS(Wait(middle, out));\n"
        "}\n",
        threads=True,
    )
    with pytest.raises(SimulationError, match="three"):
        kernel.run({"in": np.arange(10)})
