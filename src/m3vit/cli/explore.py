"""`m3vit explore`: which sizes of the accelerator suit a network."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m3vit.cli.options import write_json
from m3vit.cli.progress import counted

if TYPE_CHECKING:
    from m3vit.explore.study import Candidate

_ROWS = 24


def explore(
    network: Annotated[
        str,
        typer.Argument(
            help="tiny for M³ViT-T with random weights, the name of a shipped model, or the "
            "directory of a compiled one."
        ),
    ] = "tiny",
    design: Annotated[
        str,
        typer.Option(help="Tried first; its part, clock and maxima (max_...) hold for all."),
    ] = "zcu104",
    trials: Annotated[
        int, typer.Option(min=1, help="Designs to try in all, those of earlier calls included.")
    ] = 600,
    jobs: Annotated[
        int, typer.Option(min=1, help="Processes.", show_default="one per core")
    ] = os.cpu_count() or 1,
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory to write.")] = Path(
        "build/explore"
    ),
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="File or database URL of the study, for several machines at once.",
            show_default="a file in the output directory",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the search; several processes still differ.")] = 0,
) -> None:
    """Search designs for one that is fast and small: array, ports and buffers.

    Cycles come from the cycle model, resources from formulas; memories of rows, keys and values are
    as large as the network needs. The directory gets a table (pareto.json), a picture (pareto.png)
    and every Pareto-optimal design as a TOML file. A search that was stopped goes on where it was.

    [bold]Examples[/bold]

    m3vit explore

    m3vit explore m3vit-nano-int8 --design nano --trials 200 --jobs 2 -o build/explore-nano
    """
    from m3vit.explore.picture import draw, milliseconds
    from m3vit.explore.report import known_designs, report, write_designs
    from m3vit.explore.study import Search, pareto, search

    what = Search(network, design, storage or str(output / "study.log"), seed)
    with counted("designs") as progress:
        found = search(what, trials, jobs, progress)
    best = pareto(found)
    known = known_designs(network)
    title = f"{network} on {len(found):,} designs: cycle model and resource formulas"
    draw(output / "pareto.png", found, known, title)
    write_designs(output / "designs", best)
    write_json(output / "pareto.json", report(what, found, best, known))
    _show(best, known, title, milliseconds)
    typer.echo(f"{output}: pareto.png, pareto.json, designs ({len(best)} files)")


def _show(
    best: "list[Candidate]", known: "dict[str, Candidate]", title: str, milliseconds: Any
) -> None:
    """Print the designs that ship, and some Pareto-optimal ones from fast to small."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE, pad_edge=False)
    for heading in ("array", "panel", "ports", "weights", "ms", "cycles", "DSP", "BRAM", "URAM"):
        table.add_column(heading, justify="right", no_wrap=True)
    step = max(1, -(-len(best) // _ROWS))
    for one in [*known.values(), None, *best[::step]]:
        if one is None:
            table.add_section()
            continue
        sizes, used = one.design, one.evaluation.resources
        shape = f"{sizes.array_tokens}x{sizes.array_inputs}x{sizes.array_outputs}"
        table.add_row(
            *(shape, str(sizes.panel_lanes), str(sizes.read_ports), f"{sizes.weight_tiles:,}"),
            *(f"{milliseconds(one):.3f}", f"{one.evaluation.cycles:,}"),
            *(f"{number:,}" for number in (used.dsp, used.bram36, used.uram)),
        )
    console = Console(highlight=False)
    console.print(table)
    console.print(
        f"first {', '.join(known)} as shipped; then {-(-len(best) // step)} of {len(best)} "
        "Pareto-optimal designs"
    )
