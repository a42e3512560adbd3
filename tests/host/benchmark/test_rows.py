import json

import pytest

from m3vit.host.benchmark.rows import ENERGY, Number, Row, powered, timed, unmetered


def test_throughput_and_operations_follow_from_the_latency():
    numbers = timed(Number(20.0, "measured", "clock", low=16.0, high=25.0), 4, 1.5)
    rate = numbers["images_per_second"]
    assert (rate.value, rate.low, rate.high) == (200, 160, 250)
    assert numbers["gops"].value == pytest.approx(300)
    assert {number.origin for number in numbers.values()} == {"measured"}
    assert "gops" not in timed(Number(20.0, "measured", "clock"), 1, None)


def test_what_follows_from_energy_keeps_its_origin_and_range():
    numbers = powered(
        Number(8.0, "estimated", "model"),
        Number(0.02, "estimated", "model", low=0.01, high=0.04),
        1.5,
    )
    assert set(numbers) == set(ENERGY)
    images = numbers["images_per_joule"]
    assert (images.value, images.low, images.high) == pytest.approx((50, 25, 100))
    assert numbers["gops_per_watt"].value == pytest.approx(75)
    assert {number.origin for number in numbers.values()} == {"estimated"}


def test_a_row_is_json_and_says_why_numbers_are_missing():
    row = Row("system", "hardware", 1, missing=unmetered("no meter"), notes=("a note",))
    content = json.loads(json.dumps(row.content()))
    assert content["missing"] == dict.fromkeys(ENERGY, "no meter")
    assert content["numbers"] == {}
