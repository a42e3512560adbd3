"""Which samples, in which order, with which random numbers: functions of seed, epoch and step."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from accelerate.utils import set_seed
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, Subset

Sample = dict[str, Any]
"""What a data set gives per index: "pixel_values", a label per task, and perhaps more."""


class EpochSampler(Sampler[int]):
    """Shuffles as a function of seed and epoch alone.

    Attributes:
        epoch: set it before iterating.
    """

    def __init__(self, indices: list[int], seed: int) -> None:
        self.indices, self.seed, self.epoch = indices, seed, 0

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[int]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.indices))
        return iter([self.indices[position] for position in order])


class Collate:
    """Stack images and the labels of some tasks; whatever else a sample holds is dropped."""

    def __init__(self, tasks: list[str]) -> None:
        self.keys = ["pixel_values", *tasks]

    def __call__(self, samples: list[Sample]) -> dict[str, Tensor]:
        return {
            key: torch.stack([torch.as_tensor(sample[key]) for sample in samples])
            for key in self.keys
        }


def batches(
    dataset: Dataset[Sample], indices: list[int], batch_size: int, tasks: list[str]
) -> Iterator[dict[str, Tensor]]:
    """Batches of some samples, in order, the last one perhaps smaller."""
    loader: DataLoader[Sample] = DataLoader(
        Subset(dataset, indices), batch_size=batch_size, collate_fn=Collate(tasks)
    )
    yield from loader


def evenly_spread(count: int, limit: int | None) -> list[int]:
    """At most `limit` indices below `count` at equal distances; all of them without a limit."""
    if limit is None or limit >= count:
        return list(range(count))
    return [index * count // limit for index in range(limit)]


def seed_from(*numbers: int) -> None:
    """Seed Python's, NumPy's and torch's generators from several numbers."""
    set_seed(int(np.random.SeedSequence(numbers).generate_state(1)[0]))
