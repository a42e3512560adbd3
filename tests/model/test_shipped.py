"""Models by name, and the very integers of the one that comes with the package."""

import numpy as np
import pytest

from m3vit import Accelerator
from m3vit.errors import UserError
from m3vit.model.shipped import find_model, shipped_models

# Of m3vit-nano-int8 on pixels that are uniform random numbers of seed 0. They change with the
# shipped weights or with the arithmetic; either belongs in CHANGELOG.md.
DIGESTS = {
    "semseg": "aea3495ca364f9af8af5ca51f6a872839f6fcafea3ad16c4775fea743eec90fb",
    "depth": "26158d27ed9d5bafc8e25b1641ac16c2fb93c37763d23b1f065236d89e942881",
}


def test_a_directory_is_taken_as_it_is(tmp_path):
    assert find_model(tmp_path) == tmp_path
    assert find_model(str(tmp_path)) == tmp_path


def test_shipped_models_are_found_by_name():
    assert sorted(shipped_models()) == ["m3vit-nano", "m3vit-nano-int8"]
    for name, path in shipped_models().items():
        assert find_model(name) == path
        assert (path / "config.json").is_file()


def test_other_names_are_refused():
    with pytest.raises(UserError, match=r"no shipped model of that name.*m3vit-nano-int8"):
        find_model("absent")


@pytest.mark.parametrize("task", DIGESTS)
def test_the_shipped_model_computes_these_integers(task):
    accelerator = Accelerator(find_model("m3vit-nano-int8"))
    assert accelerator.tasks == tuple(DIGESTS)
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (*accelerator.model.image_size, 3), dtype=np.uint8)
    assert accelerator.run(pixels, task).digest == DIGESTS[task]
