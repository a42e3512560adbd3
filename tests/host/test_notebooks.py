"""Every notebook from top to bottom, on the simulated board, and their way to a user."""

import io
import os
import subprocess
import sys
import sysconfig
from base64 import b64decode
from importlib.metadata import entry_points
from pathlib import Path

import nbformat
import numpy as np
import pynq
import pytest
from nbclient import NotebookClient
from PIL import Image
from pynq._cli import get_notebooks

from m3vit.host import notebooks
from m3vit.sim.pynq_device import simulated_board

FOLDER = Path(notebooks.__path__[0])
PATHS = sorted(FOLDER.glob("*.ipynb"))
PICTURES = {
    "01_first_image": 1,
    "02_task_switching": 1,
    "03_experts": 3,
    "04_video": 1,
    "05_energy": 1,
    "06_own_checkpoint": 3,
}
SAYS = {
    "01_first_image": "36146bc22d4b7eca 36146bc22d4b7eca True",
    "02_task_switching": "A B A B: ",
    "03_experts": "3 MoE layers, 8 experts each, 2 for each patch",
    "04_video": "(of the simulator, not of a board)",
    "05_energy": "Nothing is measured: no power sensor of the rail 12V and INT",
    "06_own_checkpoint": "of the expert assignments are the float network's",
}
QUICK = ("01_first_image", "05_energy")
BUILD_SECONDS = 1800  # the engine's simulator, if it is not in the cache


def test_all_notebooks_are_known():
    assert [path.stem for path in PATHS] == list(PICTURES)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_notebooks_are_committed_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert cell.cell_type == "markdown" or (not cell.outputs and cell.execution_count is None)
        assert not cell.metadata


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=() if path.stem in QUICK else pytest.mark.slow) for path in PATHS],
    ids=lambda path: path.stem,
)
def test_notebooks_run(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=BUILD_SECONDS, resources=resources).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    said = "".join(output.get("text", "") for output in outputs)
    shown = [output.get("data", {}) for output in outputs]
    assert "No board here: the engine is simulated" in said
    assert SAYS[path.stem] in said + "".join(data.get("text/html", "") for data in shown)
    pictures = [data["image/png"] for data in shown if "image/png" in data]
    assert len(pictures) == PICTURES[path.stem]
    for picture in pictures:
        pixels = np.asarray(Image.open(io.BytesIO(b64decode(picture))).convert("RGB"))
        assert pixels.shape[0] > 150 and pixels.shape[1] > 400
        assert pixels.std() > 20  # something is drawn


def delivered(folder):
    return {path.name: path.read_bytes() for path in (folder / "m3vit").iterdir()}


def test_pynq_delivers_them(tmp_path):
    """The command as the manual has it for a PC."""
    found = entry_points(group="pynq.notebooks", name="m3vit")
    assert [point.value for point in found] == ["m3vit.host.notebooks"]
    programs = sysconfig.get_path("scripts")
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    command = [f"{programs}/pynq", "get-notebooks", "m3vit", "--ignore-overlays"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    expected = {path.name: path.read_bytes() for path in PATHS}
    assert delivered(tmp_path / "pynq-notebooks") == expected


def test_pynq_delivers_them_on_a_board(tmp_path, monkeypatch):
    """There it asks which board that is."""
    with simulated_board("nano", pool=1 << 20) as device:
        monkeypatch.setattr(pynq.Device, "_devices", [device], raising=False)
        monkeypatch.setattr(sys, "argv", ["pynq", "m3vit", "-p", str(tmp_path)])
        get_notebooks.main()
    assert set(delivered(tmp_path)) == {path.name for path in PATHS}
