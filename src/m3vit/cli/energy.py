"""`m3vit energy`: images per joule on everything that is here, beside what papers say."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m3vit.cli.options import JsonOption, write_json
from m3vit.errors import UserError

if TYPE_CHECKING:
    from m3vit.host.energy.benchmark import Workload

RANDOM_TINY = "random-tiny"
NOISE_IMAGES = 2


def energy(
    model: Annotated[
        str,
        typer.Argument(
            help="A compiled model's directory, the name of a shipped one, or random-tiny: "
            "Edge-MoE's network, 129 tokens, with random weights."
        ),
    ] = RANDOM_TINY,
    float_model: Annotated[
        str | None,
        typer.Option("--float", help="The same model before quantisation, for PyTorch."),
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option("--image", help="A picture; several take turns. Default: noise."),
    ] = None,
    task: Annotated[str | None, typer.Option(help="Default: the model's first.")] = None,
    batch: Annotated[
        list[int] | None,
        typer.Option("--batch", min=1, help="Of PyTorch, several times. Default: 1 and 8."),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="Of back-to-back inference under a meter.")
    ] = 10.0,
    idle: Annotated[float, typer.Option(min=0.1, help="Seconds of rest that are metered.")] = 10.0,
    simulate: Annotated[
        bool, typer.Option(help="Simulate the engine too, and estimate its energy.")
    ] = True,
    design: Annotated[str, typer.Option(help="Of the simulated engine.")] = "zcu104",
    keep: Annotated[
        Path | None,
        typer.Option(help="Write the compiled random-tiny there, to run it on a board."),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(help="Draw latency and energy there (.png, .svg, .pdf).")
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Compare energy per image: processor, GPU, board, simulated engine, and what papers say.

    Energy is measured by meters only: RAPL, NVML, the board's rails. Where there is no meter there
    is no number, and the table says why. The simulated engine's energy is an estimate and stays
    out of the measured column.

    [bold]Examples[/bold]

    m3vit energy --json energy.json

    m3vit energy m3vit-nano-int8 --float m3vit-nano --image street.jpg --no-simulate
    """
    from rich.console import Console

    from m3vit.cli.progress import counted
    from m3vit.host.energy.benchmark import contenders, measured_row
    from m3vit.host.energy.published import published_rows
    from m3vit.host.energy.table import show

    if figure is not None:
        from m3vit.host.energy.figure import check_format, draw

        check_format(figure)
    workload = _workload(model, float_model, image, task, keep)
    found = contenders(workload, batch or (1, 8))
    rows = []
    with counted("systems") as progress:
        for done, contender in enumerate(found):
            progress(done, len(found) + simulate)
            rows.append(measured_row(contender, workload.giga_operations, seconds, idle))
        if simulate:
            from m3vit.sim.engine.benchmark import simulated_row

            progress(len(found), len(found) + 1)
            rows.append(simulated_row(workload, design))
        progress(len(found) + simulate, len(found) + simulate)
    papers = published_rows()
    groups = [("here; sim.: simulated, est.: estimated", rows), ("published", papers)]
    console = Console()
    console.print(
        f"{workload.name}, task {workload.task}, {len(workload.images)} images, "
        f"{workload.giga_operations:.3f} GOP per image (counted)",
        highlight=False,
    )
    show(groups, console)
    if figure is not None:
        draw(figure, rows, papers)
        typer.echo(f"figure {figure}")
    write_json(
        json_file,
        {
            "model": workload.name,
            "task": workload.task,
            "images": len(workload.images),
            "giga_operations_per_image": workload.giga_operations,
            "rows": [row.content() for row in rows],
            "published": [row.content() for row in papers],
        },
    )


def _workload(
    model: str,
    float_model: str | None,
    pictures: list[Path] | None,
    task: str | None,
    keep: Path | None,
) -> "Workload":
    from m3vit.host.energy.benchmark import make_workload
    from m3vit.model.compiled import CompiledModel
    from m3vit.model.shipped import find_model
    from m3vit.model.synthetic import random_image

    network = None
    if model == RANDOM_TINY:
        if float_model is not None:
            raise UserError(f"{RANDOM_TINY} comes with its float model: leave --float out")
        from m3vit.cli.progress import quiet_transformers
        from m3vit.model.evaluation.benchmark import random_tiny

        quiet_transformers()
        network, compiled, _ = random_tiny()
        if keep is not None:
            compiled.save(keep)
    else:
        if keep is not None:
            raise UserError(f"--keep is for {RANDOM_TINY}: other models are in files already")
        compiled = CompiledModel.load(find_model(model))
        if float_model is not None:
            from m3vit.model.loading import load_dense_prediction

            network = load_dense_prediction(find_model(float_model))
    if pictures:
        from m3vit.host.image import load_image

        images = [load_image(path, compiled.image_size).pixels for path in pictures]
    else:
        images = [random_image(compiled.network, seed) for seed in range(NOISE_IMAGES)]
    return make_workload(Path(model).name, compiled, images, task, network)
