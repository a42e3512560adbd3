"""Commands of random blocks: hardware like C simulation.

What they should be is tested together with the sequencer.
"""

import numpy as np
import pytest

from m3vit.hls.kernels import compile_kernel
from m3vit.sim.csim import kernels


def random_blocks(design, count):
    """Every field at random, within what it holds; counts so that their products fit."""
    random = np.random.default_rng(count)
    stream = kernels.stream_types("block_commands", design)["blocks"]
    blocks = np.zeros(count, stream.dtype)
    for number in stream.numbers:
        values = blocks
        for name in number.path:
            values = values[name]
        low = -(1 << (number.width - 1)) if number.signed else 0
        values[:] = random.integers(low, low + (1 << number.width), count)
    blocks["kind"] = random.integers(0, 6, count)
    blocks["target"]["way"] = random.integers(0, 5, count)
    for name in ("rows", "words", "beats", "groups"):
        blocks["size"][name] = random.integers(1, 60, count)
    return blocks


def test_hardware(nano, ladder):
    blocks = random_blocks(nano, 400)
    expected = kernels.run("block_commands", nano, {"blocks": blocks})
    found = ladder("block_commands", nano, {"blocks": blocks}, expected, rtl=True)
    assert found["blocks"].interval == 1


@pytest.mark.parametrize("kind", range(6))
def test_one_beat_of_the_heart_per_block(zcu104, kind):
    blocks = random_blocks(zcu104, 30)
    blocks["kind"] = kind
    found = kernels.run("block_commands", zcu104, {"blocks": blocks})
    assert found["heartbeat"].tolist() == [1] * 30


def test_large_design_compiles(zcu104):
    (loop,) = compile_kernel("block_commands", zcu104).report.modules[0].loops
    assert loop.interval == 1
