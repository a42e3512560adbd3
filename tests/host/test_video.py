"""Frames of cameras, files and pictures."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from m3vit.errors import UserError
from m3vit.host.video import captured, panning

SIZE = (16, 32)


class Capture:
    """As OpenCV's, with two frames: blue above red, in its order of channels."""

    def __init__(self, source):
        self.source, self.left, self.released = source, 2, False
        captures.append(self)

    def isOpened(self):  # noqa: N802
        return self.source != "missing.avi"

    def read(self):
        if not self.left:
            return False, None
        self.left -= 1
        frame = np.zeros((40, 60, 3), np.uint8)
        frame[:20, :, 0] = 255
        frame[20:, :, 2] = 255
        return True, frame

    def release(self):
        self.released = True


captures: list[Capture] = []


@pytest.fixture
def opencv(monkeypatch):
    captures.clear()
    module = SimpleNamespace(
        VideoCapture=Capture, COLOR_BGR2RGB=4, cvtColor=lambda frame, _: frame[..., ::-1].copy()
    )
    monkeypatch.setitem(sys.modules, "cv2", module)


@pytest.mark.parametrize("source", [0, "street.avi"])
def test_captured_frames_have_the_size_and_rgb(opencv, source):
    frames = list(captured(source, SIZE))
    assert captures[0].source == source and captures[0].released
    assert [frame.shape for frame in frames] == [(16, 32, 3)] * 2
    assert frames[0][0, 0].tolist() == [0, 0, 255] and frames[0][-1, 0].tolist() == [255, 0, 0]


def test_a_camera_is_released_when_nobody_wants_the_rest(opencv):
    frames = captured(0, SIZE)
    next(frames)
    frames.close()
    assert captures[0].released


def test_a_source_that_cannot_be_opened(opencv):
    with pytest.raises(UserError, match=r"missing\.avi cannot be opened"):
        next(captured("missing.avi", SIZE))
    assert captures[0].released


def test_without_opencv(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(UserError, match="pip install opencv"):
        next(captured(0, SIZE))


def test_panning_goes_around_and_repeats(tmp_path):
    x, y = np.meshgrid(np.arange(120), np.arange(80))
    Image.fromarray(np.stack([2 * x, 2 * y, 0 * x], -1).astype(np.uint8)).save(tmp_path / "a.png")
    frames = list(panning(tmp_path / "a.png", SIZE, 9, period=8))
    assert [frame.shape for frame in frames] == [(16, 32, 3)] * 9
    np.testing.assert_array_equal(frames[0], frames[8])
    means = [tuple(frame.reshape(-1, 3).mean(axis=0)[:2].round()) for frame in frames[:8]]
    assert len(set(means)) == 8
    assert means[0][0] > means[4][0] and means[2][1] > means[6][1]
