"""`python -m m3vit.model.benchmark`: what int8 costs, and how fast the integer reference is.

Accuracy is of the shipped m3vit-nano on held-out scenes, float against int8. The time is of
M³ViT-tiny (129 tokens, D 192, 12 layers, 16 experts) with random weights, the integer reference and
PyTorch in one process in turns. Where predictions part, layer by layer, is `m3vit compare`.
"""

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from m3vit.errors import UserError
from m3vit.files import write_atomically


def main() -> None:
    """See the head of this file."""
    parser = argparse.ArgumentParser(prog="python -m m3vit.model.benchmark", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("build/bench/model.json"))
    parser.add_argument("--limit", type=int, help="held-out scenes; default: all of them")
    parser.add_argument("--repeats", type=int, default=15, help="timed runs; the median counts")
    arguments = parser.parse_args()
    try:
        run(arguments.output, arguments.limit, arguments.repeats)
    except UserError as error:
        parser.error(str(error))


def run(output: Path, limit: int | None, repeats: int) -> None:
    """Measure, print a table and write the report.

    Args:
        output: of the report, JSON.
        limit: held-out scenes; all of them by default.
        repeats: timed runs.

    Raises:
        UserError: there are no scenes.
    """
    from m3vit.cli.progress import counted, quiet_transformers
    from m3vit.model.evaluation.benchmark import accuracy_loss, reference_over_torch

    quiet_transformers()
    with counted("images") as progress:
        accuracy = accuracy_loss(limit=limit, progress=progress)
    report = {
        **reference_over_torch(repeats),
        **accuracy,
        "provenance": "measured on this machine",
    }
    table = Table(title="measured on this machine", title_justify="left")
    table.add_column("number")
    table.add_column("value", justify="right")
    for name, value in report.items():
        if isinstance(value, int | float):
            table.add_row(name, f"{value:.5g}")
    console = Console()
    console.print(table)
    write_atomically(output, json.dumps(report, indent=1) + "\n")
    console.print(f"report {output}", highlight=False)


if __name__ == "__main__":
    main()
