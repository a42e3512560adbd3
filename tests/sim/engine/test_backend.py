"""The backend `rtl`: the same integers and digests as the reference, and cycles."""

from dataclasses import replace

import numpy as np
import pytest

from m3vit import Accelerator
from m3vit.errors import UserError
from m3vit.host.image import default_photograph, load_image
from m3vit.model import synthetic
from m3vit.model.shipped import find_model
from m3vit.sim.engine.backend import EngineSimulation


def on_nano(model):
    return EngineSimulation(model, "nano")


def test_small_network_on_the_small_design():
    model = synthetic.random_model(synthetic.NANO, seed=5)
    pixels = np.random.default_rng(5).integers(0, 256, (32, 48, 3), np.uint8)
    engine, reference = Accelerator(model, on_nano), Accelerator(model)
    for task in reference.tasks:
        expected, found = reference.run(pixels, task), engine.run(pixels, task)
        assert found.digest == expected.digest
        np.testing.assert_array_equal(found.loads, expected.loads)
        assert expected.cycles is None and found.cycles is not None and found.cycles > 1000


def test_shipped_network_on_the_large_design():
    """What `m3vit demo --backend rtl` does: a photograph, every task."""
    engine = Accelerator(find_model("m3vit-nano-int8"), "rtl")
    reference = Accelerator(engine.model)
    pixels = load_image(default_photograph(), engine.model.image_size).pixels
    for task in reference.tasks:
        assert engine.run(pixels, task).digest == reference.run(pixels, task).digest


def test_too_large_networks_are_refused():
    with pytest.raises(UserError, match="nano"):
        on_nano(synthetic.random_model(replace(synthetic.NANO, width=512)))
