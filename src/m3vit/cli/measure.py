"""`m3vit bench`: the numbers of the README, measured on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from m3vit.cli.options import write_json


def bench(
    output: Annotated[Path, typer.Option("--output", "-o", help="Report for machines.")] = Path(
        "build/bench/model.json"
    ),
    limit: Annotated[
        int | None, typer.Option(min=1, help="Held-out scenes; default: all of them.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Timed runs; the median counts.")] = 15,
) -> None:
    """Time the integer reference against torch, and int8 accuracy against float.

    The time is of M³ViT-tiny (129 tokens, D 192, 12 layers, 16 experts) with random weights, both
    sides in this process in turns. Accuracy is of the shipped m3vit-nano on held-out scenes.

    [bold]Example[/bold]

    m3vit bench --limit 50
    """
    from rich.console import Console
    from rich.table import Table

    from m3vit.cli.progress import counted, quiet_transformers
    from m3vit.model.evaluation.benchmark import accuracy_loss, reference_over_torch

    quiet_transformers()
    with counted("images") as progress:
        accuracy = accuracy_loss(limit=limit, progress=progress)
    speed = reference_over_torch(repeats)
    report = {**speed, **accuracy, "provenance": "measured on this machine"}
    table = Table(title="measured on this machine", title_justify="left")
    table.add_column("number")
    table.add_column("value", justify="right")
    for name, value in report.items():
        if isinstance(value, int | float):
            table.add_row(name, f"{value:.5g}")
    Console().print(table)
    write_json(output, report)
    typer.echo(f"report {output}")
