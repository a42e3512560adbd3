import json

import m3vit as package
from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.host import program
from m3vit.model.compiled import CompiledModel


def test_a_published_network_is_counted(m3vit, tmp_path):
    result = m3vit("info", "--config", "pascal_small", "--json", tmp_path / "i.json")
    report = json.loads((tmp_path / "i.json").read_text())
    assert report["provenance"] == "counted"
    assert list(report["tasks"]) == ["semseg", "human_parts", "sal", "normals", "edge"]
    # One task against a dense pass and a head for each of the five.
    assert round(report["tasks"]["semseg"]["saved"]["separate"], 2) == 0.88
    for word in ("85.11 M parameters", "1025 tokens", "counted", "88% fewer FLOPs", "Published"):
        assert word in result.stdout


def test_float_and_compiled_directories_are_counted(
    m3vit, float_directory, compiled_directory, tmp_path
):
    reports = []
    for directory in (float_directory, compiled_directory):
        m3vit("info", directory, "--json", tmp_path / "i.json")
        reports.append(json.loads((tmp_path / "i.json").read_text()))
    of_float, compiled = reports
    assert "arena" not in of_float
    assert (of_float["numbers"], compiled["numbers"]) == ("float32", "int8")
    depth = [report["tasks"]["depth"] for report in reports]
    assert depth[0]["macs"] == depth[1]["macs"]
    assert depth[0]["weight_bytes"] == 4 * depth[0]["parameters"]
    assert depth[1]["weight_bytes"] < depth[0]["weight_bytes"] / 2
    parts = depth[0]["parts"].values()
    assert sum(part["macs"] for part in parts) == depth[0]["macs"]


def test_the_memory_on_a_board_is_counted_with_the_remedy_of_the_driver(
    m3vit, compiled_directory, tmp_path
):
    result = m3vit("info", compiled_directory, "--design", "nano", "--json", tmp_path / "i.json")
    arena = json.loads((tmp_path / "i.json").read_text())["arena"]
    plan = program.build_plan(CompiledModel.load(compiled_directory), DesignConfig.load("nano"))
    assert arena["bytes"] == plan.arena_bytes
    assert f"{plan.arena_bytes:,} bytes" in result.stdout
    assert "restart the board with cma=512M" in " ".join(result.stdout.split())


def test_a_model_that_does_not_fit_says_why(m3vit, compiled_directory, monkeypatch):
    def refuse(*_):
        raise UserError("it does not fit: take a smaller one")

    monkeypatch.setattr(program, "build_plan", refuse)
    result = m3vit("info", compiled_directory)
    assert "the design zcu104: it does not fit: take a smaller one" in result.stdout


def test_contradictions_and_unknown_names_are_refused(refused, compiled_directory, tmp_path):
    assert "leave one of them out" in refused("info", compiled_directory, "--config", "nyud_small")
    assert "choose one of cityscapes_tiny" in refused("info", "--config", "huge")
    assert "no directory" in refused("info", tmp_path / "absent")
    refused("info", compiled_directory, "--design", "none")
    assert "config.json" in refused("info", tmp_path)


def test_versions_are_listed(m3vit):
    lines = m3vit("version").stdout.splitlines()
    assert lines[0] == f"m3vit {package.__version__}"
    assert any(line.startswith("numpy 1.26") for line in lines)
