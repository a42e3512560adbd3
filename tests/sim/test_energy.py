import pytest

from m3vit.sim.energy import estimate
from m3vit.sim.engine.activity import WEIGHTS, Activity

STATISTICS = {"cycles": 300_000, "blocks": 4, "weight_beats": 900, "store_beats": 100}


def parts(activity, statistics=STATISTICS):
    found = estimate(activity, statistics, beat_bytes=16, clock_mhz=300)
    return found, {part.name: part for part in found.parts}


def test_parts_are_counts_times_published_energies():
    found, by_name = parts(Activity(4, 10**9, {WEIGHTS: 10**6}, {WEIGHTS: 10**6}))
    assert found.seconds == pytest.approx(1e-3)
    products = by_name["products and sums"]
    assert products.high == pytest.approx(14 * 0.3e-3)  # 0.2 + 0.1 pJ, and FPGA over ASIC
    assert products.low == pytest.approx(0.3e-3 * 16 / 45 * (0.85 / 0.9) ** 2)
    assert by_name[WEIGHTS].high == pytest.approx(14 * 2e6 * 2.5e-12)
    memory = by_name["DDR memory"]
    assert (memory.low, memory.high) == pytest.approx((16_000 / 8 * 1.3e-9, 16_000 / 8 * 2.6e-9))
    assert (by_name["idle"].low, by_name["idle"].high) == pytest.approx((0, 3.5e-3))
    for part in found.parts:
        assert part.source


def test_the_estimate_is_the_sum_of_its_parts():
    found, by_name = parts(Activity(4, 10**9, {WEIGHTS: 10**6}, {}))
    assert found.low == pytest.approx(sum(part.low for part in by_name.values()))
    assert found.high == pytest.approx(sum(part.high for part in by_name.values()))
    assert found.middle == pytest.approx((found.low * found.high) ** 0.5)
    assert found.low < found.middle < found.high


def test_more_of_anything_takes_more():
    base, _ = parts(Activity(4, 10**9, {WEIGHTS: 10**6}, {}))
    for more in (
        parts(Activity(4, 2 * 10**9, {WEIGHTS: 10**6}, {}))[0],
        parts(Activity(4, 10**9, {WEIGHTS: 10**7}, {}))[0],
        parts(Activity(4, 10**9, {WEIGHTS: 10**6}, {}), STATISTICS | {"weight_beats": 9000})[0],
    ):
        assert more.low > base.low
        assert more.high > base.high
