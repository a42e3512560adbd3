"""One scene as a fixed-size record: compact, memory-mappable, with its own checksum."""

import zlib

import numpy as np
from numpy.typing import NDArray

from m3vit.model.scenes.ground_truth import Truth
from m3vit.model.scenes.scene import Scene

DEPTH_STEPS = 800
"""Depth codes per metre: depths are rounded to the nearest 1.25 mm; 80 m fits 16 bits."""

NORMAL_STEPS = 127
"""Normals' components are rounded to the nearest 1/127 (at most 0.4 degrees of error)."""


def record_type(size: tuple[int, int]) -> np.dtype[np.void]:
    """The record's layout for pictures of (height, width)."""
    height, width = size
    return np.dtype(
        [
            ("seed", "<u8"),
            ("checksum", "<u4"),
            ("field_of_view", "<f4"),
            ("rgb", "u1", (height, width, 3)),
            ("labels", "u1", (height, width)),
            ("depth", "<u2", (height, width)),
            ("normals", "i1", (height, width, 3)),
            ("edges", "u1", (height, (width + 7) // 8)),
        ]
    )


def _checksum(record: np.void | NDArray[np.void]) -> int:
    """CRC-32 of everything but the checksum itself."""
    value = zlib.crc32(record["seed"].tobytes())
    for name in ("field_of_view", "rgb", "labels", "depth", "normals", "edges"):
        value = zlib.crc32(record[name].tobytes(), value)
    return value


def pack(seed: int, scene: Scene) -> NDArray[np.void]:
    """A scene as one record, shape ()."""
    height, width = scene.truth.labels.shape
    record = np.zeros((), record_type((height, width)))
    record["seed"] = seed
    record["field_of_view"] = scene.field_of_view
    record["rgb"] = scene.rgb
    record["labels"] = scene.truth.labels
    record["depth"] = np.rint(scene.truth.depth.astype(np.float64) * DEPTH_STEPS)
    record["normals"] = np.rint(scene.truth.normals.astype(np.float64) * NORMAL_STEPS)
    record["edges"] = np.packbits(scene.truth.edges, axis=1)
    record["checksum"] = _checksum(record)
    return record


def is_intact(record: np.void) -> bool:
    """Whether the checksum fits."""
    return int(record["checksum"]) == _checksum(record)


def unpack_normals(codes: NDArray[np.int8]) -> NDArray[np.float32]:
    """Unit vectors of the stored codes, (h, w, 3); all-zero where there are none."""
    vectors = codes.astype(np.float32)
    length = np.sqrt((vectors * vectors).sum(-1, keepdims=True))
    normals: NDArray[np.float32] = vectors / np.maximum(length, 1)
    return normals


def unpack(record: np.void) -> Scene:
    """The scene of a record; depth, normals and field of view are rounded as stored."""
    labels = np.array(record["labels"])
    normals = unpack_normals(record["normals"])
    edges = np.unpackbits(record["edges"], axis=1, count=labels.shape[1]).astype(np.bool_)
    depth = record["depth"].astype(np.float32) / np.float32(DEPTH_STEPS)
    picture = np.array(record["rgb"])
    return Scene(picture, Truth(labels, depth, normals, edges), float(record["field_of_view"]))
