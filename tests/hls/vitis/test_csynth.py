"""Running Vitis HLS: the command, the script's environment and the report; by a stand-in."""

import os
import stat

import pytest

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.hls.vitis.csynth import find_tool, read_report, synthesise

REPORT = """<?xml version="1.0"?>
<profile>
  <UserAssignments>
    <TargetClockPeriod>3.33</TargetClockPeriod>
    <TopModelName>requantise_top</TopModelName>
  </UserAssignments>
  <PerformanceEstimates>
    <SummaryOfTimingAnalysis>
      <EstimatedClockPeriod>2.431</EstimatedClockPeriod>
    </SummaryOfTimingAnalysis>
    <SummaryOfOverallLatency>
      <Best-caseLatency>undef</Best-caseLatency>
      <Worst-caseLatency>undef</Worst-caseLatency>
      <Interval-min>undef</Interval-min>
      <Interval-max>undef</Interval-max>
    </SummaryOfOverallLatency>
    <SummaryOfLoopLatency>
      <row><PipelineII>1</PipelineII></row>
    </SummaryOfLoopLatency>
  </PerformanceEstimates>
  <AreaEstimates>
    <Resources><BRAM_18K>2</BRAM_18K><DSP>32</DSP><FF>4100</FF><LUT>3900</LUT><URAM>0</URAM></Resources>
  </AreaEstimates>
</profile>
"""

PROGRAM = """#!/bin/sh
echo "$0 $*" >> calls
test -f "$M3VIT_SOURCE" || exit 3
for directory in $M3VIT_INCLUDE; do test -d "$directory/m3vit" || exit 4; done
echo "$M3VIT_TOP $M3VIT_PART $M3VIT_PERIOD" >> calls
mkdir -p "$M3VIT_TOP/solution/syn/report"
cp "$REPORT" "$M3VIT_TOP/solution/syn/report/csynth.xml"
"""


def _install(directory, name, program):
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(program)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def report(tmp_path, monkeypatch):
    path = tmp_path / "report.xml"
    path.write_text(REPORT)
    monkeypatch.setenv("REPORT", str(path))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return path


def test_the_kernel_is_synthesised_with_the_designs_part_and_clock(tmp_path, report):
    _install(tmp_path / "bin", "vitis_hls", "#!/bin/sh\nexit 9\n")
    _install(tmp_path / "bin", "vitis-run", PROGRAM)
    found = synthesise("requantise", DesignConfig.load("zcu104"), tmp_path)
    call, settings = (tmp_path / "calls").read_text().splitlines()
    assert call.split()[1:4] == ["--mode", "hls", "--tcl"]
    assert call.endswith("csynth.tcl")
    assert settings == "requantise_top xczu7ev-ffvc1156-2-e 3.333"
    assert (found.top, found.target_ns, found.estimated_ns) == ("requantise_top", 3.33, 2.431)
    assert (found.interval, found.latency) == (1, None)
    assert found.resources == {"LUT": 3900, "FF": 4100, "DSP": 32, "BRAM_18K": 2, "URAM": 0}


def test_older_versions_are_found_too(tmp_path, report):
    _install(tmp_path / "bin", "vitis_hls", PROGRAM)
    assert find_tool()[1:] == ("-f",)
    assert synthesise("add_residual", DesignConfig.load("nano"), tmp_path).interval == 1


def test_without_vitis_one_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"needs Vitis .* settings64\.sh"):
        synthesise("requantise", DesignConfig.load("nano"), tmp_path)


def test_a_failure_points_to_the_log(tmp_path, report):
    _install(tmp_path / "bin", "vitis-run", "#!/bin/sh\necho 'ERROR: no licence'\nexit 1\n")
    with pytest.raises(UserError, match=r"requantise failed: .*requantise\.log"):
        synthesise("requantise", DesignConfig.load("nano"), tmp_path)
    assert "no licence" in (tmp_path / "requantise.log").read_text()


@pytest.mark.parametrize("text", ["", "<profile/>", REPORT.replace("2.431", "?")])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "csynth.xml"
    path.write_text(text)
    with pytest.raises(UserError, match="no report of C synthesis"):
        read_report(path)


@pytest.mark.vitis
def test_vitis_reaches_the_interval_of_our_own_report(tmp_path):
    assert os.path.isabs(find_tool()[0])
    assert synthesise("requantise", DesignConfig.load("nano"), tmp_path).interval == 1
