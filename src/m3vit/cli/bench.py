"""`m3vit bench`: one model on everything that is here, beside what papers say."""

import os
import platform
from collections.abc import Iterator, Sequence
from enum import Enum
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m3vit.cli.options import JsonOption, write_json
from m3vit.errors import UserError

if TYPE_CHECKING:
    from m3vit.host.benchmark.contenders import Workload
    from m3vit.host.benchmark.rows import Row

RANDOM_TINY = "random-tiny"
NOISE_IMAGES = 2
FULL_SECONDS, QUICK_SECONDS = 10.0, 1.0
FULL_BATCHES, QUICK_BATCHES = (1, 8), (1,)
COMPILED_SUFFIX = "-int8"
"""Of shipped models: m3vit-nano-int8 was made from m3vit-nano."""


class EngineKind(str, Enum):
    """How the engine takes part where there is no board."""

    rtl = "rtl"
    model = "model"
    none = "none"


def bench(
    model: Annotated[
        str,
        typer.Argument(
            help="A compiled model's directory, the name of a shipped one, or random-tiny: "
            "Edge-MoE's network, 129 tokens, with random weights."
        ),
    ] = RANDOM_TINY,
    float_model: Annotated[
        str | None,
        typer.Option(
            "--float",
            help="The same model before quantisation, for PyTorch's rows; shipped ones are found.",
        ),
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
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="For a first look: batch 1, a second each, the cycle model for the engine.",
        ),
    ] = False,
    engine: Annotated[
        EngineKind | None,
        typer.Option(help="Simulated in RTL, by the cycle model, or left out.", show_default="rtl"),
    ] = None,
    design: Annotated[str, typer.Option(help="Of the simulated engine.")] = "zcu104",
    seconds: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Of back-to-back inference under a meter; without one at most three.",
            show_default="10",
        ),
    ] = None,
    idle: Annotated[
        float | None,
        typer.Option(min=0.1, help="Seconds of rest that are metered.", show_default="10"),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="Write the compiled random-tiny there, to run it on a board."),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(help="Draw all of it there (.png, .svg, .pdf).")
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Latency, throughput, power and energy of one model on everything that is here.

    Rows: PyTorch in float32 and int8 on the processor, PyTorch on a GPU, the integer reference, a
    ZCU104, the simulated engine; then what papers say of other hardware, with its flaws. Energy is
    measured by meters only (RAPL, NVML, the board's rails): without a meter there is no number,
    and the table says why. The simulated engine's energy is an estimate and says so.

    [bold]Examples[/bold]

    m3vit bench --figure bench.png

    m3vit bench --quick

    m3vit bench m3vit-nano-int8 --image street.jpg --json bench.json
    """
    from rich.console import Console

    from m3vit.host.benchmark.published import published_rows
    from m3vit.host.benchmark.table import show

    if figure is not None:
        from m3vit.host.benchmark.figure import check_format, draw

        check_format(figure)
    for file in (figure, json_file):
        _check_writable(file)
    each = QUICK_SECONDS if quick else FULL_SECONDS
    workload = _workload(model, float_model, image, task, keep)
    rows = list(
        _rows(
            workload,
            batch or (QUICK_BATCHES if quick else FULL_BATCHES),
            (seconds or each, idle or each),
            engine or (EngineKind.model if quick else EngineKind.rtl),
            design,
        )
    )
    papers = published_rows()
    title = (
        f"{workload.name}, task {workload.task}, {len(workload.images)} images, "
        f"{workload.giga_operations:.3f} GOP per image (counted)"
    )
    groups = [("here", rows), ("published", papers)]
    console = Console()
    console.print(title, highlight=False)
    show(groups, console)
    if figure is not None:
        draw(figure, groups, title)
        typer.echo(f"figure {figure}")
    write_json(
        json_file,
        {
            "model": workload.name,
            "task": workload.task,
            "images": len(workload.images),
            "giga_operations_per_image": workload.giga_operations,
            "machine": _machine(),
            "rows": [row.content() for row in rows],
            "published": [row.content() for row in papers],
        },
    )


def _rows(
    workload: "Workload",
    batches: Sequence[int],
    seconds: tuple[float, float],
    engine: EngineKind,
    design: str,
) -> "Iterator[Row]":
    """One after another, with a bar; what is not here has one row, whatever the batch."""
    from m3vit.cli.progress import LateBar
    from m3vit.host.benchmark.contenders import contenders, measured_row

    found = contenders(workload, batches)
    missing = set()
    with LateBar("systems") as bar:
        total = len(found) + (engine is not EngineKind.none)
        for done, each in enumerate(found):
            name = f"{each.system}, {each.hardware}"
            bar.show(completed=done, total=total, detail=f"{name}, batch {each.batch}")
            row = measured_row(each, workload.giga_operations, *seconds)
            if row.numbers or name not in missing:
                yield row
            if not row.numbers:
                missing.add(name)
        if engine is not EngineKind.none:
            from m3vit.sim.benchmark.contender import engine_row

            def tell(what: str) -> None:
                bar.show(completed=len(found), total=total, detail=what)

            yield engine_row(workload, design, simulate=engine is EngineKind.rtl, tell=tell)
        bar.show(completed=total, total=total, detail="")


def _workload(
    model: str,
    float_model: str | None,
    pictures: list[Path] | None,
    task: str | None,
    keep: Path | None,
) -> "Workload":
    from m3vit.host.benchmark.contenders import make_workload
    from m3vit.model.compiled import CompiledModel
    from m3vit.model.shipped import find_model
    from m3vit.model.synthetic import random_image

    network = None
    if model == RANDOM_TINY:
        if float_model is not None:
            raise UserError(f"{RANDOM_TINY} comes with its float model: leave --float out")
        network, compiled = _random_tiny()
        if keep is not None:
            compiled.save(keep)
    else:
        if keep is not None:
            raise UserError(f"--keep is for {RANDOM_TINY}: other models are in files already")
        compiled = CompiledModel.load(find_model(model))
        network = _float_twin(model, float_model)
    if pictures:
        from m3vit.host.image import load_image

        images = [load_image(path, compiled.image_size).pixels for path in pictures]
    else:
        images = [random_image(compiled.network, seed) for seed in range(NOISE_IMAGES)]
    return make_workload(Path(model).name, compiled, images, task, network)


def _random_tiny() -> tuple[Any, Any]:
    """The float network and the compiled one.

    Raises:
        UserError: the packages are not here that make them.
    """
    try:
        from m3vit.cli.progress import quiet_transformers
        from m3vit.model.evaluation.benchmark import random_tiny

        quiet_transformers()
        network, compiled, _ = random_tiny()
    except ModuleNotFoundError as error:
        raise UserError(
            f"{RANDOM_TINY} is made by PyTorch and {error.name} is not installed: "
            "pip install 'm3vit[train]', or name a compiled model, as in "
            "`m3vit bench m3vit-nano-int8`"
        ) from None
    return network, compiled


def _float_twin(model: str, float_model: str | None) -> Any:
    """The float network of a compiled model; None where there is none, or no PyTorch."""
    from m3vit.model.shipped import find_model, shipped_models

    twin = model.removesuffix(COMPILED_SUFFIX)
    if float_model is None and (twin == model or not {model, twin} <= set(shipped_models())):
        return None
    try:
        from m3vit.model.loading import load_dense_prediction
    except ModuleNotFoundError:
        if float_model is not None:
            raise  # asked for: the sentence names the extra
        return None
    return load_dense_prediction(find_model(float_model or twin))


def _check_writable(file: Path | None) -> None:
    """Refuse before minutes of measuring what could not be written behind them."""
    if file is None:
        return
    if file.is_dir():
        raise UserError(f"{file} is a directory: name a file in it")
    folder = next(parent for parent in file.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UserError(f"{folder} takes no files: name another place than {file}")


def _machine() -> dict[str, Any]:
    """What the measured numbers were measured with."""
    versions = {"python": platform.python_version()}
    for package in ("m3vit", "numpy", "torch"):
        try:
            versions[package] = installed(package)
        except PackageNotFoundError:
            continue
    return {"system": platform.platform(), "cores": os.cpu_count(), "versions": versions}
