"""`m3vit quantize`, `compare` and `golden`: from float weights to integers that can be trusted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from m3vit.cli.options import JsonOption, write_json
from m3vit.cli.progress import counted, quiet_transformers
from m3vit.errors import UserError

ImagesOption = Annotated[
    list[Path] | None,
    typer.Option("--images", metavar="FILE", help="Picture files instead of a data set."),
]
DataOption = Annotated[
    str | None,
    typer.Option(help="scenes, nyud, pascal or cityscapes.", show_default="scenes"),
]
RootOption = Annotated[Path | None, typer.Option(help="Where the data set lies.")]


def quantize(
    model: Annotated[str, typer.Argument(help="Directory of a float model, or a shipped name.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory to write.")],
    images: ImagesOption = None,
    data: DataOption = None,
    root: RootOption = None,
    count: Annotated[int, typer.Option(min=1, help="Images for calibration.")] = 64,
) -> None:
    """Quantise a float model after training; calibrates on training images.

    [bold]Examples[/bold]

    m3vit quantize runs/nano/model -o nano-int8

    m3vit quantize my-model -o my-int8 --images a.jpg --images b.jpg
    """
    from m3vit.model.quantization.quantize import quantize as run
    from m3vit.model.shipped import find_model

    quiet_transformers()
    directory = find_model(model)
    with counted("calibration images") as progress:
        run(
            directory,
            chosen_images(directory, images, data, root, "train", count, progress),
            output,
        )
    size = sum(path.stat().st_size for path in output.iterdir())
    typer.echo(f"{output}: {size / 1e6:.2f} MB compiled")


def compare(
    float_model: Annotated[
        str, typer.Argument(help="Directory of a float model, or a shipped name.")
    ] = "m3vit-nano",
    compiled_model: Annotated[
        str, typer.Argument(help="Directory of the compiled model, or a shipped name.")
    ] = "m3vit-nano-int8",
    images: ImagesOption = None,
    data: DataOption = None,
    root: RootOption = None,
    count: Annotated[int, typer.Option(min=1, help="Images of the data set.")] = 8,
    json_file: JsonOption = None,
) -> None:
    """Compare float and integers layer by layer: where do predictions part?

    [bold]Examples[/bold]

    m3vit compare

    m3vit compare my-model my-int8 --images street.jpg --json compare.json
    """
    from m3vit.model.evaluation.compare import compare as run
    from m3vit.model.shipped import find_model

    quiet_transformers()
    directory = find_model(float_model)
    with counted("images") as progress:
        chosen = chosen_images(directory, images, data, root, "val", count, progress)
        report = run(directory, find_model(compiled_model), chosen)
    show_comparison(report)
    write_json(json_file, report.as_dict())


def show_comparison(report: Any) -> None:
    """Print the tables of a comparison."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for task in report.tasks:
        table = Table(
            title=f"{task.task}: float against integers, measured on {report.images} images",
            title_justify="left",
        )
        table.add_column("activation")
        for column in ("SQNR", "worst: float", "integer"):
            table.add_column(column, justify="right")
        for row in task.differences:
            table.add_row(
                row.name,
                "exact" if row.sqnr_db is None else f"{row.sqnr_db:.1f} dB",
                f"{row.worst.float_value:.4g}",
                f"{row.worst.integer_value:.4g}",
            )
        console.print(table)
        for layer, share in task.assignments_kept.items():
            console.print(f"{task.task} {layer}: {share:.2%} of the expert assignments kept")
    if report.assignments_kept is not None:
        console.print(f"in all, {report.assignments_kept:.2%} of the expert assignments kept")


def golden(
    model: Annotated[
        str, typer.Argument(help="Directory of a compiled model, or a shipped name.")
    ] = "m3vit-nano-int8",
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory to write.")] = Path(
        "golden"
    ),
    image: Annotated[
        Path | None, typer.Option(help="A picture; default: scikit-learn's photograph.")
    ] = None,
) -> None:
    """Write golden vectors: inputs and outputs of every operation, and of a whole image.

    [bold]Example[/bold]

    m3vit golden m3vit-nano-int8 -o golden
    """
    from m3vit.host.image import default_photograph, load_image
    from m3vit.model.compiled import CompiledModel
    from m3vit.model.golden import write_golden
    from m3vit.model.shipped import find_model

    directory = find_model(model)
    size = CompiledModel.load(directory).image_size
    write_golden(directory, load_image(image or default_photograph(), size).pixels, output)
    files = [path for path in output.rglob("*") if path.is_file()]
    total = sum(path.stat().st_size for path in files)
    typer.echo(f"{output}: {len(files)} files, {total / 1e6:.2f} MB")


def chosen_images(
    model: Path,
    files: list[Path] | None,
    data: str | None,
    root: Path | None,
    split: str,
    count: int,
    progress: Any,
) -> Iterator[Any]:
    """uint8 images of a model's size, from files or from a data set.

    Raises:
        UserError: both were named, or an image cannot be read.
    """
    from m3vit.model.shape import load_shape

    if files and (data is not None or root is not None):
        raise UserError("--images and a data set were given: leave one of them out")
    shape, _ = load_shape(model)
    if files:
        from m3vit.host.image import load_image

        count = len(files)
        source: Iterator[Any] = (load_image(path, shape.image).pixels for path in files)
    else:
        from m3vit.model.quantization.dataset_images import dataset_images

        source = dataset_images(
            data or "scenes", split, count, list(shape.tasks), shape.image, root
        )
    return reported(source, count, progress)


def reported(source: Iterator[Any], count: int, progress: Any) -> Iterator[Any]:
    """Pass images on and tell a bar."""
    for done, pixels in enumerate(source, start=1):
        progress(done, count)
        yield pixels
