"""C synthesis of the kernels with Vitis HLS, and what its report says.

None of this has been run with Vitis HLS: the commands and the report follow its documentation
(UG1399) and the reports that hls4ml reads.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import m3vit.hls
from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.hls.generated import write_headers

HLS = Path(m3vit.hls.__file__).parent.resolve()
SCRIPT = HLS / "tcl" / "csynth.tcl"

COMMANDS = (("vitis-run", "--mode", "hls", "--tcl"), ("vitis_hls", "-f"))
"""How to run a Tcl script: Vitis 2024.1 and later, and earlier ones."""

RESOURCES = ("LUT", "FF", "DSP", "BRAM_18K", "URAM")


@dataclass(frozen=True)
class CsynthReport:
    """What Vitis HLS estimates for a top function; nothing of it is placed or routed.

    Attributes:
        top: function.
        target_ns, estimated_ns: clock period wanted, and of the slowest path.
        interval: cycles between two starts; of a free-running kernel that of its loop, None where
            the report has no number.
        latency: cycles, None where it is not a number.
        resources: by the names of `RESOURCES`.
    """

    top: str
    target_ns: float
    estimated_ns: float
    interval: int | None
    latency: int | None
    resources: dict[str, int]


def find_tool() -> tuple[str, ...]:
    """The command that runs a Tcl script with Vitis HLS.

    Raises:
        UserError: Vitis is not on the PATH.
    """
    for program, *options in COMMANDS:
        found = shutil.which(program)
        if found is not None:
            return (found, *options)
    raise UserError(
        "C synthesis needs Vitis (vitis-run, or vitis_hls of older versions) on the PATH: source "
        "its settings64.sh first; `m3vit hls report` needs no vendor's tool"
    )


def synthesise(kernel: str, design: DesignConfig, directory: Path) -> CsynthReport:
    """Run C synthesis of `hls/src/<kernel>_top.cpp` and read the report.

    Args:
        directory: for the project (`<kernel>_top`), the generated headers and the log; kept.

    Raises:
        UserError: no Vitis, no such kernel, or synthesis failed.
    """
    command = find_tool()
    source = HLS / "src" / f"{kernel}_top.cpp"
    if not source.is_file():
        raise UserError(f"there is no kernel '{kernel}': `m3vit hls csynth --help` lists them")
    headers = directory.resolve() / "include"
    write_headers(design, headers)
    top = source.stem
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / f"{kernel}.log"
    with log.open("w") as stream:
        done = subprocess.run(
            [*command, str(SCRIPT)],
            cwd=directory,
            env={**os.environ, **script_environment(source, design, headers)},
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        raise UserError(f"C synthesis of {kernel} failed: {log} says why")
    return read_report(directory / top / "solution" / "syn" / "report" / "csynth.xml")


def script_environment(source: Path, design: DesignConfig, headers: Path) -> dict[str, str]:
    """What `csynth.tcl` is told."""
    return {
        "M3VIT_SOURCE": str(source),
        "M3VIT_TOP": source.stem,
        "M3VIT_INCLUDE": f"{HLS / 'include'} {headers}",
        "M3VIT_PART": design.part,
        "M3VIT_PERIOD": f"{1000 / design.clock_mhz:.3f}",
    }


def read_report(path: Path) -> CsynthReport:
    """Read a csynth.xml.

    Raises:
        UserError: it is missing or not such a report.
    """
    try:
        root = ElementTree.parse(path).getroot()
        period = "PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod"
        overall = "PerformanceEstimates/SummaryOfOverallLatency"
        loops = root.findall("PerformanceEstimates/SummaryOfLoopLatency//PipelineII")
        intervals = [_count(loop.text) for loop in loops] or [
            _count(root.findtext(f"{overall}/Interval-max"))
        ]
        known = [interval for interval in intervals if interval is not None]
        return CsynthReport(
            top=_text(root, "UserAssignments/TopModelName"),
            target_ns=float(_text(root, "UserAssignments/TargetClockPeriod")),
            estimated_ns=float(_text(root, period)),
            interval=max(known, default=None),
            latency=_count(root.findtext(f"{overall}/Worst-caseLatency")),
            resources={
                name: int(root.findtext(f"AreaEstimates/Resources/{name}") or 0)
                for name in RESOURCES
            },
        )
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise UserError(
            f"{path} is no report of C synthesis ({error}): run `m3vit hls csynth` again"
        ) from error


def _text(root: ElementTree.Element, path: str) -> str:
    found = root.findtext(path)
    if found is None:
        raise ValueError(f"no {path}")
    return found


def _count(text: str | None) -> int | None:
    """A number of cycles; reports say `undef`, `?` or `-` where there is none."""
    return int(text) if text is not None and text.strip().isdigit() else None
