"""What weights get of the memory's bandwidth."""

import pytest

from m3vit.sim.performance.memory import Bus, Window


def test_weights_get_what_others_leave() -> None:
    bus = Bus(yielding=20, busy=[Window(0, 100, 16, True), Window(150, 200, 30, False)])
    # 100 cycles in which they yield, 50 at the whole bandwidth, 20 beside a transfer they need not
    # yield to.
    assert bus.transfer(0, 100 * 20 + 50 * 50 + 20 * 20, 64, 50) == pytest.approx(170)
    assert bus.transfer(300, 500, 64, 50) == pytest.approx(310)
