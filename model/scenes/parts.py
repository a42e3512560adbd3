"""What a scene is made of: surfaces with a material, grouped into labelled things."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from m3vit.model.scenes.geometry import Mesh

CLASS_NAMES = (
    "road",
    "pavement",
    "building",
    "vegetation",
    "terrain",
    "sky",
    "vehicle",
    "person",
    "street furniture",
)
ROAD, PAVEMENT, BUILDING, VEGETATION, TERRAIN, SKY, VEHICLE, PERSON, FURNITURE = range(9)


@dataclass(frozen=True, eq=False)
class Material:
    """How a surface scatters light.

    Attributes:
        texture: sRGB bytes (h, w, 3), row 0 at the top; None means the mesh's own colours.
        glossy: a smooth clear coat over the colour (paint, glass) instead of a matte surface.
        foliage: a crown's leaves, whose normals are the crown's; those on its far side are left
            out, for they would be lit through the crown.
    """

    texture: NDArray[np.uint8] | None = None
    glossy: bool = False
    foliage: bool = False


MATTE = Material()
GLOSSY = Material(glossy=True)
FOLIAGE = Material(foliage=True)


@dataclass(frozen=True)
class Thing:
    """One object: its class and its surfaces. Two cars are two things, a wood is one."""

    label: int
    parts: tuple[tuple[Mesh, Material], ...]

    def moved(self, offset: ArrayLike, yaw: float = 0.0) -> "Thing":
        """The same thing elsewhere; see `Mesh.moved`."""
        return Thing(self.label, tuple((mesh.moved(offset, yaw), how) for mesh, how in self.parts))


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Attributes:
        position: metres.
        yaw: radians, positive turns left from y; pitch: positive looks up; roll: positive
            turns the picture counter-clockwise.
        field_of_view: horizontal, degrees.
    """

    position: tuple[float, float, float]
    yaw: float
    pitch: float
    roll: float
    field_of_view: float

    def axes(self) -> NDArray[np.float64]:
        """Unit vectors right, up and forward in world axes, rows of a (3, 3) matrix."""
        forward = np.array(
            [
                -np.sin(self.yaw) * np.cos(self.pitch),
                np.cos(self.yaw) * np.cos(self.pitch),
                np.sin(self.pitch),
            ]
        )
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        up = np.cross(right, forward)
        cosine, sine = np.cos(self.roll), np.sin(self.roll)
        # Turning the camera clockwise turns the picture counter-clockwise.
        return np.stack([cosine * right - sine * up, sine * right + cosine * up, forward])


@dataclass(frozen=True)
class Light:
    """Sun and sky, in units in which a white sheet in full light is about 1..5.

    Attributes:
        to_sun: unit vector towards the sun.
        sun: irradiance of a sheet facing the sun, RGB.
        sky: (h, 2h, 3) radiance; row 0 is the zenith, column 0 is forward (y), to the right
            with rising columns.
    """

    to_sun: tuple[float, float, float]
    sun: tuple[float, float, float]
    sky: NDArray[np.float32]


@dataclass
class World:
    """Everything that is rendered."""

    camera: Camera
    light: Light
    things: list[Thing] = field(default_factory=list)

    def add(self, label: int, *parts: tuple[Mesh, Material]) -> None:
        """Add one thing."""
        self.things.append(Thing(label, parts))
