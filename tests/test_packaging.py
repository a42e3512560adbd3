"""The package as users get it: what it imports, what a wheel holds, what the repository names."""

import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

import m3vit

ROOT = Path(__file__).resolve().parents[1]
TRAIN = "torch transformers safetensors brevitas mitsuba scipy tensorboard torchmetrics"
BLOCK = """
import importlib.abc, sys
packages = sys.argv.pop(1).split()
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in packages:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)
sys.meta_path.insert(0, Blocked())
"""


def python_without(packages, program, *arguments):
    """Run a program in a process in which some packages cannot be imported."""
    command = [sys.executable, "-c", BLOCK + program, packages, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_board_side_imports_numpy_and_the_standard_library_only(compiled_directory):
    program = """
import m3vit, m3vit.host, m3vit.host.image, m3vit.model.reference, m3vit.model.compiled
import m3vit.model.cost
import numpy as np
accelerator = m3vit.Accelerator(sys.argv[1])
height, width = accelerator.model.image_size
print(accelerator.run(np.zeros((height, width, 3), np.uint8), "depth").digest)
allowed = {"m3vit", "numpy", "PIL", "cython_runtime"} | set(sys.stdlib_module_names)
loaded = {name.partition(".")[0] for name in sys.modules}
print(sorted(name for name in loaded - allowed if not name.startswith(("_", "sitecustomize"))))
"""
    run = python_without(f"{TRAIN} pydantic matplotlib sklearn", program, str(compiled_directory))
    assert run.returncode == 0, run.stderr
    digest, foreign = run.stdout.splitlines()
    assert len(digest) == 64
    assert foreign == "[]"


def test_the_command_line_works_without_torch(compiled_directory, tmp_path):
    program = """
sys.argv[0] = "m3vit"
from m3vit.cli import main
main()
"""
    options = ["--model", str(compiled_directory), "--output", str(tmp_path / "demo.png")]
    # scipy stays: scikit-learn and matplotlib, which are no part of training, may use it.
    for words in (["demo", *options], ["info", str(compiled_directory)]):
        run = python_without(TRAIN.replace("scipy", ""), program, *words)
        assert run.returncode == 0, run.stderr
    run = python_without("matplotlib", program, "demo", *options)
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert "--no-picture" in run.stderr
    run = python_without(TRAIN, program, "train", "nano", "-o", str(tmp_path / "run"))
    assert run.returncode == 2
    assert re.fullmatch(r"error: this needs \w+, .* pip install 'm3vit\[train\]'\n", run.stderr)
    assert not (tmp_path / "run").exists()


def test_public_names_are_lazy_and_complete():
    program = "import m3vit; print(sorted(n for n in sys.modules if n.startswith('m3vit')))"
    assert python_without("", program).stdout.strip() == "['m3vit']"
    for name in m3vit.__all__:
        assert getattr(m3vit, name).__name__ == name
        assert name in dir(m3vit)
    with pytest.raises(AttributeError, match="no attribute 'Akselerator'"):
        m3vit.Akselerator  # noqa: B018


@pytest.mark.slow
def test_a_wheel_holds_models_and_recipes_and_no_links(tmp_path):
    # Built from what git tracks: a file that was not committed must not be needed.
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    source = tmp_path / "source"
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).exists() or (ROOT / name).is_symlink():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name, follow_symlinks=False)
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*wheel, "--wheel-dir", str(tmp_path), str(source)], check=True)
    [path] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        assert not any(info.external_attr >> 28 == 0xA for info in archive.infolist())
    package = [name for name in names if name.startswith("m3vit/")]
    assert {"m3vit/py.typed", "m3vit/host/accelerator.py", "m3vit/model/reference.py"} <= names
    for name in tracked.split("\0"):
        if name.startswith(("model/training/recipes/", "model/pretrained/")):
            assert f"m3vit/{name}" in names
    roots = {name.partition("/")[0] for name in names}
    assert roots == {"m3vit", f"m3vit-{m3vit.__version__}.dist-info"}
    assert not [name for name in package if "__pycache__" in name or "test" in name]


def test_the_installed_version_is_the_module_s():
    assert version("m3vit") == m3vit.__version__


def test_every_version_is_pinned():
    lines = [
        line.partition(";")[0].strip()
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[^=+]+", line) for line in lines), lines
    names = [line.partition("==")[0] for line in lines]
    assert "numpy==1.26.4" in lines  # pynq needs numpy below 2
    assert any(line.startswith("torch==") for line in lines)
    assert not {"torchvision", "timm", "triton"} & set(names)  # each brings a CUDA torch along


def test_no_package_host_is_named():
    for name in ("Makefile", ".ci/run", "pyproject.toml", "constraints.txt"):
        assert not re.search(r"index-url|https?://|--find-links", (ROOT / name).read_text())
