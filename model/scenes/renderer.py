"""Mitsuba 3 renders a world: radiance by path tracing, and the triangle behind every pixel.

Why Mitsuba: it installs as a wheel for Python 3.11 and 3.12 (pybullet has no wheel for 3.12),
traces sky light, soft shadows and gloss on a CPU in a fraction of a second at 128x256, and needs
no display (panda3d renders through OpenGL). The `scalar_rgb` variant is used because the others
need LLVM or CUDA installed.

The bytes do not depend on the number of threads: blocks have a fixed size (Mitsuba otherwise
derives both the block size and the blocks' random streams from the thread count), and a box
filter keeps samples inside their pixel, so no sum depends on the order of blocks.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.model.scenes.geometry import Mesh, join
from m3vit.model.scenes.parts import Camera, Material, World

BLOCK_SIZE = 32


@dataclass(frozen=True)
class Layers:
    """What the pixels' centres see.

    Attributes:
        thing: (h, w) int32, index into `world.things`, -1 where the sky is seen.
        depth: (h, w) float64 metres along the optical axis through the pixel's centre, 0 for
            the sky.
        distance: (h, w) float64 metres from the camera, 0 for the sky.
        normal: (h, w, 3) float64 unit vectors in camera axes (x right, y up, z towards the
            viewer) on the visible side of the surface, 0 for the sky.
    """

    thing: NDArray[np.int32]
    depth: NDArray[np.float64]
    distance: NDArray[np.float64]
    normal: NDArray[np.float64]


@cache
def _mitsuba() -> Any:
    """The renderer's module with its variant chosen."""
    try:
        import mitsuba
    except ImportError as error:
        raise UserError(
            "rendering scenes needs mitsuba: install the training extra, pip install 'm3vit[train]'"
        ) from error
    mitsuba.set_variant("scalar_rgb")
    mitsuba.set_log_level(mitsuba.LogLevel.Error)
    return mitsuba


def use_one_thread() -> None:
    """Render with one thread in this process, for use beside other processes."""
    _mitsuba()
    import drjit

    drjit.set_thread_count(1)


def _bsdf(material: Material) -> Any:
    """The scattering model of a material; both sides of every triangle are visible."""
    mitsuba = _mitsuba()
    colour: dict[str, Any]
    if material.texture is None:
        colour = {"type": "mesh_attribute", "name": "vertex_color"}
    else:
        # Mitsuba puts the first row at v = 0, which is the bottom here.
        flipped = np.ascontiguousarray(material.texture[::-1])
        colour = {"type": "bitmap", "bitmap": mitsuba.Bitmap(flipped)}
    inner: dict[str, Any] = {"type": "diffuse", "reflectance": colour}
    if material.glossy:
        mirror = {"type": "roughconductor", "alpha": 0.3, "specular_reflectance": 0.9}
        inner = {"type": "blendbsdf", "weight": 0.07, "matte": inner, "mirror": mirror}
    return mitsuba.load_dict({"type": "twosided", "bsdf": inner})


def _shape(mesh: Mesh, role: str, plugin: Any, attribute: str, values: NDArray[np.float32]) -> Any:
    """A Mitsuba mesh from arrays.

    Args:
        role: "bsdf" or "emitter", what `plugin` is to the mesh.
        attribute: the attribute's name, which says whether it belongs to vertices or faces.
        values: (V or F, 3).
    """
    mitsuba = _mitsuba()
    properties = mitsuba.Properties()
    properties[role] = plugin
    smooth = role == "bsdf"
    shape = mitsuba.Mesh(
        "mesh",
        len(mesh.vertices),
        len(mesh.faces),
        props=properties,
        has_vertex_normals=smooth,
        has_vertex_texcoords=smooth,
    )
    shape.add_attribute(attribute, 3, np.ascontiguousarray(values).ravel())
    parameters = mitsuba.traverse(shape)
    parameters["vertex_positions"] = np.ascontiguousarray(mesh.vertices).ravel()
    if smooth:
        parameters["vertex_normals"] = np.ascontiguousarray(mesh.normals).ravel()
        parameters["vertex_texcoords"] = np.ascontiguousarray(mesh.texcoords).ravel()
    parameters["faces"] = np.ascontiguousarray(mesh.faces, dtype=np.uint32).ravel()
    parameters.update()
    return shape


def _sensor(camera: Camera, size: tuple[int, int], sampler: dict[str, Any]) -> Any:
    """The camera with a box filter."""
    mitsuba = _mitsuba()
    _, up, forward = camera.axes()
    origin = np.asarray(camera.position)
    view = mitsuba.ScalarTransform4f().look_at(
        origin=origin.tolist(), target=(origin + forward).tolist(), up=up.tolist()
    )
    film = {
        "type": "hdrfilm",
        "width": size[1],
        "height": size[0],
        "rfilter": {"type": "box"},
        "pixel_format": "rgb",
        "component_format": "float32",
    }
    return mitsuba.load_dict(
        {
            "type": "perspective",
            "fov": camera.field_of_view,
            "fov_axis": "x",
            "near_clip": 0.05,
            "far_clip": 10000.0,
            "to_world": view,
            "sampler": sampler,
            "film": film,
        }
    )


def _visible_faces(mesh: Mesh, camera: Camera, size: tuple[int, int]) -> NDArray[np.int64]:
    """Which triangle the ray through each pixel's centre meets first, (h, w), -1 for none.

    Every triangle glows in its own number and nothing else is lit. Mitsuba's AOV integrator
    gives the same, but took over a second where this takes hundredths.
    """
    mitsuba = _mitsuba()
    # Light leaves a triangle on one side only: turn every triangle towards the camera.
    corner = mesh.vertices[mesh.faces].astype(np.float64)
    outward = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    away = (outward * (corner[:, 0] - np.asarray(camera.position))).sum(-1) > 0
    faces = np.where(away[:, None], mesh.faces[:, ::-1], mesh.faces)
    numbers = np.repeat(np.arange(1, len(faces) + 1, dtype=np.float32), 3)
    glow = {"type": "area", "radiance": {"type": "mesh_attribute", "name": "face_number"}}
    shape = _shape(
        replace(mesh, faces=faces.astype(np.int32)),
        "emitter",
        mitsuba.load_dict(glow),
        "face_number",
        numbers,
    )
    scene = mitsuba.load_dict({"type": "scene", "mesh": shape})
    integrator = mitsuba.load_dict({"type": "path", "max_depth": 1, "block_size": BLOCK_SIZE})
    centred = {"type": "stratified", "sample_count": 1, "jitter": False}
    sensor = _sensor(camera, size, centred)
    picture = np.array(mitsuba.render(scene, sensor=sensor, integrator=integrator, spp=1))
    return np.rint(picture[..., 0]).astype(np.int64) - 1


def shade(world: World, size: tuple[int, int], samples: int, seed: int) -> NDArray[np.float32]:
    """The lit picture, (h, w, 3) linear radiance.

    Args:
        size: (height, width) in pixels.
        samples: light paths per pixel.
        seed: of the renderer's sampler, 0 <= seed < 2**31.

    Raises:
        UserError: Mitsuba is not installed.
    """
    # One mesh per material: few, large meshes load and render fastest.
    grouped: dict[int, tuple[Material, list[Mesh]]] = {}
    for thing in world.things:
        for mesh, material in thing.parts:
            entry = grouped.setdefault(id(material), (material, []))
            entry[1].append(_drawn(mesh, material, world.camera))
    light = world.light
    mitsuba = _mitsuba()
    description: dict[str, Any] = {
        "type": "scene",
        "sky": {
            "type": "envmap",
            "bitmap": mitsuba.Bitmap(np.ascontiguousarray(light.sky)),
            "to_world": mitsuba.ScalarTransform4f().rotate([1, 0, 0], 90),
        },
    }
    if max(light.sun) > 0:
        description["sun"] = {
            "type": "directional",
            "direction": [-component for component in light.to_sun],
            "irradiance": {"type": "rgb", "value": list(light.sun)},
        }
    for number, (material, meshes) in enumerate(grouped.values()):
        merged = join(meshes)
        description[f"mesh_{number:03d}"] = _shape(
            merged, "bsdf", _bsdf(material), "vertex_color", merged.colours
        )
    scene = mitsuba.load_dict(description)
    integrator = mitsuba.load_dict({"type": "path", "max_depth": 2, "block_size": BLOCK_SIZE})
    sensor = _sensor(world.camera, size, {"type": "multijitter", "sample_count": samples})
    picture = mitsuba.render(scene, sensor=sensor, integrator=integrator, spp=samples, seed=seed)
    return np.array(picture).astype(np.float32)


def _pixel_rays(camera: Camera, size: tuple[int, int]) -> NDArray[np.float64]:
    """Directions through the pixels' centres, one metre long along the optical axis, (h, w, 3)."""
    height, width = size
    right, up, forward = camera.axes()
    reach = np.tan(np.radians(camera.field_of_view) / 2)
    x = ((np.arange(width) + 0.5) / width * 2 - 1) * reach
    y = (1 - (np.arange(height) + 0.5) / height * 2) * reach * height / width
    rays: NDArray[np.float64] = forward + x[None, :, None] * right + y[:, None, None] * up
    return rays


def _drawn(mesh: Mesh, material: Material, camera: Camera) -> Mesh:
    """The mesh without the leaves on a crown's far side."""
    if not material.foliage:
        return mesh
    first = mesh.faces[:, 0]
    toward = np.asarray(camera.position, np.float32) - mesh.vertices[first]
    return replace(mesh, faces=mesh.faces[(mesh.normals[first] * toward).sum(-1) > 0])


def trace(world: World, size: tuple[int, int]) -> Layers:
    """What the ray through each pixel's centre meets first.

    Args:
        size: (height, width) in pixels.

    Raises:
        UserError: Mitsuba is not installed.
    """
    drawn = [
        (_drawn(mesh, material, world.camera), index)
        for index, thing in enumerate(world.things)
        for mesh, material in thing.parts
    ]
    whole = join([mesh for mesh, _ in drawn])
    owners = [index for _, index in drawn]
    thing_of_face = np.repeat(owners, [len(mesh.faces) for mesh, _ in drawn]).astype(np.int32)
    face = _visible_faces(whole, world.camera, size)
    hit = face >= 0

    # Depth and normal follow from the triangle in double precision (Moeller and Trumbore).
    corner = whole.vertices[whole.faces[face]].astype(np.float64)
    rays = _pixel_rays(world.camera, size)
    first, second = corner[..., 1, :] - corner[..., 0, :], corner[..., 2, :] - corner[..., 0, :]
    offset = np.asarray(world.camera.position) - corner[..., 0, :]
    p, q = np.cross(rays, second), np.cross(offset, first)
    volume = (first * p).sum(-1)
    volume = np.where(np.abs(volume) < 1e-12, 1e-12, volume)
    depth = np.where(hit, (second * q).sum(-1) / volume, 0)
    # A ray through a triangle's border may miss it by a rounding error.
    b = np.clip((offset * p).sum(-1) / volume, 0, 1)[..., None]
    c = np.clip((rays * q).sum(-1) / volume, 0, 1)[..., None]
    normals = whole.normals[whole.faces[face]].astype(np.float64)
    normal = (1 - b - c) * normals[..., 0, :] + b * normals[..., 1, :] + c * normals[..., 2, :]
    normal = np.where((normal * rays).sum(-1, keepdims=True) > 0, -normal, normal)
    right, up, forward = world.camera.axes()
    normal = normal @ np.stack([right, up, -forward]).T
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    return Layers(
        np.where(hit, thing_of_face[face], -1).astype(np.int32),
        depth,
        depth * np.linalg.norm(rays, axis=-1),
        np.where(hit[..., None], normal, 0),
    )
