"""Rows of numbers as words of neighbouring lanes, and the order in which words travel."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def word_count(values: int, dtype: np.dtype[Any]) -> int:
    """Words that hold so many values of a row."""
    return -(-values // _lanes(dtype))


def split(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Cut rows into words.

    Args:
        values: (R, n).
        dtype: of a stream of `Row<T, lanes>`, a structure with a field `lane`.

    Returns:
        (R x words,) of `dtype`, row after row; what is missing in a row's last word is zero.
    """
    rows, count = values.shape
    lanes = _lanes(dtype)
    padded = np.zeros((rows, word_count(count, dtype) * lanes), dtype["lane"].base)
    padded[:, :count] = values
    items = np.zeros(padded.size // lanes, dtype)
    items["lane"] = padded.reshape(-1, lanes)
    return items


def join(items: NDArray[Any], count: int) -> NDArray[Any]:
    """The inverse of `split`: words to (R, count)."""
    return items["lane"].reshape(-1, word_count(count, items.dtype) * _lanes(items.dtype))[
        :, :count
    ]


def arrival(rows: int, words: int, group: int) -> NDArray[np.int64]:
    """The order in which words travel when the array has `group` rows in flight.

    Returns:
        (rows x words,) positions in the sequence that is row after row: word 0 of each row of a
        group, word 1 of each, and so on, then the next group. The last group may be smaller.
    """
    position = np.arange(rows * words).reshape(rows, words)
    return np.concatenate(
        [position[start : start + group].T.reshape(-1) for start in range(0, rows, group)]
    )


def groups(rows: int, group: int) -> list[tuple[int, int]]:
    """(groups, rows of a group) of the commands that together cover `rows`, one or two."""
    full, rest = divmod(rows, group)
    return [(count, size) for count, size in ((full, group), (1, rest)) if count and size]


def in_order(items: NDArray[Any], order: NDArray[np.int64]) -> NDArray[Any]:
    """Undo `items[order]`."""
    sorted_items = np.empty_like(items)
    sorted_items[order] = items
    return sorted_items


def _lanes(dtype: np.dtype[Any]) -> int:
    return int(dtype["lane"].shape[0])
