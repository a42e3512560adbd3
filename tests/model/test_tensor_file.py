"""Our reader and writer of safetensors files against the real package, and damaged files."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from m3vit.errors import UserError
from m3vit.model.tensor_file import read_tensors, write_tensors

TENSORS = {
    "bytes": np.arange(-3, 4, dtype=np.int8),
    "matrix": np.arange(12, dtype=np.int32).reshape(3, 4).T,
    "scalar": np.array(-5, np.int64),
    "empty": np.zeros((0, 3), np.float64),
    "short": np.array([[1, 2]], np.int16),
    "unsigned": np.array([255], np.uint8),
    "naïve name": np.array([1.5], np.float32),
}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_the_real_package_reads_what_we_write(tmp_path):
    write_tensors(tmp_path / "a.safetensors", TENSORS)
    assert_same(load_file(tmp_path / "a.safetensors"), TENSORS)


def test_we_read_what_the_real_package_writes(tmp_path):
    tensors = {name: np.ascontiguousarray(array) for name, array in TENSORS.items()}
    tensors["scalar"] = TENSORS["scalar"]
    save_file(tensors, tmp_path / "a.safetensors", metadata={"made": "by a test"})
    assert_same(read_tensors(tmp_path / "a.safetensors"), TENSORS)


def test_equal_tensors_give_equal_bytes_in_any_order(tmp_path):
    write_tensors(tmp_path / "a", TENSORS)
    write_tensors(tmp_path / "b", dict(reversed(TENSORS.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_tensors_are_aligned_to_their_own_size(tmp_path):
    write_tensors(tmp_path / "a", TENSORS)
    content = (tmp_path / "a").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert (8 + length) % 8 == 0
    for name, entry in header.items():
        assert entry["data_offsets"][0] % TENSORS[name].dtype.itemsize == 0


def damaged(content):
    """Named ways to break a file."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])

    def with_header(change):
        entries = json.loads(json.dumps(header))
        change(entries)
        text = json.dumps(entries).encode()
        return len(text).to_bytes(8, "little") + text + content[8 + length :]

    return {
        "nothing": b"",
        "a few bytes": content[:5],
        "half a header": content[: 8 + length // 2],
        "cut-off data": content[:-1],
        "no JSON": content[:8] + b"x" * length + content[8 + length :],
        "a list": (2).to_bytes(8, "little") + b"[]",
        "unknown type": with_header(lambda h: h["short"].update(dtype="Q4")),
        "wrong shape": with_header(lambda h: h["short"].update(shape=[3, 3])),
        "negative offset": with_header(lambda h: h["short"].update(data_offsets=[-4, 0])),
        "offset beyond": with_header(lambda h: h["short"].update(data_offsets=[10**9, 10**9 + 4])),
        "no offsets": with_header(lambda h: h["short"].pop("data_offsets")),
        "entry is a number": with_header(lambda h: h.update(short=3)),
        "huge header": (2**60).to_bytes(8, "little") + content[8:],
    }


def test_damage_is_refused_by_name(tmp_path):
    path = tmp_path / "a.safetensors"
    write_tensors(path, TENSORS)
    for content in damaged(path.read_bytes()).values():
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"a\.safetensors is damaged"):
            read_tensors(path)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*gone"):
        read_tensors(tmp_path / "gone")
