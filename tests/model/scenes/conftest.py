import numpy as np
import pytest

from m3vit.model.scenes.parts import Camera, Light, World


@pytest.fixture
def empty_world():
    """A tilted, turned and rolled camera 1.7 m above the origin under a white sky."""
    sky = np.ones((16, 32, 3), np.float32)
    camera = Camera((0.3, 0.0, 1.7), yaw=0.2, pitch=-0.1, roll=0.05, field_of_view=60.0)
    return World(camera, Light((0.0, 0.0, 1.0), (1.0, 1.0, 1.0), sky))
