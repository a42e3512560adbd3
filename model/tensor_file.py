"""Read and write safetensors files with NumPy alone, for machines without that package.

Format: https://github.com/huggingface/safetensors, section "Format": eight bytes with the
length of a JSON header, the header, then the tensors back to back, little-endian, row-major.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError

_TYPES = {
    "BOOL": "|b1",
    "U8": "|u1",
    "I8": "|i1",
    "U16": "<u2",
    "I16": "<i2",
    "U32": "<u4",
    "I32": "<i4",
    "U64": "<u8",
    "I64": "<i8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
}
_NAMES = {text: name for name, text in _TYPES.items()}


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays; equal input gives equal bytes.

    Wide types come first, so that every tensor is aligned to its own size.
    """
    header: dict[str, Any] = {}
    chunks: list[bytes] = []
    offset = 0
    for name in sorted(tensors, key=lambda key: (-tensors[key].dtype.itemsize, key)):
        # ascontiguousarray would turn a scalar into one dimension, hence the shape from before.
        array = tensors[name]
        text = array.dtype.newbyteorder("<").str
        chunk = np.ascontiguousarray(array, dtype=text).tobytes()
        header[name] = {
            "dtype": _NAMES[text],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + len(chunk)],
        }
        chunks.append(chunk)
        offset += len(chunk)
    encoded = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    encoded += b" " * (-len(encoded) % 8)
    path.write_bytes(b"".join([len(encoded).to_bytes(8, "little"), encoded, *chunks]))


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Read every tensor of a file, read-only views of one buffer.

    Raises:
        UserError: the file is missing, cut off or not of this format.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    length = int.from_bytes(content[:8], "little")
    data = memoryview(content)[8 + length :]
    try:
        if len(content) < 8 + length:
            raise ValueError("the header is cut off")
        header = json.loads(content[8 : 8 + length])
        header.pop("__metadata__", None)
        return {name: _tensor(data, entry) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is damaged or no safetensors file ({error}): copy or create it again"
        ) from None


def _tensor(data: memoryview, entry: dict[str, Any]) -> NDArray[Any]:
    """One array out of the data section."""
    dtype, shape = np.dtype(_TYPES[entry["dtype"]]), tuple(entry["shape"])
    first, last = entry["data_offsets"]
    if not 0 <= first <= last <= len(data) or last - first != math.prod(shape) * dtype.itemsize:
        raise ValueError("a tensor lies outside the file or does not fill its place")
    return np.frombuffer(data[first:last], dtype).reshape(shape)
