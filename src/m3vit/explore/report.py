"""What a search leaves behind: a table for machines, and designs as files."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from m3vit.errors import UserError
from m3vit.files import atomic_path
from m3vit.hls.design import DesignConfig, design_names
from m3vit.hls.resources.cells import XCZU7EV
from m3vit.hls.resources.engine import MARGIN

from .evaluation import OBJECTIVES, Workload, evaluate
from .study import Candidate, Search

PROVENANCE = "estimated: cycles by the cycle model, resources by formulas; nothing was built"


def known_designs(network: str) -> dict[str, Candidate]:
    """Designs that ship and can run a network, as they are: with their own memories."""
    workload = Workload.of(network)
    found = {}
    for name in design_names():
        design = DesignConfig.load(name)
        try:
            found[name] = Candidate(design, evaluate(design, workload))
        except UserError:  # it is too small for this network
            continue
    return found


def report(
    what: Search,
    tried: Sequence[Candidate],
    best: Sequence[Candidate],
    known: dict[str, Candidate],
) -> dict[str, Any]:
    """For machines."""
    return {
        "provenance": PROVENANCE,
        "network": what.network,
        "base": what.base,
        "objectives": OBJECTIVES,
        "margin": MARGIN,
        "device": asdict(XCZU7EV),
        "tried": len(tried),
        "shipped": {name: _entry(one) for name, one in known.items()},
        "pareto": [_entry(one) for one in best],
    }


def _entry(one: Candidate) -> dict[str, Any]:
    return {**one.evaluation.as_dict(), "design": asdict(one.design)}


def write_designs(directory: Path, designs: Sequence[Candidate]) -> None:
    """Put designs into a directory of their own, fastest first, as `DesignConfig.load` reads them.

    The directory is replaced.
    """
    with atomic_path(directory) as fresh:
        fresh.mkdir()
        for index, one in enumerate(designs):
            sizes = one.design
            shape = f"{sizes.array_tokens}x{sizes.array_inputs}x{sizes.array_outputs}"
            (fresh / f"{index:03}-{shape}.toml").write_text(toml(one))


def toml(one: Candidate) -> str:
    """A design as a file, with what it was estimated at."""
    used = one.evaluation.resources
    lines = [
        f"# {one.evaluation.cycles:,} cycles, {used.dsp:,} DSP, {used.bram36} BRAM36, "
        f"{used.uram} URAM ({PROVENANCE})",
        "",
    ]
    values = {key: value for key, value in asdict(one.design).items() if key != "name"}
    lines += [
        f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}"
        for key, value in values.items()
    ]
    return "\n".join(lines) + "\n"
