"""`m3vit train`, `evaluate`, `scenes` and `import-m3vit`: where float models come from."""

from pathlib import Path
from typing import Annotated

import typer

from m3vit.cli.options import JsonOption, TasksOption, chosen_tasks, write_json
from m3vit.cli.progress import counted, quiet_transformers, training_bar
from m3vit.errors import UserError


def train(
    recipe: Annotated[str, typer.Argument(help="A TOML file, or the name of a shipped recipe.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory of the run.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run stopped.")] = False,
    qat: Annotated[
        bool, typer.Option("--qat", help="Fine-tune with quantised weights and activations.")
    ] = False,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.FIELD=VALUE", help="Change a value of the recipe."),
    ] = None,
) -> None:
    """Train a model by a recipe; several GPUs with `accelerate launch -m m3vit train ...`.

    [bold]Examples[/bold]

    m3vit train nano -o runs/nano

    m3vit train nano -o runs/nano --resume

    m3vit train my.toml -o runs/short --set schedule.steps=100 --set run.batch_size=4
    """
    from m3vit.model.training.train import train as run

    quiet_transformers()
    with training_bar() as progress:
        result = run(recipe, output, resume, qat, overrides or (), progress)
    state = "finished" if result.finished else "interrupted, go on with --resume"
    typer.echo(
        f"{result.output}: {state} after {result.step} of {result.steps} steps, "
        f"{result.seconds:.0f} s measured"
    )
    for task, metrics in result.metrics.items():
        for name, value in metrics.items():
            typer.echo(f"{task:12} {name:16} {value:.4f}  measured on held-out images")


def evaluate(
    model: Annotated[
        str, typer.Argument(help="Directory of a float or a compiled model, or a shipped name.")
    ] = "m3vit-nano-int8",
    data: Annotated[str, typer.Option(help="scenes, nyud, pascal or cityscapes.")] = "scenes",
    root: Annotated[Path | None, typer.Option(help="Where the data set lies.")] = None,
    split: Annotated[str, typer.Option(help="Which part of it.")] = "val",
    tasks: TasksOption = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many images, evenly spread.")
    ] = None,
    backend: Annotated[
        str | None, typer.Option(help="Of a compiled model.", show_default="reference")
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Measure a model on held-out images, beside what constant answers would score.

    [bold]Examples[/bold]

    m3vit evaluate m3vit-nano

    m3vit evaluate m3vit-nano-int8 --tasks depth --limit 50 --json depth.json
    """
    from rich.console import Console
    from rich.table import Table

    from m3vit.model.evaluation.evaluate import evaluate as measure
    from m3vit.model.shape import load_shape
    from m3vit.model.shipped import find_model
    from m3vit.model.tasks import TASKS

    quiet_transformers()
    directory = find_model(model)
    names = chosen_tasks(tasks, list(load_shape(directory)[0].tasks))
    with counted("images") as progress:
        report = measure(
            directory,
            data,
            root=root,
            split=split,
            tasks=names,
            limit=limit,
            backend=backend,
            progress=progress,
        )
    table = Table(title=f"{model}: {report.provenance}", title_justify="left")
    for column in ("task", "number"):
        table.add_column(column)
    for column in ("value", "constant answer"):
        table.add_column(column, justify="right")
    for task, metrics in report.metrics.items():
        for name, value in metrics.items():
            headline = name == TASKS[task].metric
            constant = report.baselines.get(task) if headline else None
            table.add_row(
                task,
                f"[bold]{name}[/bold]" if headline else name,
                f"{value:.4f} {TASKS[task].unit if headline else ''}".rstrip(),
                "" if constant is None else f"{constant:.4f}",
            )
    Console().print(table)
    write_json(json_file, report.as_dict())


def scenes(
    count: Annotated[int, typer.Argument(min=1, help="How many the set shall hold.")],
    split: Annotated[str, typer.Option(help="train or val; no scene belongs to both.")] = "train",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Directory.", show_default="the cache that train uses"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the first scene.", show_default="the split's")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes.", show_default="one per core")
    ] = None,
) -> None:
    """Render scenes with labels, depth, normals and edges; the same seed gives the same scene.

    What is already there stays, so an interrupted call goes on where it stopped.

    [bold]Examples[/bold]

    m3vit scenes 4000

    m3vit scenes 16 -o some-scenes --seed 7
    """
    from m3vit.files import default_root
    from m3vit.model.scenes import SPLIT_SEEDS, render, split_directory

    if split not in SPLIT_SEEDS:
        raise UserError(f"no split '{split}': choose {' or '.join(SPLIT_SEEDS)}")
    if seed is not None and output is None:
        raise UserError("the cache has seeds of its own: name a directory with --output")
    first = SPLIT_SEEDS[split].start if seed is None else seed
    with counted("scenes") as progress:
        folder = render(
            count,
            first,
            output or split_directory(default_root(), split),
            workers,
            progress=progress,
        )
    typer.echo(f"{count} scenes, seeds from {first}, in {folder}")


def import_m3vit(
    checkpoint: Annotated[Path, typer.Argument(help="What the original saved with torch.save.")],
    options: Annotated[Path, typer.Argument(help="JSON of the original constructor's arguments.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory to write.")],
    imagenet: Annotated[
        bool,
        typer.Option(
            "--imagenet", help="Trained on ImageNet-normalised images, not on pixels in [0, 1]."
        ),
    ] = False,
) -> None:
    """Convert a checkpoint of the original M³ViT code to a Hugging Face model directory.

    [bold]Example[/bold]

    m3vit import-m3vit checkpoint.pth.tar options.json -o my-m3vit --imagenet
    """
    from m3vit.model.convert import import_checkpoint

    quiet_transformers()
    model = import_checkpoint(checkpoint, options, output, imagenet)
    count = sum(parameter.numel() for parameter in model.parameters())
    typer.echo(f"{output}: {type(model).__name__} of {count / 1e6:.2f} M parameters")
