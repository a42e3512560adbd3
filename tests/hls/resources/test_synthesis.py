from pathlib import Path

import pytest

from m3vit.hls.compiler import compile_source
from m3vit.hls.resources import synthesis
from m3vit.hls.resources.cells import Resources
from m3vit.hls.resources.synthesis import Estimate, Part, estimate

KERNELS = Path(__file__).parents[1] / "compiler" / "kernels"


@pytest.fixture(scope="module")
def design():
    return compile_source(KERNELS / "look_up.cpp", "look_up")


def test_yosys_finds_the_memories_and_products_of_the_report(design, tmp_path, monkeypatch):
    monkeypatch.setattr(synthesis, "default_root", lambda: tmp_path)
    told = []
    found = estimate(design.texts(), design.top, lambda *numbers: told.append(numbers))
    total, reported = found.total, design.report.total()
    assert total.ramb18 in (reported["ramb18"], 2 * reported["ramb18"])  # it may take a whole one
    assert total.dsp == reported["dsp"]
    assert 0 < total.ff < 3 * reported["registers"]
    assert 0 < total.memory_lut < total.lut < 1000
    parts = len(found.own)
    assert (told[0], told[-1]) == ((0, parts), (parts, parts))
    about = found.as_dict()
    assert about["provenance"] == "estimated by yosys; not placed, not routed"
    assert about["tool"].startswith("yosys 0.")
    # The second time it comes from the cache.
    monkeypatch.setattr(synthesis, "_map_with_yosys", lambda *_: pytest.fail("mapped again"))
    assert estimate(design.texts(), design.top) == found


TEXTS = {
    "top.sv": """// A comment about module parts.
module top (
    input logic clk,
    output logic [1:0] out,
    output logic [8:0] oldest
);
    leaf first (.clk(clk), .out(out[0]));
    leaf second (.clk(clk),
        .out(out[1]));
    stream_fifo #(.WIDTH(9), .DEPTH(4)) queue (
        .clk(clk),
        .out_data(oldest)
    );
endmodule
""",
    "leaf.sv": """module leaf (
    input logic clk,
    output logic out
);
    logic state;
    always_ff @(posedge clk) state <= !state;
    assign out = state;
endmodule
""",
}
QUEUE = Part("stream_fifo", ".WIDTH(9), .DEPTH(4)")


@pytest.fixture(scope="module")
def nested(tmp_path_factory):
    library = {path.name: path.read_text() for path in synthesis.RTL_LIBRARY.values()}
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("cache")
        patch.setattr(synthesis, "default_root", lambda: root)
        yield estimate({**TEXTS, **library}, "top")


def test_modules_are_mapped_apart_and_added(nested):
    assert nested.counts == {Part("top"): 1, Part("leaf"): 2, QUEUE: 1}
    assert nested.modules == ["leaf", "top"]
    leaf = nested.within("leaf")
    assert leaf.ff == 1
    assert nested.own[Part("top")] == Resources()
    queue = nested.all_of(QUEUE)
    assert queue.memory_lut >= 5  # of two bits each
    assert nested.total == leaf.times(2) + queue


def test_what_yosys_sees_must_be_what_the_text_shows(tmp_path, monkeypatch):
    monkeypatch.setattr(synthesis, "default_root", lambda: tmp_path)
    cells = {"top": {"leaf": 3, "LUT1": 1}, "leaf": {"FDRE": 1}}
    monkeypatch.setattr(synthesis, "_map_with_yosys", lambda files, top: cells)
    texts = {**TEXTS, "top.sv": TEXTS["top.sv"].replace("stream_fifo #(", "other #(")}
    with pytest.raises(RuntimeError, match=r"top instantiates \{'leaf': 2\} .*\{'leaf': 3\} in"):
        estimate(texts, "top")


def test_a_file_holds_one_module():
    with pytest.raises(ValueError, match=r"modules \['a', 'b'\]"):
        estimate({"a.sv": "module a ();\nendmodule\nmodule b ();\nendmodule\n"}, "a")


def test_sums_follow_the_hierarchy():
    top, middle, leaf = Part("top"), Part("middle"), Part("leaf")
    found = Estimate(
        "top",
        {top: Resources(lut=1), middle: Resources(ff=2), leaf: Resources(dsp=1)},
        {top: {middle: 2, leaf: 1}, middle: {leaf: 3}, leaf: {}},
        "yosys",
    )
    assert found.counts == {top: 1, middle: 2, leaf: 7}
    assert found.total == Resources(lut=1, ff=4, dsp=7)
    assert found.as_dict()["modules"]["middle"] == {"count": 2, **vars(Resources(ff=2, dsp=3))}
