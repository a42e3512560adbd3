"""Reading Vivado's reports; the samples are made up, for none has been seen of this design."""

import pytest

from m3vit.errors import UserError
from m3vit.hls.vivado.reports import Resource, read_timing, read_utilisation, read_version


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "report.rpt"
        path.write_text(text)
        return path

    return write


def test_timing(samples, written):
    timing = read_timing(written(samples.TIMING))
    assert (timing.wns_ns, timing.tns_ns, timing.whs_ns, timing.ths_ns) == (0.017, 0, 0.01, 0)
    assert timing.failing_endpoints == 0
    assert timing.met


def test_a_missed_clock_is_seen(samples, written):
    timing = read_timing(written(samples.MISSED))
    assert (timing.wns_ns, timing.tns_ns, timing.failing_endpoints) == (-0.213, -41.5, 388)
    assert not timing.met
    hold = samples.TIMING.replace("0.010        0.000", "-0.010       -0.020")
    assert not read_timing(written(hold)).met
    width = samples.TIMING.replace("0.135        0.000                       0", "0 -1 3")
    assert not read_timing(written(width)).met


@pytest.mark.parametrize("place", ["WNS(ns)", "0.017", "412300", "TPWS Failing Endpoints"])
def test_a_broken_timing_report_is_refused(place, samples, written):
    with pytest.raises(UserError, match="no design timing summary"):
        read_timing(written(samples.TIMING.replace(place, "")))


def test_utilisation(samples, written):
    assert read_utilisation(written(samples.UTILISATION)) == {
        "LUT": Resource(101234, 230400),
        "FF": Resource(123456, 460800),
        "BRAM36": Resource(250.5, 312),
        "URAM": Resource(80, 96),
        "DSP": Resource(1100, 1728),
    }


def test_older_reports_lack_a_column_and_mark_estimates(samples, written):
    text = samples.UTILISATION.replace(" Prohibited |", "").replace("|          0 |", "|")
    text = text.replace("CLB LUTs ", "CLB LUTs*")
    assert read_utilisation(written(text))["LUT"] == Resource(101234, 230400)


@pytest.mark.parametrize("place", ["| DSPs ", "Available", "101234"])
def test_a_broken_utilisation_report_is_refused(place, samples, written):
    text = samples.UTILISATION.replace(place, "| x " if place.startswith("|") else "x")
    with pytest.raises(UserError, match="how much of the device"):
        read_utilisation(written(text))


def test_version(samples, written):
    assert read_version(written(samples.TIMING)) == "2023.2"
    with pytest.raises(UserError, match="Vivado's version"):
        read_version(written("| Tool Version : something else"))


def test_a_missing_report_is_refused(tmp_path):
    for read in (read_timing, read_utilisation, read_version):
        with pytest.raises(UserError, match="cannot read the report"):
            read(tmp_path / "none.rpt")
