"""`m3vit doctor`: what works here, and what to do for the rest."""

from typing import Any

import typer

from m3vit.cli.options import JsonOption, write_json


def doctor(json_file: JsonOption = None) -> None:
    """Look at what is installed: which rungs of the ladder work here, and how to get the others.

    [bold]Example[/bold]

    m3vit doctor --json build/doctor.json
    """
    from rich.console import Console
    from rich.table import Table

    from m3vit.host.doctor import examine, remedies

    rungs = examine()
    table = Table(title="What works here", title_justify="left")
    table.add_column("rung")
    table.add_column("")
    table.add_column("found, [yellow]✗ missing[/yellow]")
    for rung in rungs:
        table.add_row(
            rung.name,
            "[green]works[/green]" if rung.works else "[yellow]no[/yellow]",
            ", ".join(map(_shown, rung.findings)),
        )
    console = Console()
    console.print(table)
    if todo := remedies(rungs):
        console.print("For the others, as far as you want them:")
    for line in todo:
        console.print(f"• {line}", markup=False, highlight=False)
    if not rungs[0].works:
        typer.echo("The integer reference is the first rung: begin with that.")
    write_json(json_file, {"rungs": [_numbers(rung) for rung in rungs]})


def _shown(finding: Any) -> str:
    from rich.markup import escape

    if finding.found is None:
        return f"[yellow]✗ {finding.name}[/yellow]"
    return f"{finding.name} {escape(finding.found)}"


def _numbers(rung: Any) -> dict[str, Any]:
    return {
        "rung": rung.name,
        "works": rung.works,
        "found": {item.name: item.found for item in rung.findings},
    }
