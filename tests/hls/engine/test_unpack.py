"""Weights and parameters out of lines of memory, against the formats of docs/isa.md."""

import numpy as np
import pytest

from m3vit.hls.kernels import compile_kernel
from m3vit.sim.csim.kernels import stream_types

PARAMETER = np.dtype([("bias", "<i4"), ("multiplier", "<u2"), ("shift", "u1"), ("none", "u1")])
LINE = 64


def random_chunk(design, random, parameters, tiles):
    """Parameters (words, lanes) as they lie in memory, and tiles (n, outputs, inputs)."""
    rows = np.zeros((parameters, design.lanes), PARAMETER)
    rows["bias"] = random.choice([-(2**26), -1, 0, 1, 2**26 - 1, 12345], rows.shape)
    rows["multiplier"] = random.choice([0, 1, 1 << 14, (1 << 15) - 1], rows.shape)
    rows["shift"] = random.integers(11, 43, rows.shape)
    shape = (tiles, design.array_outputs, design.array_inputs)
    return rows, random.integers(-128, 128, shape).astype(np.int8)


def climb(ladder, design, sizes, rtl=False):
    """Chunks of (parameters, tiles), one behind another."""
    random = np.random.default_rng(len(sizes))
    chunks = [random_chunk(design, random, *size) for size in sizes]
    content = b""
    for rows, tiles in chunks:
        content += rows.tobytes() + tiles.tobytes()
        content += random.bytes(-len(content) % LINE)
    types = {name: stream.dtype for name, stream in stream_types("unpack", design).items()}
    lines = np.frombuffer(content, np.uint8).reshape(-1, 16 * design.read_ports)
    rows = np.concatenate([rows for rows, _ in chunks])
    parameters = np.zeros(len(rows), types["parameters"])
    for name in ("bias", "multiplier", "shift"):
        parameters["lane"][name] = rows[name]
    parameter_counts, tile_counts = zip(*sizes, strict=True)
    return ladder(
        "unpack",
        design,
        {
            "contents": {
                "parameters": np.array(parameter_counts),
                "tiles": np.array(tile_counts),
            },
            "lines": lines,
        },
        {"parameters": parameters, "tiles": np.concatenate([tiles for _, tiles in chunks])},
        rtl,
    )


@pytest.mark.parametrize("size", [(1, 1), (0, 1), (1, 2), (0, 3), (4, 17), (3, 100)])
def test_a_chunk(nano, ladder, size):
    """With and without parameters, a whole number of lines or half a line more."""
    climb(ladder, nano, [size])


def test_chunks_follow_one_another(nano, ladder):
    found = climb(
        ladder, nano, [(1, 1), (0, 1), (0, 1), (1, 2), (7, 49), (0, 16), (2, 1), (1, 3)], rtl=True
    )
    assert found["lines"].interval == 1


def test_large_design(zcu104, ladder):
    climb(ladder, zcu104, [(12, 72), (0, 6), (1, 1), (48, 288)])


def test_a_word_per_cycle(zcu104):
    (process,) = compile_kernel("unpack", zcu104).report.modules
    assert process.interval == 1
