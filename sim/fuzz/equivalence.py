"""Which faults are none? Decided by model checking where it can be, within a time limit.

yosys makes a netlist of the design with all its faults, `difference` writes models for each of
them, and ABC, which is part of yosys, looks for a proof that the output of one is never 1: in a
single cycle, then by induction over signals that are always equal, then by property-directed
reachability. No proof in time counts as different.
"""

import contextlib
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from m3vit.hls.compiler import yosys

from .difference import from_reset, in_a_cycle
from .mutants import SOURCES, Mutant, instrument_for_proof
from .netlist import read_netlist

PDR_LIMIT = 6
"""Seconds that property-directed reachability may take for one fault."""

_TIME_LIMIT = 15  # seconds for all of a proof


def equivalent(
    top: str, files: Sequence[Path], faults: Mapping[Path, Sequence[Mutant]]
) -> set[int]:
    """Numbers of those faults that are proven to change nothing.

    Args:
        top: the design's top module.
        files: its SystemVerilog.
        faults: file -> faults in it, which are examined one at a time.
    """
    with tempfile.TemporaryDirectory(prefix="m3vit-yosys-") as scratch:
        directory = Path(scratch)
        (directory / "sources.sv").write_text(SOURCES)
        names = ["sources.sv"]
        for path in files:
            chosen = faults.get(path)
            text = path.read_text()
            if chosen:
                text = instrument_for_proof(text, chosen)
            (directory / path.name).write_text(text)
            names.append(path.name)
        netlist = read_netlist(top, names, directory)
        numbers = [mutant.number for mutants in faults.values() for mutant in mutants]
        observable = [number for number in numbers if number in netlist.faults]
        models = {number: in_a_cycle(netlist, number) for number in observable}
        proven = _never(models, _COMBINATIONAL, directory)
        for number in observable:
            if number not in proven:
                model = {number: from_reset(netlist, number)}
                proven |= _never(model, _SEQUENTIAL, directory)
        return {number for number in numbers if number in proven or number not in observable}


def _never(models: Mapping[int, str], commands: str, directory: Path) -> set[int]:
    """Numbers of the models whose output is proven never to be 1."""
    script = ["write_blif given.blif"]
    for number, model in models.items():
        (directory / f"{number}.blif").write_text(model)
        script += [f"read_blif {number}.blif", "strash", commands.format(number)]
    script += ["read_blif given.blif", ""]
    (directory / "given.v").write_text(_GIVEN)
    (directory / "proof.abc").write_text("\n".join(script))
    with contextlib.suppress(subprocess.TimeoutExpired):  # some proofs may be there
        yosys.run(
            "read_verilog given.v; simplemap; abc -script proof.abc",
            directory,
            _TIME_LIMIT + len(models),
        )
    return {
        number
        for number in models
        if _is_zero(directory / f"{number}.aig") or _is_proven(directory / f"{number}.pla")
    }


def _is_zero(path: Path) -> bool:
    """The only output of a circuit in AIGER's binary format is the constant 0."""
    if not path.exists():
        return False
    lines = path.read_bytes().split(b"\n")
    registers = int(lines[0].split()[3])
    return len(lines) > 1 + registers and lines[1 + registers] == b"0"


def _is_proven(path: Path) -> bool:
    """There is an inductive invariant, and not only what was learnt on the way to one."""
    return path.exists() and path.read_text().startswith("# Inductive invariant")


# yosys runs ABC on a design, so it is given one, which ABC hands back in the end.
_GIVEN = "module given(input a, input b, output y); assign y = a & b; endmodule"
_COMBINATIONAL = """\
fraig
write_aiger {0}.aig"""
_SEQUENTIAL = f"""\
scleanup
scorr
write_aiger {{0}}.aig
pdr -d -T {PDR_LIMIT} -I {{0}}.pla"""
