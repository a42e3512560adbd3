"""Is a changed design the same design? Decided by yosys where it can, within a time limit.

First the changed expression alone is compared with the original one, whatever its signals are.
Then the whole designs: joined input by input, a SAT solver is asked for a sequence in which an
output differs; by induction there is none. No answer in time counts as different.
"""

import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from m3vit.hls.compiler import yosys

from .mutants import Mutant, declared, planted

TIME_LIMIT = 120
"""Seconds that the proof about one design may take."""

_INDUCTION_STEPS = 8


def equal_expressions(text: str, chosen: Sequence[Mutant]) -> set[int]:
    """Numbers of those mutants of a module whose expressions equal the original ones."""
    dimensions = declared(text)
    constants = "\n".join(re.findall(r"^ *localparam [^;]*;", text, re.M))
    comparable = [mutant for mutant in chosen if mutant.target in dimensions or not mutant.target]
    if not comparable:
        return set()
    sources, script = [], ["read_verilog -sv expressions.sv", "proc"]
    for mutant in comparable:
        number = mutant.number
        for name, expression in (("gold", mutant.original), ("gate", mutant.changed)):
            inputs = sorted(set(re.findall(r"[A-Za-z_]\w*", mutant.original + mutant.changed)))
            ports = [
                f"input logic {dimensions[signal]} {signal}"
                for signal in inputs
                if signal in dimensions
            ]
            result = dimensions.get(mutant.target, "")
            sources.append(
                f"module {name}_{number} ({', '.join([*ports, f'output logic {result} result'])});"
                f"\n{constants}\nassign result = {expression};\nendmodule"
            )
        script += [
            f"equiv_make gold_{number} gate_{number} equiv_{number}",
            f"equiv_simple equiv_{number}",
            f"tee -q -o {number}.status equiv_status equiv_{number}",
        ]
    with tempfile.TemporaryDirectory(prefix="m3vit-yosys-") as scratch:
        directory = Path(scratch)
        (directory / "expressions.sv").write_text("\n".join(sources))
        try:
            yosys.run("\n".join(script), directory, TIME_LIMIT * len(comparable))
        except subprocess.TimeoutExpired:
            return set()
        return {
            mutant.number
            for mutant in comparable
            if "Equivalence successfully proven"
            in (directory / f"{mutant.number}.status").read_text()
        }


def equal_designs(top: str, files: Sequence[Path], changed: Path, mutant: Mutant) -> bool:
    """True if it is proven that no output ever differs.

    Args:
        top: module whose outputs are compared.
        files: the design.
        changed: the one of them that has the fault.
        mutant: the fault.
    """
    with tempfile.TemporaryDirectory(prefix="m3vit-yosys-") as scratch:
        directory = Path(scratch)
        for path in files:
            text = path.read_text()
            (directory / f"gold_{path.name}").write_text(text)
            other = planted(text, mutant) if path == changed else text
            (directory / f"gate_{path.name}").write_text(other)
        try:
            yosys.run(_script(top, [path.name for path in files]), directory, TIME_LIMIT)
        except (yosys.YosysError, subprocess.TimeoutExpired):
            return False
        return True


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
