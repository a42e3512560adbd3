import pytest

from m3vit.hls.resources.cells import XCZU7EV, Resources, count


def test_cells_are_counted_by_resource():
    cells = {"LUT3": 5, "LUT6": 1, "FDRE": 7, "FDSE": 2, "CARRY4": 1, "BUFG": 1, "DSP48E2": 1}
    assert count(cells, "leaf") == Resources(lut=6, ff=9, dsp=1)
    memories = {"RAMB36E2": 1, "RAMB18E2": 1, "URAM288": 2, "RAM64M8": 1, "SRL16E": 4}
    assert count(memories, "leaf") == Resources(memory_lut=12, ramb18=3, uram=2)


def test_a_cell_that_nobody_counts_is_a_fault():
    with pytest.raises(RuntimeError, match="cell DSP99 in top"):
        count({"DSP99": 1}, "top")


def test_shares_of_a_device():
    used = Resources(lut=200_000, memory_lut=30_400, ff=46_080, dsp=1_728, ramb18=623, uram=0)
    shares = XCZU7EV.shares(used)
    assert (shares["lut"], shares["ff"], shares["dsp"]) == (1.0, 0.1, 1.0)
    assert (shares["bram36"], shares["uram"]) == (1.0, 0.0)  # half a block is not left
    assert shares["memory_lut"] == 30_400 / 101_760
