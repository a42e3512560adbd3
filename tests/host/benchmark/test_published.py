import pytest

from m3vit.host.benchmark.published import giga_operations, published_rows


def test_operations_are_those_of_the_released_configurations():
    assert giga_operations("cityscapes_tiny") == pytest.approx(1.565, abs=1e-3)
    assert giga_operations("cityscapes_tiny", (224, 224)) == pytest.approx(2.514, abs=1e-3)
    assert giga_operations("pascal_small", (224, 224)) == pytest.approx(9.21, abs=0.01)
    assert giga_operations("nyud_small") == pytest.approx(78.4, abs=0.1)


def test_every_row_is_published_with_a_reference():
    for row in published_rows():
        assert row.batch == 1
        for number in row.numbers.values():
            assert number.origin == "published"
            assert "arXiv" in number.source


def test_edge_moe_is_as_its_authors_print_it():
    (row,) = (row for row in published_rows() if row.system.startswith("Edge-MoE, "))
    assert row.numbers["joules"].value == pytest.approx(0.504, abs=1e-3)  # printed
    assert row.numbers["images_per_second"].value == pytest.approx(28.9, abs=0.05)
    assert row.numbers["gops"].value == pytest.approx(45.2, abs=0.1)  # not the 72.15 of others
    assert row.numbers["gops_per_watt"].value == pytest.approx(3.11, abs=0.01)


def test_unclear_configurations_give_a_range():
    (row,) = (row for row in published_rows() if row.system == "CoQMoE, int8")
    gops = row.numbers["gops"]
    assert (gops.low, gops.high) == pytest.approx((242, 388.5), abs=0.5)
    assert row.numbers["joules"].value == pytest.approx(0.0636, abs=1e-4)
    assert row.numbers["joules"].low is None
