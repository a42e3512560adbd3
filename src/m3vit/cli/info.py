"""`m3vit info` and `m3vit version`: what a network costs, and what is installed."""

import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m3vit.cli.options import JsonOption, write_json
from m3vit.errors import UserError

if TYPE_CHECKING:
    from m3vit.model.compiled import CompiledModel


def info(
    model: Annotated[
        str | None,
        typer.Argument(
            help="Directory of a float or a compiled model, or the name of a shipped one.",
            show_default="m3vit-nano-int8",
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Count a published network instead: cityscapes_tiny, nyud_small or pascal_small.",
        ),
    ] = None,
    design: Annotated[
        str, typer.Option(help="Of the engine whose memory is counted, for compiled models.")
    ] = "zcu104",
    json_file: JsonOption = None,
) -> None:
    """Count what each task costs: multiply-accumulates, parameters, bytes, and what is saved.

    Of a compiled model also: the contiguous memory that it takes on a board.

    [bold]Examples[/bold]

    m3vit info

    m3vit info my-int8 --design zcu104 --json info.json

    m3vit info --config pascal_small
    """
    from m3vit.model.cost import cost_report
    from m3vit.model.shape import PUBLISHED, Shape, load_shape
    from m3vit.model.shipped import find_model

    if model is not None and config is not None:
        raise UserError("a model and --config were given: leave one of them out")
    arena = None
    if config is None:
        name = model or "m3vit-nano-int8"
        shape, compiled = load_shape(find_model(name))
        report = cost_report(shape, compiled)
        arena = None if compiled is None else arena_of(compiled, design)
    elif config in PUBLISHED:
        name = config
        report = cost_report(Shape.from_config(PUBLISHED[config]))
    else:
        raise UserError(f"no published network '{config}': choose one of {', '.join(PUBLISHED)}")
    show(name, report)
    if arena is not None:
        show_arena(arena)
        report = {**report, "arena": arena}
    write_json(json_file, {"model": name, **report})


def arena_of(compiled: "CompiledModel", design: str) -> dict[str, Any]:
    """Bytes of contiguous memory that a model takes on a design, or why it does not run there.

    Raises:
        UserError: no such design.
    """
    from m3vit.hls.design import DesignConfig
    from m3vit.host.arena import pool_remedy
    from m3vit.host.program import build_plan

    chosen = DesignConfig.load(design)
    try:
        size = build_plan(compiled, chosen).arena_bytes
    except UserError as error:
        return {"design": chosen.name, "bytes": None, "reason": str(error)}
    return {"design": chosen.name, "bytes": size, "remedy": pool_remedy(size)}


def show_arena(arena: Mapping[str, Any]) -> None:
    """Print what a board needs, and what to do where it is not there."""
    from rich.console import Console

    from m3vit.host.arena import MEBIBYTE

    console = Console(highlight=False)
    if arena["bytes"] is None:
        console.print(f"On a board with the design {arena['design']}: {arena['reason']}")
        return
    console.print(
        f"On a board with the design {arena['design']} it takes {arena['bytes']:,} bytes "
        f"({arena['bytes'] / MEBIBYTE:.1f} MiB) of contiguous memory (CMA), counted. "
        f"If there is not so much: {arena['remedy']}."
    )


def show(name: str, report: Mapping[str, Any]) -> None:
    """Print the tables and what the paper's claim comes to on this count."""
    from rich.console import Console
    from rich.table import Table

    tasks = report["tasks"]
    height, width = report["image_size"]
    console = Console()
    console.print(
        f"[bold]{name}[/bold]: {report['parameters'] / 1e6:.2f} M parameters, image "
        f"{width}x{height}, {report['tokens']} tokens; everything here is counted, for one image"
    )
    table = Table()
    table.add_column("task")
    columns = ("MACs", "of them encoder", "parameters", f"bytes ({report['numbers']})")
    for column in columns:
        table.add_column(column, justify="right")
    for task, cost in tasks.items():
        table.add_row(
            task,
            f"{cost['macs'] / 1e6:,.1f} M",
            f"{cost['encoder_macs'] / 1e6:,.1f} M",
            f"{cost['parameters'] / 1e6:.2f} M",
            f"{cost['weight_bytes'] / 1e6:.2f} MB",
        )
    console.print(table)
    parts = Table(title="where the MACs are", title_justify="left")
    parts.add_column("part")
    for task in tasks:
        parts.add_column(task, justify="right")
    for part in next(iter(tasks.values()))["parts"]:
        shares = [cost["parts"][part]["macs"] / cost["macs"] for cost in tasks.values()]
        if any(shares):
            parts.add_row(part, *(f"{share:.1%}" for share in shares))
    console.print(parts)
    saved = Table(title="MACs saved against the same network with ...", title_justify="left")
    saved.add_column("task")
    kinds = {
        "dense": "every expert\ncomputed",
        "dense_encoder": "the same,\nencoder alone",
        "everything": "and every\ntask's head",
        "separate": "and a pass\nper task",
        "separate_encoder": "the same,\nencoder alone",
    }
    for heading in kinds.values():
        saved.add_column(heading, justify="right")
    for task, cost in tasks.items():
        saved.add_row(task, *(f"{cost['saved'][kind]:.0%}" for kind in kinds))
    console.print(saved)
    separate = [cost["saved"]["separate"] for cost in tasks.values()]
    console.print(
        f"Published: {report['published_saving']:.0%} fewer FLOPs for one task than "
        "encoder-focused multi-task networks (M³ViT, arXiv 2210.14793). Those are "
        "other networks, with an encoder per task; the nearest column here, a dense pass and a "
        "head per task, gives "
        f"{min(separate):.0%}."
    )


def version() -> None:
    """Print the versions of m3vit and of what it stands on."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    import m3vit

    typer.echo(f"m3vit {m3vit.__version__}")
    typer.echo(f"python {platform.python_version()}")
    for package in ("numpy", "torch", "transformers", "brevitas", "mitsuba"):
        try:
            typer.echo(f"{package} {installed(package)}")
        except PackageNotFoundError:
            typer.echo(f"{package} not installed")
