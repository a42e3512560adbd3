import sys
from pathlib import Path

import pytest

from m3vit.hls import register_module
from m3vit.hls.compiler.library import RTL_LIBRARY
from m3vit.sim.rtl import runner


@pytest.fixture
def simulate(tmp_path, monkeypatch):
    """Run the cocotb tests on the registers, changed or as they are."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parent)])

    def run(correct="", wrong=""):
        text = register_module.text()
        assert not correct or text.count(correct) == 1
        path = tmp_path / f"{register_module.MODULE}.sv"
        path.write_text(text.replace(correct, wrong) if correct else text)
        simulation = runner.build([RTL_LIBRARY["axilite_slave"], path], register_module.MODULE)
        simulation.run("cocotb_registers", tmp_path / "run")

    return run


def test_a_master_writes_and_reads(simulate):
    simulate()


@pytest.mark.parametrize(
    ("correct", "wrong"),
    [
        ("end else if (write_enable && !locked)", "end else if (write_enable)"),
        ("start = write_enable && !locked", "start = write_enable"),
        ("arena[39:32] <= written[7:0] |", "arena[39:32] <= written[15:8] |"),
    ],
)
def test_faults_are_found(simulate, correct, wrong):
    with pytest.raises(runner.SimulationError, match="FAIL"):
        simulate(correct, wrong)
