"""`python -m m3vit.sim.benchmark`: the engine's speed, as a table and as JSON.

Networks: the shipped one; with random weights Edge-MoE's configuration (tiny), M³ViT-S on 512 x 512
pixels (small, once, for it takes minutes) and a toy; then random shapes for the cycle model.
Resources come from yosys, unless `--no-resources`.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from m3vit.files import write_atomically
from m3vit.hls.design import DesignConfig
from m3vit.hls.resources.cells import Resources
from m3vit.model import synthetic
from m3vit.model.compiled import CompiledModel
from m3vit.model.shipped import find_model
from m3vit.sim.engine.shapes import random_case
from m3vit.sim.performance.plots import Point, plot_parts, plot_roofline

from .measure import Bench, Measurement, noise, worst_error
from .table import speed_table

NETWORKS = {
    "nano": None,
    "tiny": synthetic.TINY,
    "small": synthetic.SMALL,
    "toy": synthetic.NANO,
}
LONG = ("small",)
RANDOM_SHAPES = 10
FIRST_SEED = 100


def main() -> None:
    """See the head of this file."""
    parser = argparse.ArgumentParser(prog="python -m m3vit.sim.benchmark", description=__doc__)
    parser.add_argument("--design", default="zcu104", help="name or TOML file")
    parser.add_argument("--output", type=Path, default=Path("build/bench/engine.json"))
    parser.add_argument("--networks", nargs="*", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--shapes", type=int, default=RANDOM_SHAPES, help="random ones")
    parser.add_argument("--plots", type=Path, help="directory for pictures")
    parser.add_argument("--no-resources", action="store_true", help="do not map to the device")
    arguments = parser.parse_args()
    console = Console()
    design = DesignConfig.load(arguments.design)
    with console.status("") as status:
        bench = Bench(design, progress=lambda text: status.update(text))
        found = {
            name: bench.measure(
                name, model, noise(model), again=name not in LONG, switches=name not in LONG
            )
            for name in arguments.networks
            for model in (network(name),)
        }
        shapes = {}
        for seed in range(FIRST_SEED, FIRST_SEED + arguments.shapes):
            model = random_case(seed, design).model
            shapes[seed] = bench.measure(
                f"shape {seed}", model, noise(model), again=False, switches=False
            )
        resources = {} if arguments.no_resources else _resources(design, status.update)
    every = [*found.values(), *shapes.values()]
    error = worst_error(every)
    result: dict[str, Any] = {
        "provenance": "simulated",
        "clock_mhz": design.clock_mhz,
        "memory": asdict(bench.ddr),
        "networks": {name: item.as_dict() for name, item in found.items()},
        "design": {"name": design.name, **resources},
        "shapes": {
            str(seed): {"cycles": item.cycles, "estimated_cycles": item.estimate.cycles}
            for seed, item in shapes.items()
        },
        "model": {
            "cycle_model_error": error,
            "errors": {
                **{name: item.error for name, item in found.items()},
                **{f"shape {seed}": item.error for seed, item in shapes.items()},
            },
        },
    }
    write_atomically(arguments.output, json.dumps(result, indent=2) + "\n")
    if arguments.plots:
        _plot(bench, found, arguments.plots)
    console.print(speed_table(design, found, error))
    if resources:
        console.print(", ".join(f"{name} {value:,}" for name, value in resources.items()))
    if not all(item.equal for item in every):
        raise SystemExit("an output differs from the reference")


def network(name: str) -> CompiledModel:
    """A network of the bench: "nano" is the shipped one, the others have random weights."""
    shape = NETWORKS[name]
    if shape is None:
        return CompiledModel.load(find_model("m3vit-nano-int8"))
    return synthetic.random_model(shape, seed=3)


def _resources(design: DesignConfig, progress: Any) -> dict[str, int]:
    from m3vit.hls.resources.engine import estimate_engine

    progress("mapping the engine to the device with yosys")
    return resources_of(estimate_engine(design).total)


def resources_of(total: Resources) -> dict[str, int]:
    """Cells as the JSON names them."""
    return {
        "dsp": total.dsp,
        "bram36": total.bram36,
        "uram": total.uram,
        "lut": total.luts,
        "ff": total.ff,
    }


def _plot(bench: Bench, found: dict[str, Measurement], directory: Path) -> None:
    for name, item in found.items():
        title = f"{name} on {bench.design.name}: {item.cycles:,} cycles in RTL, parts by the model"
        plot_parts(item.estimate, directory / f"cycles-{name}.png", title)
    points = [Point(n, m.macs, m.ddr_bytes, m.cycles, True) for n, m in found.items()]
    one = next(iter(found.values()))
    plot_roofline(points, one.estimate, bench.ddr, directory / "roofline.png")


if __name__ == "__main__":
    main()
