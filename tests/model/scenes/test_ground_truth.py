import numpy as np

from m3vit.model.scenes.geometry import quads, rectangle
from m3vit.model.scenes.ground_truth import edges, truth
from m3vit.model.scenes.parts import BUILDING, MATTE, ROAD, SKY, VEGETATION
from m3vit.model.scenes.renderer import trace

SHAPE = (6, 8)


def _flat(label=BUILDING, depth=10.0, normal=(0.0, 0.0, 1.0)):
    """One object that fills the picture."""
    return {
        "thing": np.zeros(SHAPE, np.int32),
        "labels": np.full(SHAPE, label, np.uint8),
        "depth": np.full(SHAPE, depth),
        "normals": np.broadcast_to(np.array(normal), (*SHAPE, 3)).copy(),
    }


def test_one_surface_has_no_edge():
    assert not edges(**_flat()).any()


def test_a_class_boundary_lies_on_the_nearer_side():
    layers = _flat()
    layers["labels"][:, 4:] = ROAD
    layers["depth"][:, 4:] = 9.9
    expected = np.zeros(SHAPE, bool)
    expected[:, 4] = True
    np.testing.assert_array_equal(edges(**layers), expected)


def test_the_sky_is_infinitely_far():
    layers = _flat()
    layers["labels"][:3], layers["depth"][:3], layers["normals"][:3] = SKY, 0, 0
    layers["thing"][:3] = -1
    expected = np.zeros(SHAPE, bool)
    expected[3] = True
    np.testing.assert_array_equal(edges(**layers), expected)


def test_two_objects_of_one_class_are_separated_at_equal_depth_on_the_left():
    layers = _flat()
    layers["thing"][:, 5:] = 1
    expected = np.zeros(SHAPE, bool)
    expected[:, 4] = True
    np.testing.assert_array_equal(edges(**layers), expected)


def test_a_depth_step_counts_unless_it_is_one_plane():
    layers = _flat()
    layers["depth"][:, 4:] = 12.0
    assert not edges(**layers).any()
    layers["normals"][:, 4:] = [0.0, np.sin(0.2), np.cos(0.2)]
    assert edges(**layers)[:, 3].all()
    layers["depth"][:, 4:] = 10.9
    assert not edges(**layers).any()


def test_a_crease_counts_from_forty_degrees():
    for degrees, expected in ((39.0, False), (41.0, True)):
        layers = _flat()
        angle = np.radians(degrees)
        layers["normals"][:, 4:] = [np.sin(angle), 0.0, np.cos(angle)]
        assert edges(**layers).any() == expected


def test_foliage_has_an_outline_only():
    layers = _flat(VEGETATION)
    layers["normals"][:, 4:] = [1.0, 0.0, 0.0]
    layers["depth"][:, 4:] = 20.0
    assert not edges(**layers).any()
    layers["labels"][:, 4:] = BUILDING
    assert edges(**layers)[:, 3].all()


def test_depths_end_at_eighty_metres_but_labels_do_not(empty_world):
    empty_world.add(ROAD, (quads([rectangle(4000, 4000)]), MATTE))
    layers = trace(empty_world, (48, 96))
    labels = truth(empty_world, layers)
    assert labels.depth.dtype == np.float32 and labels.labels.dtype == np.uint8
    assert 75 < labels.depth.max() <= 80
    np.testing.assert_array_equal(labels.labels == SKY, layers.thing < 0)
    beyond = (layers.thing == 0) & (layers.depth > 80)
    assert beyond.any() and (labels.depth[beyond] == 0).all()
    # The far ground is no outline: only the horizon is.
    assert labels.edges.any(0).all() and labels.edges.mean() < 0.06
