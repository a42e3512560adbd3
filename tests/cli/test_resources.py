import pytest

from m3vit.cli.resources import show_engine
from m3vit.hls.compiler.report import DesignReport, ModuleReport
from m3vit.hls.design import DesignConfig
from m3vit.hls.engine import TOP
from m3vit.hls.resources.cells import Resources
from m3vit.hls.resources.engine import EngineEstimate
from m3vit.hls.resources.synthesis import Estimate, Part


@pytest.fixture
def shown(capsys, monkeypatch):
    """What is printed for an engine of nothing but an array."""
    monkeypatch.setenv("COLUMNS", "100")

    def show(dsp):
        top, core, array = Part(TOP), Part("engine_top"), Part("MatmulArray")
        own = {
            top: Resources(),
            core: Resources(),
            array: Resources(lut=2_304, memory_lut=2_304, ff=46_080, dsp=dsp, ramb18=3),
        }
        mapped = Estimate(TOP, own, {top: {core: 1}, core: {array: 1}, array: {}}, "yosys 0")
        modules = (
            ModuleReport("MatmulArray", "process", slowest_ns=2.5, slowest_at="/a/b/array.hpp:7"),
            ModuleReport("engine_top", "network"),
        )
        report = DesignReport("engine_top.cpp", "engine_top", 1000 / 300, 2.333, {}, modules)
        show_engine(EngineEstimate(DesignConfig.load("zcu104"), mapped, report))
        return capsys.readouterr().out

    return show


def test_an_engine_is_shown_by_unit_with_shares_and_long_stages(shown):
    text = shown(1_024)
    row = next(line.split() for line in text.splitlines() if line.startswith(" matmul array"))
    assert row == ["matmul", "array", "4,608", "46,080", "1,024", "1.5"]
    shares = next(line.split() for line in text.splitlines() if line.startswith(" used"))
    assert shares == ["used", "2.0%", "10.0%", "59.3%", "0.6%", "0.0%"]
    assert "at least 10% is left of everything" in text
    assert "multiplies in 1,024 DSP blocks" in text
    assert "2.50 ns  MatmulArray  array.hpp:7" in text


def test_a_device_that_is_too_full_is_told(shown):
    assert "less than 10% is left of: dsp 93%" in shown(1_600)
