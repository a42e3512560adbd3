"""Data sets for dense multi-task learning: rendered scenes, NYUD-v2, PASCAL-Context, Cityscapes."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from m3vit.errors import UserError
from m3vit.model.data.cityscapes import Cityscapes
from m3vit.model.data.dataset import DenseDataset
from m3vit.model.data.nyud import NYUD
from m3vit.model.data.pascal_context import PASCALContext
from m3vit.model.data.scenes import Scenes

DATASETS: dict[str, type[DenseDataset]] = {
    "scenes": Scenes,
    "nyud": NYUD,
    "pascal": PASCALContext,
    "cityscapes": Cityscapes,
}

__all__ = ["DATASETS", "DenseDataset", "open_dataset"]


def open_dataset(
    name: str,
    split: str,
    root: Path | None,
    tasks: list[str],
    image_size: Sequence[int] | None = None,
    **options: Any,
) -> DenseDataset:
    """Open one part of a data set.

    Args:
        name: a key of `DATASETS`.
        split: usually "train" or "val"; training parts are augmented.
        root: the data set's directory; None is `$M3VIT_DATA` or `~/.cache/m3vit`, see the classes.
        tasks: names of the labels wanted, in any order.
        image_size: (height, width) of pictures and labels; None is the data set's usual size.
        options: `augment` (bool; by default whether this is the training part) and `seed` (of the
            augmentation); more in the classes.

    Raises:
        UserError: unknown name, task or option, or the data are not there; the message says what
            to download and where to put it.
    """
    if name not in DATASETS:
        close = difflib.get_close_matches(name, DATASETS, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise UserError(f"no data set {name!r}: {hint}choose one of {', '.join(DATASETS)}")
    size = None if image_size is None else (int(image_size[0]), int(image_size[1]))
    kind = DATASETS[name]
    unknown = sorted(set(options) - set(kind.OPTIONS))
    if unknown:
        raise UserError(
            f"data set {name!r} has no option {unknown[0]!r}: its options are "
            f"{', '.join(kind.OPTIONS)}"
        )
    return kind(split, root, tasks, size, **options)
