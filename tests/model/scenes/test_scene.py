import numpy as np
import pytest

from m3vit.model.scenes import CLASS_NAMES, render_scene
from m3vit.model.scenes.records import is_intact, pack, record_type, unpack
from m3vit.model.scenes.sheet import PALETTE, contact_sheet, panels

SIZE = (32, 64)


@pytest.fixture(scope="module")
def scene():
    return render_scene(5, SIZE, samples=4)


def test_the_same_seed_gives_the_same_bytes(scene):
    other = render_scene(6, SIZE, samples=4)
    again = render_scene(5, SIZE, samples=4)
    assert pack(5, again).tobytes() == pack(5, scene).tobytes() != pack(5, other).tobytes()


def test_the_number_of_threads_does_not_matter(scene):
    drjit = pytest.importorskip("drjit")
    before = drjit.thread_count()
    try:
        drjit.set_thread_count(1 if before > 1 else 3)
        again = render_scene(5, SIZE, samples=4)
        assert pack(5, again).tobytes() == pack(5, scene).tobytes()
    finally:
        drjit.set_thread_count(before)


def test_ground_truth_is_in_range(scene):
    labels = scene.truth
    assert scene.rgb.shape == (*SIZE, 3) and scene.rgb.dtype == np.uint8
    assert labels.labels.max() < len(CLASS_NAMES) == len(PALETTE)
    assert len(np.unique(labels.labels)) >= 4
    sky = labels.labels == CLASS_NAMES.index("sky")
    np.testing.assert_array_equal(labels.depth[sky], 0)
    assert ((labels.depth >= 0) & (labels.depth <= 80)).all()
    length = np.linalg.norm(labels.normals, axis=-1)
    np.testing.assert_allclose(length[~sky], 1, atol=1e-6)
    np.testing.assert_array_equal(length[sky], 0)
    # No visible surface turns its back: along the optical axis a normal may lean away, but
    # never beyond what the field of view allows.
    assert labels.normals[..., 2][~sky].min() > -0.85
    assert 0 < labels.edges.mean() < 0.5


def test_packing_rounds_as_stated(scene):
    record = pack(5, scene)
    assert record.dtype == record_type(SIZE) and is_intact(record[()])
    restored = unpack(record[()])
    np.testing.assert_array_equal(restored.rgb, scene.rgb)
    np.testing.assert_array_equal(restored.truth.labels, scene.truth.labels)
    np.testing.assert_array_equal(restored.truth.edges, scene.truth.edges)
    assert restored.field_of_view == pytest.approx(scene.field_of_view, rel=1e-7)
    assert 42 <= scene.field_of_view <= 88
    assert np.abs(restored.truth.depth - scene.truth.depth).max() <= 0.5 / 800 + 1e-5
    np.testing.assert_array_equal(restored.truth.depth == 0, scene.truth.depth == 0)
    cosine = (restored.truth.normals * scene.truth.normals).sum(-1)
    assert cosine[scene.truth.normals.any(-1)].min() > np.cos(np.radians(0.5))


def test_a_changed_byte_is_noticed(scene):
    record = pack(5, scene)
    record["labels"][3, 4] ^= 1
    assert not is_intact(record[()])


def test_contact_sheet_shows_all_panels(scene, tmp_path):
    from PIL import Image

    path = contact_sheet([scene, scene, scene], tmp_path / "sheet.png", columns=2)
    height, width = panels(scene).shape[:2]
    assert width >= 5 * SIZE[1]
    with Image.open(path) as picture:
        assert picture.size == (2 * (width + 2), 2 * (height + 2))
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([], tmp_path / "none.png")
    assert list(tmp_path.iterdir()) == [path]
