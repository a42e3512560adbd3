"""Thinning of binary pictures to lines one pixel wide."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def thin(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Reduce shapes to their middle lines without breaking them, (H, W).

    The algorithm is Guo and Hall, "Parallel thinning with two-subiteration algorithms" (1989), A1.
    """
    image = np.asarray(mask, bool).copy()
    while True:
        before = int(image.sum())
        for second in (False, True):
            image &= ~_removable(image, second)
        if int(image.sum()) == before:
            return image


def _removable(image: NDArray[np.bool_], second: bool) -> NDArray[np.bool_]:
    """Pixels that one sub-iteration takes away."""
    padded = np.pad(image, 1)

    def at(down: int, right: int) -> NDArray[Any]:
        return padded[1 + down : 1 + down + image.shape[0], 1 + right : 1 + right + image.shape[1]]

    # Clockwise from the north.
    p2, p3, p4, p5 = at(-1, 0), at(-1, 1), at(0, 1), at(1, 1)
    p6, p7, p8, p9 = at(1, 0), at(1, -1), at(0, -1), at(-1, -1)

    def count(*terms: NDArray[np.bool_]) -> NDArray[np.int8]:
        return np.sum([term.astype(np.int8) for term in terms], axis=0, dtype=np.int8)

    crossings = count(~p2 & (p3 | p4), ~p4 & (p5 | p6), ~p6 & (p7 | p8), ~p8 & (p9 | p2))
    neighbours = np.minimum(
        count(p9 | p2, p3 | p4, p5 | p6, p7 | p8), count(p2 | p3, p4 | p5, p6 | p7, p8 | p9)
    )
    side = ((p6 | p7 | ~p9) & p8) if second else ((p2 | p3 | ~p5) & p4)
    result: NDArray[np.bool_] = (
        image & (crossings == 1) & (neighbours >= 2) & (neighbours <= 3) & ~side
    )
    return result
