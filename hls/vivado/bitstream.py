"""From packaged IP to an overlay: block design, implementation, reports, manifest.

None of this has been run with Vivado.
"""

import subprocess
from pathlib import Path

import m3vit.hls
from m3vit.errors import UserError
from m3vit.hls import isa
from m3vit.hls.hwh import INTERRUPTS_ADDRESS
from m3vit.hls.registers import BUS

from .manifest import File, Manifest
from .names import (
    BOARD,
    BOARD_PART,
    CONTROL_ADDRESS,
    CONTROL_BYTES,
    ENGINE_CELL,
    OVERLAY,
    VLNV,
    processor_ports,
)
from .package import PackagedEngine
from .reports import read_timing, read_utilisation, read_version
from .settings import Value
from .tools import TCL, find_vivado, run_script

SCRIPT = TCL / "bitstream.tcl"
FILES = (f"{OVERLAY}.bit", f"{OVERLAY}.hwh")


def build_bitstream(packaged: PackagedEngine, directory: Path, output: Path, jobs: int) -> Manifest:
    """Implement an engine for the ZCU104; hours.

    Args:
        directory: for the project. output: for .bit, .hwh, reports and manifest.json.
        jobs: processes at the same time.

    Raises:
        UserError: Vivado is missing or has failed, or a path is too slow for the clock; then
            everything but the manifest is there.
    """
    vivado = find_vivado()
    run_script(vivado, SCRIPT, bitstream_settings(packaged, directory, output, jobs), directory)
    manifest = describe(packaged, output)
    if not manifest.timing.met:
        raise UserError(
            f"the clock of {packaged.design.clock_mhz} MHz is missed by "
            f"{-min(manifest.timing.wns_ns, manifest.timing.whs_ns):.3f} ns at "
            f"{manifest.timing.failing_endpoints} endpoints: see {output / 'timing.rpt'}, and give "
            "a design file of your own with a lower clock_mhz"
        )
    manifest.write(output)
    return manifest


def describe(packaged: PackagedEngine, output: Path) -> Manifest:
    """What Vivado has left in a directory.

    Raises:
        UserError: a file is missing, or a report is not what it should be.
    """
    for name in FILES:
        if not (output / name).is_file():
            raise UserError(f"{output / name} is missing: Vivado's log says why")
    design = packaged.design
    return Manifest(
        board=BOARD,
        part=design.part,
        design=design.name,
        design_id=design.design_id,
        isa_version=isa.VERSION,
        core=packaged.flow,
        clock_mhz=design.clock_mhz,
        commit=source_commit(),
        tools={"Vivado": read_version(output / "timing.rpt"), **packaged.tools},
        timing=read_timing(output / "timing.rpt"),
        utilisation=read_utilisation(output / "utilisation.rpt"),
        files={name: File.of(output / name) for name in FILES},
    )


def bitstream_settings(
    packaged: PackagedEngine, directory: Path, output: Path, jobs: int
) -> dict[str, Value]:
    """What `bitstream.tcl` and `block_design.tcl` are told."""
    design = packaged.design
    return {
        "part": design.part,
        "board": BOARD_PART,
        "name": OVERLAY,
        "work": (directory / "project").resolve(),
        "ip": packaged.directory.resolve(),
        "vlnv": VLNV,
        "engine": ENGINE_CELL,
        "clock": design.clock_mhz,
        "control": BUS,
        "address": f"0x{CONTROL_ADDRESS:08X}",
        "interrupts_address": f"0x{INTERRUPTS_ADDRESS:08X}",
        "range": CONTROL_BYTES,
        "memory": list(processor_ports(design).items()),
        "output": output.resolve(),
        "jobs": jobs,
    }


def source_commit() -> str:
    """The git commit of these sources, "-dirty" behind it if files differ; or "unknown"."""
    directory = Path(m3vit.hls.__file__).resolve().parent

    def git(*words: str) -> str:
        run = ["git", "-C", str(directory), *words]
        return subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        return f"{commit}-dirty" if git("status", "--porcelain", "--", ".") else commit
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
