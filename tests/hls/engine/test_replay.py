"""Rings of weights and parameters against a queue of NumPy words."""

import numpy as np
import pytest

from m3vit.hls.kernels import compile_kernel
from m3vit.sim.csim.kernels import stream_types

RINGS = ("replay_tiles", "replay_parameters")


def random_words(kernel, design, count):
    """Words of a ring with random contents."""
    random = np.random.default_rng(count)
    dtype = stream_types(kernel, design)["words"].dtype
    words = np.zeros(count, dtype)
    if "at" in dtype.names:
        words["at"] = random.integers(-128, 128, words["at"].shape)
    else:
        lane = words["lane"]
        lane["bias"] = random.integers(-(2**26), 2**26, lane.shape)
        lane["multiplier"] = random.integers(0, 2**15, lane.shape)
        lane["shift"] = random.integers(11, 43, lane.shape)
    return words


def climb(ladder, kernel, design, commands, rtl=False):
    """Commands (words, send, release, skip); the last one for some words releases them."""
    commands = np.array([(*command, 0)[:4] for command in commands])
    counts, send, release, skip = commands.T
    words = random_words(kernel, design, (counts * release).sum())
    front = np.cumsum(counts * release) - counts * release + skip
    sent = [
        words[start : start + count]
        for start, count, wanted in zip(front, counts, send, strict=True)
        if wanted
    ]
    return ladder(
        kernel,
        design,
        {
            "words": words,
            "commands": {"words": counts, "send": send, "release": release, "skip": skip},
        },
        {"sent": np.concatenate([words[:0], *sent]), "credits": counts[release == 1]},
        rtl,
    )


@pytest.mark.parametrize("kernel", RINGS)
@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_words_are_sent_again(nano, ladder, kernel, count):
    commands = [(count, 1, 0)] * 4 + [(count, 1, 1)]
    found = climb(ladder, kernel, nano, commands * 3, rtl=count in (1, 3))
    if found:
        assert found["sent"].interval == 1


@pytest.mark.parametrize("kernel", RINGS)
def test_every_word_once(nano, ladder, kernel):
    climb(ladder, kernel, nano, [(count, 1, 1) for count in (5, 1, 1, 9, 2)], rtl=True)


@pytest.mark.parametrize("kernel", RINGS)
def test_words_in_vain(nano, ladder, kernel):
    """Dropped behind words that stay or go, one behind another, at the end."""
    commands = [(3, 1, 0), (3, 1, 1), (20, 0, 1), (1, 0, 1), (1, 1, 1), (2, 0, 1), (4, 1, 0)]
    climb(ladder, kernel, nano, [*commands, (4, 1, 1), (7, 0, 1)], rtl=True)


def test_words_in_vain_are_dropped_at_once(nano, ladder):
    commands = [(1000, 1, 0), (1000, 1, 0), (400, 0, 1), (600, 1, 1)]
    found = climb(ladder, "replay_parameters", nano, commands, rtl=True)
    assert found["sent"].last_cycle - found["sent"].first_cycle < 2610


def test_some_of_the_words_are_used_longer(nano, ladder):
    """A command may take fewer words than the one before it left."""
    commands = [(8, 1, 0), (2, 1, 1), (6, 1, 0), (3, 1, 1), (3, 1, 0), (3, 1, 1)]
    climb(ladder, "replay_tiles", nano, commands, rtl=True)


@pytest.mark.parametrize("kernel", RINGS)
@pytest.mark.parametrize("count", [1, 2, 7])
def test_words_behind_others_that_stay(nano, ladder, kernel, count):
    """Between uses of those in front, one behind another, before what is dropped."""
    first, behind = (5, 1, 0), (count, 1, 0, 5)
    commands = [first, behind, first, behind, behind, first, (5, 1, 1), (count, 1, 1)]
    commands += [first, behind, (5, 1, 1), (count, 0, 1), (3, 1, 0), (1, 1, 0, 3), (3, 1, 1)]
    climb(ladder, kernel, nano, [*commands, (1, 1, 1)] * 2, rtl=True)


def test_around_the_ring(nano, ladder):
    """More words than there are places; a starved ring fills up to the last one."""
    random = np.random.default_rng(0)
    counts = [1, 2, 1024, 1023, *random.integers(1, 300, 12)]
    commands = []
    for count in counts:
        commands += [(count, 1, 0)] * random.integers(0, 3)
        commands.append((count, random.integers(0, 4) > 0, 1))
    climb(ladder, "replay_parameters", nano, commands, rtl=True)


def test_large_design(zcu104, ladder):
    commands = [(288, 1, 0), (288, 1, 1), (4096, 1, 1), (700, 0, 1), (72, 1, 1)]
    climb(ladder, "replay_tiles", zcu104, commands)


@pytest.mark.parametrize("kernel", RINGS)
def test_a_word_per_cycle(zcu104, kernel):
    (process,) = compile_kernel(kernel, zcu104).report.modules
    assert process.interval == 1
    (memory,) = process.memories
    assert memory.kind == ("uram" if kernel == "replay_tiles" else "bram")
