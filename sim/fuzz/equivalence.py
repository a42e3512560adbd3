"""Which faults are none? Decided by model checking where it can be, within a time limit.

yosys makes a netlist of the design with all its faults, `difference` writes models for each of
them, and ABC, which is part of yosys, looks for a proof that the output of one is never 1: in a
single cycle, then by induction over signals that are always equal, then by property-directed
reachability. No proof in time counts as different.
"""

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from m3vit.hls.compiler import yosys

from .difference import from_reset, in_a_cycle
from .mutants import SOURCES, Mutant, instrument_for_proof
from .netlist import Netlist, read_netlist

PDR_LIMIT = 10
"""Seconds that property-directed reachability may take for one fault."""

_TIME_LIMIT = 30  # seconds for all of a proof

_PROVEN = "# Inductive invariant"


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
        return {number for number in numbers if _unobservable(netlist, number, directory)}


def _unobservable(netlist: Netlist, number: int, directory: Path) -> bool:
    """It is proven that the outputs are the same with and without the fault."""
    if number not in netlist.faults:  # nothing reads what it changes
        return True
    return _is_never(in_a_cycle(netlist, number), _COMBINATIONAL, directory) or _is_never(
        from_reset(netlist, number), _SEQUENTIAL, directory
    )


def _is_never(model: str, commands: str, directory: Path) -> bool:
    """It is proven that the output of a model is never 1."""
    (directory / "model.blif").write_text(model)
    (directory / "given.v").write_text(_GIVEN)
    (directory / "proof.abc").write_text(_PROOF.format(commands=commands))
    reduced, clauses = directory / "reduced.aig", directory / "clauses.pla"
    for path in (reduced, clauses):
        path.unlink(missing_ok=True)
    try:
        yosys.run("read_verilog given.v; simplemap; abc -script proof.abc", directory, _TIME_LIMIT)
    except subprocess.TimeoutExpired:
        return False
    if reduced.exists() and _is_zero(reduced):
        return True
    return clauses.exists() and clauses.read_text().startswith(_PROVEN)


def _is_zero(path: Path) -> bool:
    """The only output of a circuit in AIGER's binary format is the constant 0."""
    lines = path.read_bytes().split(b"\n")
    registers = int(lines[0].split()[3])
    return lines[1 + registers] == b"0"


# yosys runs ABC on a design, so it is given one, which ABC hands back in the end.
_GIVEN = "module given(input a, input b, output y); assign y = a & b; endmodule"
_PROOF = """\
write_blif given.blif
read_blif model.blif
strash
{commands}
read_blif given.blif
"""
_COMBINATIONAL = """\
fraig
write_aiger reduced.aig"""
_SEQUENTIAL = f"""\
scleanup
scorr
write_aiger reduced.aig
pdr -d -T {PDR_LIMIT} -I clauses.pla"""
