import json

import pytest

from m3vit.host.energy import benchmark
from m3vit.host.energy.meter import NoMeterError


@pytest.fixture(autouse=True)
def no_meters(monkeypatch):
    def absent(*_):
        raise NoMeterError("no meter in a test")

    for name in ("processor_meter", "gpu_meter", "RailMeter"):
        monkeypatch.setattr(benchmark, name, absent)
    monkeypatch.setattr(benchmark, "TIMING_SECONDS", 0.01)


def run(m3vit, compiled, tmp_path, *more):
    report = tmp_path / "energy.json"
    result = m3vit("energy", compiled, "--no-simulate", "--batch", 1, "--json", report, *more)
    return result.stdout, json.loads(report.read_text())


def test_the_table_and_the_report(m3vit, float_directory, compiled_directory, tmp_path):
    table, report = run(
        m3vit,
        compiled_directory,
        tmp_path,
        *("--float", float_directory, "--figure", tmp_path / "energy.png"),
    )
    for words in ("PyTorch float32", "integer reference", "no meter in a test", "Edge-MoE"):
        assert words in table
    assert (tmp_path / "energy.png").exists()
    systems = [row["system"] for row in report["rows"]]
    assert systems[0] == "PyTorch float32" and systems[-1] == "engine, int8"
    for row in report["rows"]:
        assert "joules" not in row["numbers"] and row["missing"]["joules"]
        assert all(number["origin"] == "measured" for number in row["numbers"].values())
    assert {
        number["origin"] for row in report["published"] for number in row["numbers"].values()
    } == {"published"}
    assert report["images"] == 2


def test_without_a_float_model_torch_s_rows_say_so(m3vit, compiled_directory, tmp_path):
    table, report = run(m3vit, compiled_directory, tmp_path)
    assert "give its directory by --float" in table
    assert not report["rows"][0]["numbers"]


def test_the_simulated_engine_has_its_row(m3vit, compiled_directory, tmp_path, monkeypatch):
    from m3vit.host.energy.rows import Number, Row
    from m3vit.sim.engine import benchmark as simulation

    def simulated(workload, design):
        number = Number(0.01, "estimated", "model", 0.005, 0.02)
        return Row("engine, int8", f"{design}, simulated", 1, {"joules": number})

    monkeypatch.setattr(simulation, "simulated_row", simulated)
    report = tmp_path / "energy.json"
    result = m3vit(
        *("energy", compiled_directory, "--batch", 1, "--design", "nano", "--json", report)
    )
    assert "0.005–0.02 est." in result.stdout
    (row,) = (
        row for row in json.loads(report.read_text())["rows"] if "simulated" in row["hardware"]
    )
    assert row["numbers"]["joules"]["origin"] == "estimated"


def test_mistakes_are_sentences(refused, compiled_directory, tmp_path):
    assert "let it end with" in refused("energy", compiled_directory, "--figure", tmp_path / "x.y")
    assert "no task 'flow'" in refused("energy", compiled_directory, "--task", "flow")
    assert "--keep is for random-tiny" in refused("energy", compiled_directory, "--keep", tmp_path)
    assert "leave --float out" in refused("energy", "--float", tmp_path)
    assert "no directory 'none'" in refused("energy", "none")
