"""Random models are repeatable, and busy: every stage of them uses its range."""

import numpy as np

from m3vit.model.parameters import walk
from m3vit.model.reference import Reference
from m3vit.model.synthetic import NANO, random_image, random_model


def test_equal_seeds_give_equal_models():
    first, second, other = (dict(walk(random_model(seed=s).parameters)) for s in (0, 0, 1))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not all(np.array_equal(first[name], other[name]) for name in first)


def test_activations_use_their_range_and_experts_differ():
    trace = {}
    run = Reference(random_model()).run(random_image(), "semseg", trace)
    for name, codes in trace.items():
        if codes.dtype == np.int8:
            assert codes.std() > 10, name
        if name.endswith(".output") and codes.dtype == np.int16:
            assert codes.std() > 500, name
    assert all(len(np.unique(routing.experts)) > 2 for routing in run.routing)


def test_images_fit_the_network():
    assert random_image().shape == (NANO.image_height, NANO.image_width, NANO.channels)
