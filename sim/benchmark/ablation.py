"""`python -m m3vit.sim.benchmark.ablation`: what each technique is worth, measured on the RTL."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from m3vit.files import write_atomically
from m3vit.hls.design import DesignConfig
from m3vit.hls.engine import Engine
from m3vit.host.driver import EngineDriver
from m3vit.host.program import Plan, build_plan
from m3vit.model import synthetic
from m3vit.model.compiled import CompiledModel
from m3vit.model.reference import Reference
from m3vit.sim.engine.activity import KEY_VALUES, count
from m3vit.sim.engine.library import EngineLibrary, Options
from m3vit.sim.engine.port import SimulatedPort
from m3vit.sim.performance import run_loads
from m3vit.sim.performance.timing import BEAT_BYTES

from .measure import COUNTED_BEATS, TIMEOUT, noise
from .techniques import TECHNIQUES, Technique, without

ALL = "all techniques"


@dataclass(frozen=True)
class Cost:
    """A program on the RTL, with the same image for the second time: experts are guessed.

    Attributes:
        name: of the technique that is missing. without: what happens instead.
        cycles: measured. ddr_bytes: counted on the ports.
        key_value_bytes: read from the memory of keys and values, counted in the program.
        equal: the outputs are the reference's.
    """

    name: str
    without: str
    cycles: int
    ddr_bytes: int
    key_value_bytes: int
    equal: bool


def measure(
    model: CompiledModel,
    design: DesignConfig,
    pixels: NDArray[np.uint8],
    techniques: tuple[Technique, ...] = TECHNIQUES,
) -> Iterator[Cost]:
    """The whole engine, then without one technique at a time."""
    task = model.tasks[0].name
    plan, engine = build_plan(model, design), Engine.compile(design)
    expected = Reference(model).run(pixels, task)
    loads = run_loads(plan, expected)

    def run(name: str, missing: str, variant: Plan) -> Cost:
        with EngineLibrary(engine, Options()) as library:
            driver = EngineDriver(SimulatedPort(library), variant, TIMEOUT)
            runs = [driver.run(pixels, task) for _ in range(2)]
            counted = driver.statistics()
        # Token by token, every EXPERTS is of one token; its keys and values are as before.
        attention = [item for item in variant.programs[task].instructions if item.name != "EXPERTS"]
        return Cost(
            name,
            missing,
            counted["cycles"],
            BEAT_BYTES * sum(counted[beats] for beats in COUNTED_BEATS),
            int(count(attention, design, loads).reads.get(KEY_VALUES, 0)),
            all(np.array_equal(found.output, expected.output) for found in runs),
        )

    yield run(ALL, "", plan)
    for technique in techniques:
        yield run(technique.name, technique.without, without(plan, task, technique))


def table(costs: list[Cost]) -> Table:
    """A row per program."""
    made = Table(title="Without one technique at a time, measured on the RTL")
    for heading in ("without", "instead", "cycles", "times", "DDR bytes", "K/V bytes", "equal"):
        made.add_column(heading)
    for cost in costs:
        made.add_row(
            cost.name if cost.without else "(nothing)",
            cost.without,
            f"{cost.cycles:,}",
            f"{cost.cycles / costs[0].cycles:.2f}",
            f"{cost.ddr_bytes:,}",
            f"{cost.key_value_bytes:,}",
            "yes" if cost.equal else "NO",
        )
    return made


def main() -> None:
    """See the head of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m m3vit.sim.benchmark.ablation", description=__doc__
    )
    parser.add_argument("--design", default="zcu104", help="name or TOML file")
    parser.add_argument("--network", choices=("tiny", "toy"), default="tiny")
    parser.add_argument("--output", type=Path, default=Path("build/bench/ablation.json"))
    arguments = parser.parse_args()
    console = Console()
    network = synthetic.TINY if arguments.network == "tiny" else synthetic.NANO
    model = synthetic.random_model(network, seed=3)
    costs: list[Cost] = []
    with console.status("") as status:
        for cost in measure(model, DesignConfig.load(arguments.design), noise(model)):
            costs.append(cost)
            status.update(f"{cost.name}: {cost.cycles:,} cycles")
            report = json.dumps([asdict(item) for item in costs], indent=2)
            write_atomically(arguments.output, report + "\n")
    console.print(table(costs))
    if not all(cost.equal for cost in costs):
        raise SystemExit("an output differs from the reference")


if __name__ == "__main__":
    main()
