import pytest

from m3vit.sim.rtl.runner import SimulationError

VALID = "out_valid    <= (Lutram ? next_count : count_kept) != '0;"
FAULTS = {
    "a place too many": [("next_count != CountBits'(DEPTH)", "next_count <= CountBits'(DEPTH)")],
    "no wrap": [("PointerBits'(DEPTH - 1) ?", "PointerBits'(DEPTH) ?")],
    "a path from in_valid to out_valid": [
        (VALID, ""),
        ("out_valid     <= 1'b0;", ""),
        ("wire push =", "assign out_valid = count != 0 || in_valid;\n    wire push ="),
    ],
    "reset forgets the count": [("count         <= '0;", "")],
}


@pytest.mark.parametrize(("width", "depth", "latency"), [(8, 2, 1), (5, 3, 1), (70, 65, 2)])
def test_words_pass_in_order_and_none_is_lost(simulate, width, depth, latency):
    simulate("stream_fifo", {"WIDTH": width, "DEPTH": depth}, {"LATENCY": latency})


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_found(simulate, fault):
    faults = [("stream_fifo.sv", *replacement) for replacement in FAULTS[fault]]
    with pytest.raises(SimulationError, match="AssertionError"):
        simulate("stream_fifo", {"WIDTH": 5, "DEPTH": 3}, {"LATENCY": 1}, faults)
