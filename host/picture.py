"""One picture of a run: the photograph, what each task saw in it, and where its patches went."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.files import atomic_path
from m3vit.host.accelerator import Result
from m3vit.host.image import LoadedImage

try:
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import to_rgb
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch
except ModuleNotFoundError as error:
    raise UserError(
        "the picture needs matplotlib: pip install 'm3vit[demo]', or leave it out (--no-picture)"
    ) from error

MAX_LAYERS = 4
"""Maps of experts per task: the last MoE layer and others spread evenly before it."""

LEGEND_SHARE = 0.005
"""Classes on less of the image are left out of the legend."""

CLASS_COLOURS = {
    "road": "#7d5a8c",
    "pavement": "#e58fb5",
    "building": "#8c8c8c",
    "vegetation": "#4f8f2f",
    "terrain": "#b9d77a",
    "sky": "#6fb7e9",
    "vehicle": "#1f3fb4",
    "person": "#dc143c",
    "street furniture": "#f2c14e",
}


def draw_picture(
    path: str | Path,
    image: LoadedImage,
    results: Sequence[Result],
    class_names: Sequence[str],
    title: str,
) -> None:
    """Write the picture; the file appears whole or not at all.

    Args:
        path: its suffix chooses the format.
        image: what the network saw.
        results: at least one; all of the same image.
        class_names: of the semantic segmentation; numbers stand in for missing ones.
        title: what ran, on what, computed by what.

    Raises:
        UserError: a format that cannot be written.
    """
    check_format(path)
    layers = shown_layers(len(results[0].routing))
    figure = Figure(figsize=(13, 3.2 + 2.3 * len(results) * bool(layers)), dpi=120)
    canvas = FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11, x=0.012, y=0.985, ha="left", va="top")
    heights = [2.65, *([2.15] * len(results) if layers else [])]
    margins = {"left": 0.012, "right": 0.988, "top": 1 - 0.55 / figure.get_figheight()}
    rows = figure.add_gridspec(
        len(heights), 1, height_ratios=heights, bottom=0.012, hspace=0.1, **margins
    )
    top = rows[0].subgridspec(1, 1 + len(results), wspace=0.04)
    axes = panel(figure.add_subplot(top[0]), f"input: {image.name}")
    axes.imshow(image.pixels)
    for column, result in enumerate(results, start=1):
        axes = panel(figure.add_subplot(top[column]), _summary(result))
        draw_maps(axes, image.pixels, result.task, result.prediction(), class_names)
    for row, result in enumerate(results if layers else (), start=1):
        _draw_experts(figure, rows[row], image.pixels, result, layers)
    with atomic_path(path) as fresh:
        canvas.print_figure(str(fresh), format=fresh.suffix.lstrip(".") or "png")


def check_format(path: str | Path) -> None:
    """Refuse a file name whose suffix names no picture format.

    Raises:
        UserError: naming those that work.
    """
    kinds = sorted(FigureCanvasAgg.get_supported_filetypes())
    suffix = Path(path).suffix.lstrip(".").lower()
    if suffix and suffix not in kinds:
        raise UserError(f"cannot write a '.{suffix}' picture: choose one of {', '.join(kinds)}")


def shown_layers(layers: int) -> list[int]:
    """At most `MAX_LAYERS` of the MoE layers, evenly spread, the last among them."""
    count = min(layers, MAX_LAYERS)
    return [round((index + 1) * layers / count) - 1 for index in range(count)]


def panel(axes: Any, heading: str) -> Any:
    """Axes without ticks under a left-aligned heading; returned."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(heading, fontsize=9, loc="left", pad=3)
    axes.set_anchor("NW")
    return axes


def _summary(result: Result) -> str:
    """What a task cost, in one line; the time is measured, the rest counted."""
    return (
        f"{result.task}: {result.seconds * 1e3:.0f} ms, {result.macs / 1e6:.0f} MMAC, "
        f"{result.weight_bytes / 1e6:.2f} MB of weights"
    )


def draw_maps(
    axes: Any,
    pixels: NDArray[np.uint8],
    task: str,
    maps: NDArray[np.float32],
    class_names: Sequence[str],
) -> None:
    """What a task has predicted, in the manner of its kind.

    Args:
        axes: to draw on. pixels: what the network saw.
        maps: (C, H, W), as from `Result.prediction`.
        class_names: of the semantic segmentation; numbers stand in for missing ones.
    """
    if task == "depth":
        shown = axes.imshow(np.maximum(maps[0], 0), cmap="turbo_r")
        below = axes.inset_axes((0.1, -0.08, 0.8, 0.045))
        bar = axes.figure.colorbar(shown, cax=below, orientation="horizontal")
        bar.set_label("metres", fontsize=8, labelpad=1)
        bar.ax.tick_params(labelsize=7)
    elif task == "normals":
        length = np.linalg.norm(maps, axis=0, keepdims=True)
        axes.imshow(np.moveaxis(maps / np.maximum(length, 1e-6) / 2 + 0.5, 0, -1))
    elif maps.shape[0] == 1:
        axes.imshow(1 / (1 + np.exp(-maps[0])), cmap="magma", vmin=0, vmax=1)
    else:
        _draw_classes(axes, pixels, maps, class_names if task == "semseg" else ())


def _draw_classes(
    axes: Any, pixels: NDArray[np.uint8], maps: NDArray[np.float32], class_names: Sequence[str]
) -> None:
    """Classes laid over the photograph; a legend of those that cover something."""
    winners = maps.argmax(axis=0)
    names = [*class_names, *(f"class {index}" for index in range(len(class_names), len(maps)))]
    fallback = _colours(len(maps))
    named = zip(names, fallback, strict=False)
    colours = np.array([to_rgb(CLASS_COLOURS.get(name, other)) for name, other in named])
    axes.imshow(0.4 * pixels / 255 + 0.6 * colours[winners])
    shares = np.bincount(winners.ravel(), minlength=len(maps)) / winners.size
    present = [int(index) for index in np.argsort(-shares) if shares[index] >= LEGEND_SHARE]
    axes.legend(
        handles=[
            Patch(color=colours[index], label=f"{names[index]} {shares[index]:.0%}")
            for index in present
        ],
        loc="upper center",
        bbox_to_anchor=(0.5, -0.01),
        ncols=4,
        fontsize=7,
        frameon=False,
        handlelength=1,
        handleheight=1,
        columnspacing=1.2,
        borderpad=0.1,
    )


def _draw_experts(
    figure: Figure, place: Any, pixels: NDArray[np.uint8], result: Result, layers: list[int]
) -> None:
    """Which expert each patch went to first, layer by layer."""
    columns = place.subgridspec(1, len(layers), wspace=0.04)
    for column, layer in enumerate(layers):
        draw_routing(figure.add_subplot(columns[column]), pixels, result, layer)


def draw_routing(axes: Any, pixels: NDArray[np.uint8], result: Result, layer: int) -> None:
    """Which expert each patch went to first, over the photograph.

    Args:
        axes: to draw on. pixels: what the network saw.
        layer: position among the MoE layers.
    """
    experts = result.loads.shape[1]
    height, width = (side // result.shape.patch for side in result.shape.image)
    grey = np.repeat(pixels.mean(axis=2, keepdims=True) / 255, 3, axis=2)
    colours = np.array([to_rgb(colour) for colour in _colours(experts)])
    first = result.routing[layer].experts[1:, 0].reshape(height, width)
    patches = np.kron(first, np.ones((result.shape.patch,) * 2, np.int64))
    used = result.experts_used[layer]
    number = result.shape.moe_layers[layer]
    panel(axes, f"{result.task}: first expert, layer {number} ({used} of {experts} used)")
    axes.imshow(0.35 * grey + 0.65 * colours[patches])
    share = np.bincount(first.ravel(), minlength=experts)
    for expert in np.argsort(-share)[:experts]:
        if share[expert]:
            _number(axes, first == expert, int(expert), result.shape.patch)


def _number(axes: Any, where: NDArray[np.bool_], expert: int, patch: int) -> None:
    """Write an expert's number on the patch of its own nearest to the middle of them all."""
    rows, columns = np.nonzero(where)
    distance = (rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2
    nearest = int(distance.argmin())
    axes.text(
        (columns[nearest] + 0.5) * patch,
        (rows[nearest] + 0.5) * patch,
        str(expert),
        fontsize=7,
        ha="center",
        va="center",
        color="black",
        bbox={"boxstyle": "circle,pad=0.12", "facecolor": "white", "alpha": 0.8, "linewidth": 0},
    )


def _colours(count: int) -> list[Any]:
    """Distinct colours for classes or experts."""
    if count > 20:
        return list(colormaps["gist_ncar"](np.linspace(0.03, 0.97, count))[:, :3])
    return list(colormaps["tab10" if count <= 10 else "tab20"](np.arange(count))[:, :3])
