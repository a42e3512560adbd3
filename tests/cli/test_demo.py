import json
import shutil

import pytest
from PIL import Image

from m3vit.host.accelerator import Accelerator
from m3vit.host.image import default_photograph, load_image


def test_the_default_photograph_gives_a_picture_and_digests(
    m3vit, compiled_directory, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    result = m3vit("demo", "--model", compiled_directory)
    accelerator = Accelerator(compiled_directory)
    pixels = load_image(default_photograph(), (32, 48)).pixels
    for task in ("semseg", "depth"):
        assert f"{task:12} digest {accelerator.run(pixels, task).digest}" in result.stdout
    for word in ("measured", "counted", "china.jpg", "640x427", "backend reference"):
        assert word in result.stdout
    with Image.open("demo.png") as picture:
        assert picture.format == "PNG"


def test_numbers_for_machines_are_those_of_the_table(m3vit, compiled_directory, tmp_path):
    report = tmp_path / "deep" / "run.json"
    m3vit("demo", "--model", compiled_directory, "--no-picture", "--json", report)
    content = json.loads(report.read_text())
    assert content["backend"] == "reference"
    assert list(content["tasks"]) == ["semseg", "depth"]
    for task in content["tasks"].values():
        assert task.pop("cycles") is None
        assert set(task) == {"seconds", "macs", "weight_bytes", "experts_used", "digest"}
        assert len(task["digest"]) == 64
        assert len(task["experts_used"]) == 2
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.parametrize(
    "spelling",
    [
        ["--tasks", "depth", "semseg"],
        ["--tasks", "semseg,depth"],
        ["--tasks", "semseg depth"],
        ["--tasks", "semseg", "--tasks", "depth"],
        ["--tasks=semseg", "depth", "--fit", "stretch"],
    ],
)
def test_every_spelling_of_several_tasks_works(m3vit, compiled_directory, tmp_path, spelling):
    report = tmp_path / "r.json"
    m3vit("demo", *spelling, "--model", compiled_directory, "--no-picture", "--json", report)
    assert list(json.loads(report.read_text())["tasks"]) == ["semseg", "depth"]


def test_a_picture_file_may_follow_the_tasks(m3vit, compiled_directory, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (50, 50), "green").save("photo", format="png")
    result = m3vit(
        "demo", "--tasks", "depth", "photo", "--model", compiled_directory, "--no-picture"
    )
    assert "photo (50x50" in result.stdout
    assert "semseg" not in result.stdout


def test_fit_changes_what_the_network_sees(m3vit, compiled_directory, tmp_path):
    options = ("--model", compiled_directory, "--no-picture", "--tasks", "depth", "--json")
    digests = set()
    for fit in ("crop", "stretch"):
        m3vit("demo", "--fit", fit, *options, tmp_path / "r.json")
        digests.add(json.loads((tmp_path / "r.json").read_text())["tasks"]["depth"]["digest"])
    assert len(digests) == 2


def test_every_backend_gives_the_same_digests(m3vit, compiled_directory, tmp_path):
    digests = []
    for backend in ("reference", "csim"):
        options = ("--backend", backend, "--model", compiled_directory, "--no-picture")
        m3vit("demo", *options, "--json", tmp_path / "r.json")
        content = json.loads((tmp_path / "r.json").read_text())
        assert content["backend"] == backend
        digests.append({task: numbers["digest"] for task, numbers in content["tasks"].items()})
    assert digests[0] == digests[1]


def test_mistakes_are_answered_in_a_sentence(refused, compiled_directory, tmp_path):
    model = ("--model", compiled_directory)
    assert "no task 'dpeth': this model has semseg, depth" in refused(
        "demo", "--tasks", "semseg", "dpeth", *model
    )
    assert "named twice" in refused("demo", "--tasks", "depth,depth", *model)
    assert "no backend 'fpga'" in refused("demo", "--backend", "fpga", *model)
    assert "fit 'squash'" in refused("demo", "--fit", "squash", *model)
    assert "leave one of them out" in refused("demo", "--no-picture", "--output", "a.png", *model)
    assert "'.xyz' picture" in refused("demo", "--output", tmp_path / "a.xyz", *model)
    assert "there is no file" in refused("demo", tmp_path / "absent.jpg", *model)
    assert "no picture" in refused("demo", compiled_directory / "config.json", *model)
    assert "no directory" in refused("demo", "--model", tmp_path / "absent")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "manifest.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_a_damaged_compiled_model_is_refused_by_name(
    refused, compiled_directory, tmp_path, name, damage
):
    model = tmp_path / "model"
    shutil.copytree(compiled_directory, model)
    content = bytearray((model / name).read_bytes())
    if damage == "gone":
        (model / name).unlink()
    else:
        content[len(content) // 2] ^= 0x40
        (model / name).write_bytes(content if damage == "flip" else content[: len(content) // 2])
    output = tmp_path / "demo.png"
    # A flipped bit of the manifest may sit in a number or a name: the file at fault is then
    # the one whose size or hash it spoilt.
    line = refused("demo", "--model", model, "--output", output)
    assert str(model) in line
    assert not output.exists()


def test_outputs_that_cannot_be_written_are_refused(refused, compiled_directory, tmp_path):
    (tmp_path / "file").write_text("")
    options = ("--model", compiled_directory, "--no-picture", "--json")
    assert "error: " in refused("demo", *options, tmp_path / "file" / "r.json")
    assert "error: " in refused("demo", *options, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
