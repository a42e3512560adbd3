"""What `kernels.run` refuses."""

import numpy as np
import pytest

from m3vit.errors import UserError
from m3vit.sim.csim import kernels


@pytest.fixture(scope="module")
def streams(nano):
    """Streams of the matmul array that are all right."""
    types = {
        name: found.dtype for name, found in kernels.stream_types("matmul_array", nano).items()
    }
    commands = np.zeros(1, types["commands"])
    commands["sums"] = commands["beats"] = 1
    return {
        "commands": commands,
        "activations": np.zeros(1, types["activations"]),
        "weights": np.zeros(1, types["weights"]),
    }


def test_numbers_beyond_their_width(nano, streams):
    for value in (-257, 256):
        streams["activations"]["at"][0, 1, 3] = value
        with pytest.raises(
            ValueError, match=f"'activations': at goes from .*{value}.* -256 to 255"
        ):
            kernels.run("matmul_array", nano, streams)
        streams["activations"]["at"][0, 1, 3] = 0


def test_wider_arrays_are_checked_too(compiled):
    kernel = compiled(
        "void sample_top(hls::stream<ap_uint<8>>& in, hls::stream<int>& out) {\n"
        "    M3VIT_FOREVER(in, false) out.write(in.read());\n"
        "}\n"
    )
    assert kernel.run({"in": np.array([0, 255])})["out"].tolist() == [0, 255]
    with pytest.raises(ValueError, match="'in': a value goes from 0 to 256 and holds 0 to 255"):
        kernel.run({"in": np.array([0, 256])})


def test_wrong_streams(nano, streams):
    with pytest.raises(ValueError, match="no stream weight"):
        kernels.run("matmul_array", nano, {**streams, "weight": streams["weights"]})
    with pytest.raises(ValueError, match="'weights' carries"):
        kernels.run("matmul_array", nano, {**streams, "weights": np.zeros(1, np.int8)})
    with pytest.raises(ValueError, match="array of one axis"):
        kernels.run("matmul_array", nano, {**streams, "weights": streams["weights"][None]})


def test_unknown_kernels(nano):
    with pytest.raises(UserError, match=r"no kernel 'matmull': .*matmul_array"):
        kernels.run("matmull", nano, {})


def test_packed_copies_of_a_structure_are_taken(nano, streams):
    """`np.concatenate` drops the padding between fields."""
    twice = {name: np.concatenate([items, items]) for name, items in streams.items()}
    assert twice["commands"].dtype != streams["commands"].dtype
    assert kernels.run("matmul_array", nano, twice)["sums"].size == 2
