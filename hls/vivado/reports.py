"""What Vivado's reports say: timing, utilisation, version."""

import re
from dataclasses import dataclass
from pathlib import Path

from m3vit.errors import UserError

SITES = {
    "LUT": "CLB LUTs",
    "FF": "CLB Registers",
    "BRAM36": "Block RAM Tile",
    "URAM": "URAM",
    "DSP": "DSPs",
}
"""Our name of a resource -> the site type of `report_utilization`."""


@dataclass(frozen=True)
class Timing:
    """The design timing summary of a routed design.

    Attributes:
        wns_ns, whs_ns: worst slack of setup and of hold; negative if a path is too slow.
        tns_ns, ths_ns: their sums over all endpoints that fail.
        failing_endpoints: of setup, hold and pulse width together.
    """

    wns_ns: float
    tns_ns: float
    whs_ns: float
    ths_ns: float
    failing_endpoints: int

    @property
    def met(self) -> bool:
        """Whether the bitstream works at its clock, over all of the device's conditions."""
        return self.failing_endpoints == 0 and min(self.wns_ns, self.whs_ns) >= 0


@dataclass(frozen=True)
class Resource:
    """How many sites of a kind are used; block RAMs count in halves."""

    used: float
    available: float


def read_timing(path: Path) -> Timing:
    """Read the text of `report_timing_summary`.

    Raises:
        UserError: it is missing or not such a report.
    """
    lines = _lines(path)
    for number, line in enumerate(lines):
        headings = re.split(r"\s{2,}", line.strip())
        if headings[:2] == ["WNS(ns)", "TNS(ns)"] and "WHS(ns)" in headings:
            numbers = lines[number + 2].split() if number + 2 < len(lines) else []
            if len(numbers) != len(headings):
                break
            found = dict(zip(headings, numbers, strict=True))
            try:
                return Timing(
                    float(found["WNS(ns)"]),
                    float(found["TNS(ns)"]),
                    float(found["WHS(ns)"]),
                    float(found["THS(ns)"]),
                    sum(int(found[f"{kind} Failing Endpoints"]) for kind in ("TNS", "THS", "TPWS")),
                )
            except (KeyError, ValueError):
                break
    raise UserError(f"{path} has no design timing summary: is it a report of a routed design?")


def read_utilisation(path: Path) -> dict[str, Resource]:
    """Read the text of `report_utilization`, by the names of `SITES`.

    Raises:
        UserError: it is missing or not such a report.
    """
    rows: dict[str, dict[str, str]] = {}
    headings: list[str] = []
    for line in _lines(path):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.lstrip().startswith("|"):
            headings = headings if line.startswith("+") else []
        elif cells[0] == "Site Type":
            headings = cells
        elif headings and len(cells) == len(headings):
            # The first of several tables counts; synthesis marks estimates with a star.
            rows.setdefault(cells[0].rstrip("*"), dict(zip(headings, cells, strict=True)))
    try:
        return {
            name: Resource(float(rows[site]["Used"]), float(rows[site]["Available"]))
            for name, site in SITES.items()
        }
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{path} does not say how much of the device is used ({error}): run "
            "`m3vit build bitstream` again"
        ) from None


def read_version(path: Path) -> str:
    """Vivado's version, such as 2023.2, from the head of a report.

    Raises:
        UserError: the report has no such head.
    """
    found = re.search(r"^\| Tool Version\s*:\s*Vivado v\.(\S+)", "\n".join(_lines(path)), re.M)
    if found is None:
        raise UserError(f"{path} does not name Vivado's version: it is none of its reports")
    return found[1]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the report {path} ({error}): build again") from None
