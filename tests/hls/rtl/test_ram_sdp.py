import pytest

from m3vit.sim.rtl.runner import SimulationError


@pytest.mark.parametrize(("style", "latency"), [("distributed", 0), ("block", 1), ("ultra", 3)])
def test_reads_see_the_writes_before_their_cycle(simulate, style, latency):
    simulate("ram_sdp", {"WIDTH": 36, "DEPTH": 33, "STYLE": f'"{style}"', "LATENCY": latency})


def test_one_word_is_a_memory_too(simulate):
    simulate("ram_sdp", {"WIDTH": 36, "DEPTH": 1, "LATENCY": 1})


def test_reading_the_new_word_is_found(simulate):
    new_word = "write_enable && write_address == read_address ? write_data : memory[read_address]"
    fault = (
        "ram_sdp.sv",
        "{read_pipeline, memory[read_address]}",
        f"{{read_pipeline, {new_word}}}",
    )
    with pytest.raises(SimulationError, match="AssertionError"):
        simulate("ram_sdp", {"WIDTH": 36, "DEPTH": 33, "LATENCY": 1}, faults=[fault])
