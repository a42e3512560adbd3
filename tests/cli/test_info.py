import json

import m3vit as package


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
    assert (of_float["numbers"], compiled["numbers"]) == ("float32", "int8")
    depth = [report["tasks"]["depth"] for report in reports]
    assert depth[0]["macs"] == depth[1]["macs"]
    assert depth[0]["weight_bytes"] == 4 * depth[0]["parameters"]
    assert depth[1]["weight_bytes"] < depth[0]["weight_bytes"] / 2
    parts = depth[0]["parts"].values()
    assert sum(part["macs"] for part in parts) == depth[0]["macs"]


def test_contradictions_and_unknown_names_are_refused(refused, compiled_directory, tmp_path):
    assert "leave one of them out" in refused("info", compiled_directory, "--config", "nyud_small")
    assert "choose one of cityscapes_tiny" in refused("info", "--config", "huge")
    assert "no directory" in refused("info", tmp_path / "absent")
    assert "config.json" in refused("info", tmp_path)


def test_versions_are_listed(m3vit):
    lines = m3vit("version").stdout.splitlines()
    assert lines[0] == f"m3vit {package.__version__}"
    assert any(line.startswith("numpy 1.26") for line in lines)
