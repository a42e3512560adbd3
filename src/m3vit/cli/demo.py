"""`m3vit demo`: one photograph, every task, one picture."""

from pathlib import Path
from typing import Annotated, Any

import typer

from m3vit.cli.options import JsonOption, TasksOption, chosen_tasks, write_json
from m3vit.errors import UserError


def demo(
    image: Annotated[
        Path | None,
        typer.Argument(help="Any picture file; default: the photograph that scikit-learn ships."),
    ] = None,
    tasks: TasksOption = None,
    backend: Annotated[
        str,
        typer.Option(
            help="What computes: reference (NumPy), csim (the C++ kernels, compiled with g++) or "
            "rtl (the engine in Verilator, cycle by cycle). All give the same digest."
        ),
    ] = "reference",
    model: Annotated[
        str, typer.Option(help="A compiled model's directory, or the name of a shipped one.")
    ] = "m3vit-nano-int8",
    fit: Annotated[
        str,
        typer.Option(
            help="crop: keep proportions, cut to the model's around the centre; stretch: keep all."
        ),
    ] = "crop",
    output: Annotated[
        Path | None, typer.Option(help="The picture.", show_default="demo.png")
    ] = None,
    picture: Annotated[bool, typer.Option(help="Draw the picture at all.")] = True,
    json_file: JsonOption = None,
) -> None:
    """Run a quantised model on a photograph and draw what it saw.

    Files of any depth and mode become 8-bit RGB: turned as EXIF says, transparency laid on white,
    first frame, bilinear to the model's size.

    [bold]Examples[/bold]

    m3vit demo

    m3vit demo street.jpg --tasks depth --output street.png

    m3vit demo --tasks semseg depth --fit stretch --json run.json
    """
    from m3vit.host.accelerator import Accelerator
    from m3vit.host.image import default_photograph, load_image
    from m3vit.model.shipped import find_model

    if output is not None and not picture:
        raise UserError("--output names a picture that --no-picture forbids: leave one of them out")
    if picture:
        from m3vit.host.picture import check_format, draw_picture

        output = output or Path("demo.png")
        check_format(output)
    accelerator = Accelerator(find_model(model), backend)
    names = chosen_tasks(tasks, accelerator.tasks)
    source = image or default_photograph()
    loaded = load_image(source, accelerator.model.image_size, fit)
    for name in names:  # prepares the matrices of the experts that the task chooses
        accelerator.run(loaded.pixels, name)
    results = [accelerator.run(loaded.pixels, name) for name in names]
    show(results, f"{Path(model).name} on {loaded.name} ({loaded.treatment}), backend {backend}")
    if output is not None:
        title = (
            f"{Path(model).name}, backend {backend}: integers that every backend repeats. "
            "Time measured here, MACs and bytes counted."
        )
        classes = accelerator.model.description.class_names
        draw_picture(output, loaded, results, classes, title)
        typer.echo(f"picture {output}")
    write_json(
        json_file,
        {
            "model": str(model),
            "image": str(source),
            "treatment": loaded.treatment,
            "backend": backend,
            "provenance": {
                "seconds": "measured",
                "cycles": "simulated",
                "macs": "counted",
                "weight_bytes": "counted",
            },
            "tasks": {result.task: numbers(result) for result in results},
        },
    )


def numbers(result: Any) -> dict[str, Any]:
    """A `Result` for machines."""
    return {
        "seconds": result.seconds,
        "cycles": result.cycles,
        "macs": result.macs,
        "weight_bytes": result.weight_bytes,
        "experts_used": list(result.experts_used),
        "digest": result.digest,
    }


def show(results: list[Any], heading: str) -> None:
    """Print the table and, for the eye to compare, the digests."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=heading, title_justify="left")
    table.add_column("task")
    columns = ["time\nmeasured", "MACs\ncounted", "weights read\ncounted"]
    on_engine = any(result.cycles is not None for result in results)
    for column in [*columns, "engine\nsimulated"] if on_engine else columns:
        table.add_column(column, justify="right")
    table.add_column("experts used\nper MoE layer")
    for result in results:
        used, all_of_them = result.experts_used, result.loads.shape[1]
        table.add_row(
            result.task,
            f"{result.seconds * 1e3:.1f} ms",
            f"{result.macs / 1e6:.1f} M",
            f"{result.weight_bytes / 1e3:.0f} kB",
            *([f"{result.cycles:,} cycles"] if on_engine else []),
            " ".join(f"{count}/{all_of_them}" for count in used) or "no MoE layer",
        )
    Console().print(table)
    for result in results:
        typer.echo(f"{result.task:12} digest {result.digest}")
