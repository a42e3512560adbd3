import pytest

from m3vit.sim.rtl.runner import SimulationError

FAULTS = {
    "bursts cross borders": ("axi_bursts.sv", "5'd16 - 5'(beat_in_block)", "5'd16"),
    "a beat too far": ("axi_bursts.sv", "<= {arena_lines, 2'b00}", "<= {arena_lines, 2'b11}"),
    "no places": ("axi_read_port.sv", " && room >= burst_lines", ""),
    "does not drain": ("axi_read_port.sv", "!drain && (", "("),
    "idle too early": ("axi_read_port.sv", "!arvalid && pending == '0", "!arvalid"),
    "does not yield": ("axi_read_port.sv", " && !slow", ""),
    "always yields": ("axi_read_port.sv", "slow = yields && ", "slow = "),
    "remembers the turn": ("axi_reader.sv", "if (!rst_n || empty) turn", "if (!rst_n) turn"),
    "no errors": ("axi_read_port.sv", "rvalid && rresp[1]", "1'b0"),
    "wrong order in a line": (
        "axi_read_port.sv",
        "whole = {rdata, earlier}",
        "whole = {earlier, rdata}",
    ),
}


@pytest.mark.parametrize("ports", [1, 2, 4])
def test_memory_is_read_in_order(simulate, ports):
    simulate("axi_reader_bench", {"PORTS": ports, "BURSTS": 2 if ports == 1 else 3})


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_found(simulate, fault):
    with pytest.raises(SimulationError, match="FAIL"):
        simulate("axi_reader_bench", {"PORTS": 2, "BURSTS": 3}, faults=[FAULTS[fault]])
