"""Arrays of nested structures from dictionaries."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def records(rows: Sequence[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Payloads of a stream.

    Args:
        rows: a mapping from field to value for each payload, which may hold mappings again; for
            a payload that is a number, the number; for an array, a sequence.
        dtype: of the stream.

    Raises:
        ValueError: a field is missing, or unknown.
    """
    items = np.zeros(len(rows), dtype)
    _fill(items, rows)
    return items


def _fill(items: NDArray[Any], rows: Sequence[Any]) -> None:
    if items.ndim > 1:
        for place in range(items.shape[1]):
            _fill(items[:, place], [row[place] for row in rows])
        return
    if items.dtype.names is None:
        for place, value in enumerate(rows):
            items[place] = value
        return
    for row in rows:
        if not isinstance(row, Mapping) or set(row) != set(items.dtype.names):
            raise ValueError(f"give a value for each of {', '.join(items.dtype.names)}: {row}")
    for name in items.dtype.names:
        _fill(items[name], [row[name] for row in rows])
