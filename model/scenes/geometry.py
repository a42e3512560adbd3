"""Triangle meshes of everyday solids, as plain NumPy arrays, for the rendered scenes.

World axes: x to the right, y forward, z up, metres. Texture coordinates are metres on the
surface divided by the texture's size unless a function says otherwise.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]
Points = NDArray[np.float64]
Colour = tuple[float, float, float]

GREY: Colour = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Mesh:
    """Triangles with one normal, texture coordinate and colour per vertex.

    Attributes:
        vertices: (V, 3) metres.
        faces: (F, 3) vertex indices.
        normals: (V, 3) unit vectors; they are the ground truth of the surface's direction.
        texcoords: (V, 2).
        colours: (V, 3) linear reflectance 0..1, used where the material has no texture.
    """

    vertices: Floats
    faces: NDArray[np.int32]
    normals: Floats
    texcoords: Floats
    colours: Floats

    def moved(self, offset: ArrayLike = (0.0, 0.0, 0.0), yaw: float = 0.0) -> "Mesh":
        """Turn by `yaw` radians about z (counter-clockwise from above), then translate."""
        cosine, sine = np.cos(yaw), np.sin(yaw)
        turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
        return Mesh(
            (self.vertices @ turn.T + np.asarray(offset)).astype(np.float32),
            self.faces,
            (self.normals @ turn.T).astype(np.float32),
            self.texcoords,
            self.colours,
        )

    def textured_every(self, size: float) -> "Mesh":
        """Divide the texture coordinates so that one texture spans `size` metres."""
        return Mesh(
            self.vertices,
            self.faces,
            self.normals,
            (self.texcoords / np.float32(size)).astype(np.float32),
            self.colours,
        )


def join(meshes: list[Mesh]) -> Mesh:
    """Concatenate meshes into one."""
    counts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.faces + n for mesh, n in zip(meshes, counts, strict=True)]).astype(
            np.int32
        ),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.texcoords for mesh in meshes]),
        np.concatenate([mesh.colours for mesh in meshes]),
    )


def _unit(vectors: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(length, 1e-12)


def quads(corners: ArrayLike, texcoords: ArrayLike | None = None, colour: ArrayLike = GREY) -> Mesh:
    """Flat quadrilaterals.

    Args:
        corners: (Q, 4, 3), counter-clockwise seen from outside.
        texcoords: (Q, 4, 2); by default metres along the first edge and across it.
        colour: one colour, or (Q, 3).
    """
    points = np.asarray(corners, np.float64).reshape(-1, 4, 3)
    count = len(points)
    along = points[:, 1] - points[:, 0]
    along = np.where(
        np.abs(along).sum(-1, keepdims=True) < 1e-9, points[:, 2] - points[:, 3], along
    )
    normals = _unit(np.cross(points[:, 2] - points[:, 0], points[:, 3] - points[:, 1]))
    if texcoords is None:
        u_axis = _unit(along)
        v_axis = np.cross(normals, u_axis)
        offset = points - points[:, :1]
        texcoords = np.stack(
            [(offset * u_axis[:, None]).sum(-1), (offset * v_axis[:, None]).sum(-1)], -1
        )
    first = np.arange(count)[:, None] * 4
    faces = np.concatenate([first + np.array(half) for half in ((0, 1, 2), (0, 2, 3))])
    colours = np.broadcast_to(np.asarray(colour, np.float32), (count, 3))
    return Mesh(
        points.reshape(-1, 3).astype(np.float32),
        faces.astype(np.int32),
        np.repeat(normals, 4, 0).astype(np.float32),
        np.asarray(texcoords, np.float32).reshape(-1, 2),
        np.repeat(colours, 4, 0).astype(np.float32),
    )


def prism(bottom: ArrayLike, top: ArrayLike, colour: ArrayLike = GREY, lid: bool = True) -> Mesh:
    """Side walls between two rings of equally many corners, closed at the top if `lid`.

    Args:
        bottom: (P, 3) corners, counter-clockwise seen from above.
        top: (P, 3) corners above them.
    """
    low, high = np.asarray(bottom, np.float64), np.asarray(top, np.float64)
    sides = np.stack([low, np.roll(low, -1, 0), np.roll(high, -1, 0), high], 1)
    parts = [quads(sides, colour=colour)]
    if lid:
        centre = np.broadcast_to(high.mean(0), high.shape)
        fan = np.stack([high, np.roll(high, -1, 0), centre, centre], 1)
        cap = quads(fan, colour=colour)
        texcoords = cap.vertices[:, :2].astype(np.float32)
        parts.append(Mesh(cap.vertices, cap.faces, cap.normals, texcoords, cap.colours))
    return join(parts)


def lifted(ring: ArrayLike, height: float) -> Points:
    """Points moved up by `height` metres, (P, 3)."""
    return np.asarray(ring, np.float64) + np.array([0.0, 0.0, height])


def rectangle(
    width: float, depth: float, z: float = 0.0, centre: tuple[float, float] = (0.0, 0.0)
) -> Points:
    """Corners of a level rectangle, (4, 3), counter-clockwise from the near left one."""
    x, y = centre
    a, b = width / 2, depth / 2
    return np.array([[x - a, y - b, z], [x + a, y - b, z], [x + a, y + b, z], [x - a, y + b, z]])


def box(size: ArrayLike, base: ArrayLike = (0, 0, 0), colour: ArrayLike = GREY) -> Mesh:
    """A box whose bottom face's centre is at `base`; no bottom face."""
    width, depth, height = np.asarray(size, np.float64)
    x, y, z = np.asarray(base, np.float64)
    low = rectangle(width, depth, z, (x, y))
    return prism(low, lifted(low, height), colour)


def lathe(
    radii: list[float],
    heights: list[float],
    base: ArrayLike = (0, 0, 0),
    colour: ArrayLike = GREY,
    segments: int = 10,
) -> Mesh:
    """A surface of revolution about z, smooth around and flat along: poles, cones, domes."""
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    ring = np.stack([np.cos(angle), np.sin(angle)], -1)
    parts = []
    for low, high, z0, z1 in zip(radii[:-1], radii[1:], heights[:-1], heights[1:], strict=True):
        slope = np.arctan2(low - high, z1 - z0)
        normals = np.concatenate(
            [ring * np.cos(slope), np.full((segments + 1, 1), np.sin(slope))], -1
        )
        lower = np.concatenate([ring * low, np.full((segments + 1, 1), z0)], -1)
        upper = np.concatenate([ring * high, np.full((segments + 1, 1), z1)], -1)
        start = np.arange(segments)
        count = segments + 1
        faces = np.concatenate(
            [
                np.stack([start, start + 1, start + 1 + count], -1),
                np.stack([start, start + 1 + count, start + count], -1),
            ]
        )
        around = angle * max(low, high)
        texcoords = np.concatenate(
            [np.stack([around, np.full(count, z0)], -1), np.stack([around, np.full(count, z1)], -1)]
        )
        vertices = np.concatenate([lower, upper]) + np.asarray(base)
        parts.append(
            Mesh(
                vertices.astype(np.float32),
                faces.astype(np.int32),
                np.concatenate([normals, normals]).astype(np.float32),
                texcoords.astype(np.float32),
                np.broadcast_to(np.asarray(colour, np.float32), (2 * count, 3)),
            )
        )
    return join(parts)


def limb(start: ArrayLike, end: ArrayLike, radius: float, tip: float, colour: ArrayLike) -> Mesh:
    """A tapered round bar between two points: arms, legs, branches."""
    origin, target = np.asarray(start, np.float64), np.asarray(end, np.float64)
    axis = target - origin
    length = float(np.linalg.norm(axis))
    upright = lathe([radius, tip], [0.0, length], colour=colour, segments=7)
    forward = axis / length
    helper = np.array([1.0, 0, 0]) if abs(forward[0]) < 0.9 else np.array([0, 1.0, 0])
    side = _unit(np.cross(helper, forward))
    frame = np.stack([side, np.cross(forward, side), forward])
    return Mesh(
        (upright.vertices @ frame + origin).astype(np.float32),
        upright.faces,
        (upright.normals @ frame).astype(np.float32),
        upright.texcoords,
        upright.colours,
    )


def blob(
    radii: ArrayLike,
    centre: ArrayLike,
    colour: ArrayLike = GREY,
    rng: np.random.Generator | None = None,
    roughness: float = 0.0,
    segments: int = 12,
) -> Mesh:
    """An ellipsoid; with `rng`, its radius varies smoothly by about `roughness` of itself."""
    rows, columns = segments // 2 + 1, segments + 1
    polar = np.linspace(0, np.pi, rows)[:, None]
    angle = np.linspace(0, 2 * np.pi, columns)[None]
    sphere = np.stack(
        [
            np.sin(polar) * np.cos(angle),
            np.sin(polar) * np.sin(angle),
            np.cos(polar) + 0 * angle,
        ],
        -1,
    ).reshape(-1, 3)
    factor = np.ones(len(sphere))
    if rng is not None:
        for _ in range(4):
            wave = rng.normal(size=3) * 2.5
            factor += roughness / 2 * np.sin(sphere @ wave + rng.uniform(0, 2 * np.pi))
    scale = np.asarray(radii)
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij")
    corner = (row * columns + column).reshape(-1)
    faces = np.concatenate(
        [
            np.stack([corner, corner + columns, corner + columns + 1], -1),
            np.stack([corner, corner + columns + 1, corner + 1], -1),
        ]
    )
    return Mesh(
        (sphere * factor[:, None] * scale + np.asarray(centre)).astype(np.float32),
        faces.astype(np.int32),
        _unit(sphere / scale).astype(np.float32),
        np.stack([np.tile(angle[0], rows), np.repeat(polar[:, 0], columns)], -1).astype(np.float32),
        np.broadcast_to(np.asarray(colour, np.float32), (len(sphere), 3)),
    )


def leaves(
    points: NDArray[np.floating[Any]],
    outward: NDArray[np.floating[Any]],
    size: float,
    colour: ArrayLike,
    rng: np.random.Generator,
) -> Mesh:
    """Small randomly turned triangles that carry the direction of the crown's surface.

    The normal is `outward`, not the leaf's own: that is what lights a crown softly, and it
    makes the normal's ground truth the crown's envelope instead of noise.

    Args:
        points: (N, 3) centres.
        outward: (N, 3) unit vectors.
        size: length of a leaf cluster in metres.
        colour: base colour; every leaf varies around it.
    """
    count = len(points)
    corners = points[:, None] + rng.normal(size=(count, 3, 3)) * size * 0.5
    shade = rng.uniform(0.55, 1.25, (count, 1)) * (1 + rng.normal(size=(count, 3)) * 0.05)
    colours = np.clip(np.asarray(colour) * shade, 0.01, 0.9)
    return Mesh(
        corners.reshape(-1, 3).astype(np.float32),
        np.arange(3 * count, dtype=np.int32).reshape(-1, 3),
        np.repeat(outward, 3, 0).astype(np.float32),
        np.zeros((3 * count, 2), np.float32),
        np.repeat(colours, 3, 0).astype(np.float32),
    )
