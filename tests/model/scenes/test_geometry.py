import numpy as np
import pytest

from m3vit.model.scenes.geometry import (
    blob,
    box,
    join,
    lathe,
    leaves,
    limb,
    prism,
    quads,
    rectangle,
)

RNG = np.random.default_rng(0)
SOLIDS = {
    "box": box([2, 3, 4], (1, 2, 0)),
    "lathe": lathe([1.0, 0.5, 0.0], [0.0, 1.0, 3.0]),
    "limb": limb([0, 0, 0], [1, 2, 3], 0.2, 0.1, (0.5, 0.5, 0.5)),
    "lying limb": limb([0, 0, 0], [2, 0, 0], 0.2, 0.1, (0.5, 0.5, 0.5)),
    "blob": blob([1, 2, 3], [0, 0, 1], rng=RNG, roughness=0.1),
    "gable": prism(rectangle(4, 6, 3), rectangle(4, 0.02, 5), lid=False),
    "leaves": leaves(np.zeros((5, 3)), np.tile([0.0, 0.0, 1.0], (5, 1)), 0.1, (0.1, 0.2, 0.1), RNG),
}


@pytest.mark.parametrize("name", SOLIDS)
def test_meshes_are_well_formed(name):
    mesh = SOLIDS[name]
    count = len(mesh.vertices)
    assert mesh.faces.min() >= 0 and mesh.faces.max() < count
    assert len(mesh.normals) == len(mesh.texcoords) == len(mesh.colours) == count
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-5)
    for array in (mesh.vertices, mesh.normals, mesh.texcoords, mesh.colours):
        assert array.dtype == np.float32 and np.isfinite(array).all()


@pytest.mark.parametrize("name", ["box", "lathe", "limb", "lying limb", "blob", "gable"])
def test_normals_point_outwards_as_the_winding_does(name):
    mesh = SOLIDS[name]
    corner = mesh.vertices[mesh.faces]
    winding = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    area = np.linalg.norm(winding, axis=1)
    agreement = (winding * mesh.normals[mesh.faces].mean(1)).sum(1)[area > 1e-6]
    assert (agreement > 0).all()
    outward = corner.mean(1) - mesh.vertices.mean(0)
    assert (outward * winding).sum(1)[area > 1e-6].mean() > 0


def test_box_encloses_its_size():
    mesh = box([2, 3, 4], (1, 2, 0.5))
    np.testing.assert_allclose(mesh.vertices.min(0), [0, 0.5, 0.5])
    np.testing.assert_allclose(mesh.vertices.max(0), [2, 3.5, 4.5])


def test_moving_turns_before_it_translates():
    mesh = quads([[[1, 0, 0], [2, 0, 0], [2, 0, 1], [1, 0, 1]]]).moved([10, 0, 0], np.pi / 2)
    np.testing.assert_allclose(mesh.vertices[0], [10, 1, 0], atol=1e-6)
    np.testing.assert_allclose(mesh.normals[0], [1, 0, 0], atol=1e-6)


def test_join_keeps_every_triangle():
    parts = [box([1, 1, 1]), box([2, 2, 2], (5, 0, 0))]
    mesh = join(parts)
    expected = np.concatenate([part.vertices[part.faces] for part in parts])
    np.testing.assert_array_equal(mesh.vertices[mesh.faces], expected)


def test_quads_have_texture_coordinates_in_metres():
    mesh = quads([[[0, 0, 0], [3, 0, 0], [3, 0, 2], [0, 0, 2]]])
    np.testing.assert_allclose(mesh.texcoords, [[0, 0], [3, 0], [3, 2], [0, 2]], atol=1e-6)
