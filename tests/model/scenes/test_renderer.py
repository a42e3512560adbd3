import sys

import numpy as np
import pytest

from m3vit.errors import UserError
from m3vit.model.scenes import renderer
from m3vit.model.scenes.geometry import box, leaves, quads, rectangle
from m3vit.model.scenes.parts import FOLIAGE, MATTE, PERSON, TERRAIN, VEGETATION
from m3vit.model.scenes.renderer import shade, trace

SIZE = (48, 96)


def _rays(camera):
    """The analytic pinhole: directions with unit length along the optical axis."""
    right, up, forward = camera.axes()
    half = np.tan(np.radians(camera.field_of_view) / 2)
    rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
    x = ((columns + 0.5) / SIZE[1] - 0.5) * 2 * half
    y = -((rows + 0.5) / SIZE[0] - 0.5) * 2 * half * SIZE[0] / SIZE[1]
    return x[..., None] * right + y[..., None] * up + forward


def test_ground_plane_has_its_analytic_depth_and_normal(empty_world):
    empty_world.add(TERRAIN, (quads([rectangle(4000, 4000)]), MATTE))
    layers = trace(empty_world, SIZE)
    rays = _rays(empty_world.camera)
    expected = -empty_world.camera.position[2] / rays[..., 2]
    visible = (expected > 0) & (expected < 1000)
    assert 0.4 < visible.mean() < 0.9
    np.testing.assert_array_equal((layers.thing == 0)[visible], True)
    np.testing.assert_array_equal(layers.thing[rays[..., 2] > 0], -1)
    np.testing.assert_allclose(layers.depth[visible], expected[visible], rtol=1e-9)
    length = np.linalg.norm(rays, axis=-1)
    np.testing.assert_allclose(layers.distance[visible], (expected * length)[visible], rtol=1e-9)
    right, up, forward = empty_world.camera.axes()
    upwards = [right[2], up[2], -forward[2]]
    np.testing.assert_allclose(
        layers.normal[visible], np.broadcast_to(upwards, (visible.sum(), 3)), atol=1e-9
    )
    assert (layers.depth[layers.thing == -1] == 0).all()
    assert (layers.normal[layers.thing == -1] == 0).all()


def test_a_wall_before_a_wall_hides_it_and_faces_the_viewer(empty_world):
    # The second wall is wound the other way round: surfaces are two-sided.
    for y, order in ((10.0, [0, 1, 2, 3]), (5.0, [3, 2, 1, 0])):
        corners = np.array([[-90, y, -90], [90, y, -90], [90, y, 90], [-90, y, 90]])
        empty_world.add(PERSON, (quads([corners[order]]), MATTE))
    layers = trace(empty_world, SIZE)
    assert (layers.thing == 1).all()
    rays = _rays(empty_world.camera)
    np.testing.assert_allclose(layers.depth, 5.0 / rays[..., 1], rtol=1e-9)
    right, up, forward = empty_world.camera.axes()
    np.testing.assert_allclose(layers.normal[20, 50], [-right[1], -up[1], forward[1]], atol=1e-9)


def test_the_picture_is_not_mirrored(empty_world):
    empty_world.add(PERSON, (box([1, 1, 3], (2.0, 8.0, 0), (0.9, 0.9, 0.9)), MATTE))
    layers = trace(empty_world, SIZE)
    columns = np.nonzero((layers.thing == 0).any(0))[0]
    # The camera looks to the left of y, so that the box is far to the right.
    assert columns.min() > SIZE[1] / 2


def test_radiance_and_labels_show_the_same_pixels(empty_world):
    empty_world.add(PERSON, (box([2, 1, 3], (-1.0, 8.0, 0), (0.0, 0.0, 0.0)), MATTE))
    layers = trace(empty_world, SIZE)
    dark = shade(empty_world, SIZE, 4, 0).mean(-1) < 0.5
    assert (dark == (layers.thing == 0)).mean() > 0.99


def test_leaves_on_the_far_side_are_not_drawn(empty_world):
    rng = np.random.default_rng(0)
    points = np.tile([0.0, 6.0, 1.5], (400, 1)) + rng.normal(size=(400, 3)) * 0.3
    for outward in ([0.0, 1.0, 0.0], [0.0, -1.0, 0.0]):
        normals = np.tile(outward, (400, 1))
        empty_world.add(VEGETATION, (leaves(points, normals, 0.3, (0.1, 0.2, 0.1), rng), FOLIAGE))
    seen = np.unique(trace(empty_world, SIZE).thing)
    np.testing.assert_array_equal(seen, [-1, 1])


def test_sampling_depends_on_the_seed_alone(empty_world):
    empty_world.add(TERRAIN, (quads([rectangle(400, 400)]), MATTE))
    empty_world.add(PERSON, (box([2, 1, 3], (-1.0, 8.0, 0)), MATTE))
    first = shade(empty_world, SIZE, 4, 1)
    np.testing.assert_array_equal(shade(empty_world, SIZE, 4, 1), first)
    assert (shade(empty_world, SIZE, 4, 2) != first).any()


def test_a_missing_renderer_is_explained(monkeypatch, empty_world):
    empty_world.add(TERRAIN, (quads([rectangle(400, 400)]), MATTE))
    renderer._mitsuba.cache_clear()
    monkeypatch.setitem(sys.modules, "mitsuba", None)
    with pytest.raises(UserError, match=r"m3vit\[train\]"):
        trace(empty_world, SIZE)
    renderer._mitsuba.cache_clear()
