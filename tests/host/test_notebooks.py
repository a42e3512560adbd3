"""Every notebook from top to bottom, on the simulated board, and their way to a user."""

import io
import subprocess
import sys
from base64 import b64decode
from importlib.metadata import entry_points
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

from m3vit.host import notebooks

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


def test_pynq_delivers_them(tmp_path):
    found = entry_points(group="pynq.notebooks", name="m3vit")
    assert [point.value for point in found] == ["m3vit.host.notebooks"]
    code = "from pynq._cli.get_notebooks import main; main()"
    command = [sys.executable, "-W", "ignore", "-c", code]
    subprocess.run([*command, "m3vit", "--ignore-overlays", "-p", str(tmp_path)], check=True)
    delivered = sorted(path.name for path in (tmp_path / "m3vit").iterdir())
    assert delivered == [path.name for path in PATHS]
