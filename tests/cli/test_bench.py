import json
import sys

import pytest

from m3vit.host.benchmark import contenders
from m3vit.host.benchmark.rows import Number, Row
from m3vit.host.energy.meter import NoMeterError
from m3vit.sim.benchmark import contender


@pytest.fixture(autouse=True)
def no_meters(monkeypatch):
    def absent(*_):
        raise NoMeterError("no meter in a test")

    for name in ("processor_meter", "gpu_meter", "RailMeter"):
        monkeypatch.setattr(contenders, name, absent)
    monkeypatch.setattr(contenders, "TIMING_SECONDS", 0.01)


def run(m3vit, compiled, tmp_path, *more):
    report = tmp_path / "bench.json"
    options = ("--batch", 1, "--json", report)
    result = m3vit("bench", compiled, *options, *more)
    return result.stdout, json.loads(report.read_text())


def test_the_table_and_the_report(m3vit, float_directory, compiled_directory, tmp_path):
    table, report = run(
        m3vit,
        compiled_directory,
        tmp_path,
        *("--float", float_directory, "--figure", tmp_path / "bench.png", "--engine", "none"),
    )
    for words in ("PyTorch float32", "integer reference", "no meter in a test", "Edge-MoE"):
        assert words in table
    assert (tmp_path / "bench.png").exists()
    systems = [row["system"] for row in report["rows"]]
    assert systems[0] == "PyTorch float32" and systems[-1] == "engine, int8"
    for row in report["rows"]:
        assert "joules" not in row["numbers"] and row["missing"]["joules"]
        assert all(number["origin"] == "measured" for number in row["numbers"].values())
    assert {
        number["origin"] for row in report["published"] for number in row["numbers"].values()
    } == {"published"}
    assert report["images"] == 2
    assert report["machine"]["versions"]["numpy"]


def test_without_a_float_model_torch_s_rows_say_so_once(m3vit, compiled_directory, tmp_path):
    more = ("--engine", "none", "--batch", 4)
    table, report = run(m3vit, compiled_directory, tmp_path, *more)
    assert table.count("give its directory by --float") == 1
    systems = [(row["system"], row["hardware"]) for row in report["rows"]]
    assert len(systems) == len(set(systems)) == 5  # not again for the other batch
    assert not report["rows"][0]["numbers"]


@pytest.mark.parametrize(
    ("options", "simulated"),
    [((), True), (("--quick",), False), (("--quick", "--engine", "rtl"), True)],
)
def test_the_engine_has_its_row(
    m3vit, compiled_directory, tmp_path, monkeypatch, options, simulated
):
    asked = []

    def row(workload, design, *, simulate, tell):
        tell("something")
        asked.append((design, simulate))
        number = Number(0.01, "estimated", "model", 0.005, 0.02)
        return Row("engine, int8", f"{design}, fake", 1, {"joules": number})

    monkeypatch.setattr(contender, "engine_row", row)
    table, report = run(m3vit, compiled_directory, tmp_path, "--design", "nano", *options)
    assert asked == [("nano", simulated)]
    assert "0.005–0.02" in table and table.count("est.") == 2  # the legend has the other
    assert report["rows"][-1]["numbers"]["joules"]["origin"] == "estimated"


def test_shipped_models_find_their_float_twin(m3vit, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(contenders, "contenders", lambda workload, _: given.append(workload) or [])
    run(m3vit, "m3vit-nano-int8", tmp_path, "--engine", "none")
    assert given[0].network.config.num_experts == given[0].compiled.network.num_experts


def test_random_tiny_without_torch_names_both_ways_out(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "m3vit.model.evaluation.benchmark", None)
    said = refused("bench")
    assert "pip install 'm3vit[train]'" in said and "m3vit bench m3vit-nano-int8" in said


def test_mistakes_are_sentences(refused, compiled_directory, tmp_path):
    assert "let it end with" in refused("bench", compiled_directory, "--figure", tmp_path / "x.y")
    assert "no task 'flow'" in refused("bench", compiled_directory, "--task", "flow")
    assert "--keep is for random-tiny" in refused("bench", compiled_directory, "--keep", tmp_path)
    assert "leave --float out" in refused("bench", "--float", tmp_path)
    assert "no directory 'none'" in refused("bench", "none")
    assert "is a directory" in refused("bench", compiled_directory, "--json", tmp_path)
    (tmp_path / "file").touch()
    below = tmp_path / "file" / "bench.json"
    assert "takes no files" in refused("bench", compiled_directory, "--json", below)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
