"""Orders, subsets and random numbers that depend on nothing but their seeds."""

import random

import numpy as np
import pytest
import torch

from m3vit.model.training.sampling import Collate, EpochSampler, evenly_spread, seed_from


def test_the_order_of_samples_depends_on_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        sampler = EpochSampler(list(range(20)), seed)
        sampler.epoch = epoch
        return list(sampler)

    assert order(1, 0) == order(1, 0) != order(1, 1)
    assert order(2, 0) != order(1, 0)
    assert sorted(order(1, 5)) == list(range(20))


@pytest.mark.parametrize(
    ("count", "limit", "expected"),
    [(4, None, [0, 1, 2, 3]), (4, 9, [0, 1, 2, 3]), (10, 4, [0, 2, 5, 7]), (0, 3, [])],
)
def test_subsets_are_evenly_spread(count: int, limit: int | None, expected: list[int]) -> None:
    assert evenly_spread(count, limit) == expected


def test_every_generator_is_seeded() -> None:
    def draw(*numbers: int) -> tuple[float, float, float]:
        seed_from(*numbers)
        return random.random(), float(np.random.rand()), torch.rand(()).item()

    assert draw(1, 2, 3) == draw(1, 2, 3)
    assert all(a != b for a, b in zip(draw(1, 2, 3), draw(1, 2, 4), strict=True))


def test_collate_keeps_images_and_the_named_labels() -> None:
    sample = {
        "pixel_values": np.zeros((3, 2, 2), dtype=np.float32),
        "depth": torch.ones(1, 2, 2),
        "name": "a",
    }
    batch = Collate(["depth"])([sample, sample])
    assert {key: tuple(value.shape) for key, value in batch.items()} == {
        "pixel_values": (2, 3, 2, 2),
        "depth": (2, 1, 2, 2),
    }
