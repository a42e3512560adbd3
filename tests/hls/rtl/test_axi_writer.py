import pytest

from m3vit.sim.rtl.runner import SimulationError

FAULTS = {
    "leaves without its beats": ("axi_writer.sv", "waiting >= 7'(burst_beats)", "waiting != '0"),
    "a response per burst": ("axi_writer.sv", "5'(bvalid && of_last)", "5'(bvalid)"),
    "responses are lost": ("axi_writer.sv", " && !responses[4]", ""),
    "does not drain": ("axi_writer.sv", "stopped = drain || outside", "stopped = outside"),
    "idle too early": ("axi_writer.sv", "idle = unacknowledged == '0", "idle = !awvalid"),
    "no errors": ("axi_writer.sv", "bvalid && bresp[1]", "1'b0"),
}


@pytest.mark.parametrize("bursts", [2, 8])
def test_memory_is_written_in_order(simulate, bursts):
    simulate("axi_writer_bench", {"BURSTS": bursts})


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_found(simulate, fault):
    with pytest.raises(SimulationError, match="FAIL"):
        simulate("axi_writer_bench", {"BURSTS": 3}, faults=[FAULTS[fault]])
