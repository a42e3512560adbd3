import json

import numpy as np
import pytest
from PIL import Image

from m3vit.model.compiled import CompiledModel


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    options = []
    for index in range(3):
        coarse = generator.integers(0, 256, (8, 12, 3), np.uint8)
        Image.fromarray(coarse).resize((96, 64)).save(folder / f"{index}.png")
        options += ["--images", folder / f"{index}.png"]
    return options


def test_quantise_compare_and_golden_follow_each_other(m3vit, float_directory, pictures, tmp_path):
    compiled = tmp_path / "int8"
    result = m3vit("quantize", float_directory, "-o", compiled, *pictures)
    assert "MB compiled" in result.stdout
    assert CompiledModel.load(compiled).image_size == (32, 48)

    report = tmp_path / "compare.json"
    result = m3vit("compare", float_directory, compiled, *pictures, "--json", report)
    content = json.loads(report.read_text())
    assert content["images"] == 3
    assert 0.8 < content["assignments_kept"] <= 1
    assert [task["task"] for task in content["tasks"]] == ["semseg", "depth"]
    for word in ("measured on 3 images", " dB", "expert assignments kept", "layers.3"):
        assert word in result.stdout

    result = m3vit("golden", compiled, "-o", tmp_path / "golden")
    assert (tmp_path / "golden" / "index.json").exists()
    assert "files" in result.stdout


def test_calibration_takes_a_data_set(m3vit, float_directory, scenes_root, tmp_path):
    data = ("--root", scenes_root, "--count", 2)
    m3vit("quantize", float_directory, "-o", tmp_path / "int8", "--data", "scenes", *data)
    m3vit("compare", float_directory, tmp_path / "int8", *data, "--json", tmp_path / "c.json")
    assert json.loads((tmp_path / "c.json").read_text())["images"] == 2


def test_contradictions_and_mismatches_are_refused(
    refused, float_directory, compiled_directory, pictures, tmp_path
):
    output = tmp_path / "int8"
    both = ("--data", "scenes", *pictures)
    assert "leave one" in refused("quantize", float_directory, "-o", output, *both)
    assert "no directory" in refused("quantize", tmp_path / "absent", "-o", output, *pictures)
    missing = ("--images", tmp_path / "absent.png")
    assert "no file" in refused("quantize", float_directory, "-o", output, *missing)
    refused("quantize", compiled_directory, "-o", output, *pictures)
    refused("golden", float_directory, "-o", output)
    refused("compare", compiled_directory, compiled_directory, *pictures)
    refused("quantize", float_directory, "-o", output, "--root", tmp_path)
    assert not list(tmp_path.iterdir())
