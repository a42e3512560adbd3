import numpy as np
import pytest

from m3vit.sim.fuzz import csim
from m3vit.sim.rtl import packing

SOURCE = """
#include <ap_fixed.h>
#include <ap_int.h>
#include <hls_stream.h>
struct Item { ap_int<12> a; ap_uint<70> b; ap_fixed<14, 5> f[2]; };
void Scale(hls::stream<Item>& in, hls::stream<ap_uint<71> >& out, ap_uint<10> n, short gain) {
    for (int i = 0; i < n; i++) {
        Item item = in.read();
        out.write(item.b + item.a * gain);
    }
}
"""
ITEM = packing.lay_out(
    "Item", [("a", 12, True), ("b", 70, False), ("f[0]", 14, True), ("f[1]", 14, True)]
)
RESULT = packing.lay_out("ap_uint<71>", [("", 71, False)])


@pytest.fixture
def job(tmp_path):
    source = tmp_path / "scale.cpp"
    source.write_text(SOURCE)
    items = np.zeros(5, packing.payload_type(ITEM))
    items["a"] = [1, 2, -3, 4, 5]
    items["b"] = [[2**64 - 1, 63]] * 5
    arguments = {"in": ITEM, "out": RESULT, "n": 3, "gain": -2}
    return csim.Job(source, "Scale", arguments, {"in": packing.pack(items, ITEM)})


def test_a_kernel_runs_on_files(job, tmp_path):
    first, second = csim.simulate([job, job], tmp_path)
    words = [int.from_bytes(word.tobytes(), "little") for word in first.outputs["out"]]
    assert words == [2**70 - 1 - 2, 2**70 - 1 - 4, 2**70 - 1 + 6]
    assert first.left == {"in": 2}
    np.testing.assert_array_equal(first.outputs["out"], second.outputs["out"])


def test_another_layout_than_the_compilers_is_found(job, tmp_path):
    job.arguments["out"] = packing.lay_out("ap_uint<40>", [("", 40, False)])
    with pytest.raises(csim.CSimulationError, match="an item takes 16 bytes, not 8"):
        csim.simulate([job], tmp_path)


def test_reading_too_much_is_an_error(job, tmp_path):
    job.arguments["n"] = 6
    with pytest.raises(csim.CSimulationError, match="reads from the empty stream"):
        csim.simulate([job], tmp_path)
