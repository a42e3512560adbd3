from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from m3vit.errors import UserError
from m3vit.host.accelerator import Accelerator
from m3vit.host.image import LoadedImage
from m3vit.host.picture import check_format, draw_picture, shown_layers
from m3vit.model.network import Task
from m3vit.model.synthetic import NANO, random_image, random_model

KINDS = {"semseg": 5, "human_parts": 7, "sal": 1, "normals": 3, "edge": 1, "depth": 1}


def run(network=NANO, kinds=KINDS):
    tasks = tuple(
        Task(name, channels, 0, [0, network.num_experts], 0.001) for name, channels in kinds.items()
    )
    accelerator = Accelerator(random_model(network, tasks))
    pixels = random_image(network)
    return LoadedImage(pixels, "noise.png", "made"), [
        accelerator.run(pixels, task) for task in kinds
    ]


@pytest.mark.parametrize("kinds", [{task: KINDS[task]} for task in KINDS] + [KINDS])
def test_every_kind_of_task_is_drawn(tmp_path, kinds):
    image, results = run(kinds=kinds)
    draw_picture(tmp_path / "out.png", image, results, ["road", "moss"], "title")
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.width > 1000
        assert np.asarray(picture.convert("RGB")).std() > 20
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_a_dense_network_has_no_map_of_experts(tmp_path):
    image, results = run(replace(NANO, moe_layers=[]), {"depth": 1})
    draw_picture(tmp_path / "out.pdf", image, results, [], "dense")
    assert (tmp_path / "out.pdf").read_bytes().startswith(b"%PDF")


def test_many_experts_and_classes_have_colours(tmp_path):
    image, results = run(replace(NANO, num_experts=40), {"semseg": 40})
    draw_picture(tmp_path / "out.png", image, results, [], "many")
    assert (tmp_path / "out.png").stat().st_size > 0


def test_a_picture_that_fails_leaves_the_old_one(tmp_path):
    image, results = run(replace(NANO, head="tokens"), {"semseg": NANO.width})
    (tmp_path / "out.png").write_bytes(b"old")
    with pytest.raises(UserError, match="no map"):
        draw_picture(tmp_path / "out.png", image, results, [], "no map")
    assert (tmp_path / "out.png").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_unknown_formats_are_refused_at_once():
    with pytest.raises(UserError, match=r"'\.xyz' picture: choose one of .*png"):
        check_format("a.xyz")
    check_format("no_suffix")


@pytest.mark.parametrize(
    ("layers", "shown"), [(0, []), (1, [0]), (3, [0, 1, 2]), (6, [1, 2, 3, 5]), (12, [2, 5, 8, 11])]
)
def test_the_last_layer_is_always_shown(layers, shown):
    assert shown_layers(layers) == shown
