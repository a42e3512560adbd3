"""`python -m m3vit.sim.fuzz.mutate`: how many faults planted in kernels' RTL the benches catch."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig

from .mutation import Count, count
from .subjects import KERNELS, subject

REQUIRED = 0.95
"""Share of the mutants not proven equivalent that has to be caught."""


def main() -> int:
    """Plant faults; 0 if enough of them are caught, 1 if not, 2 for a mistake."""
    options = _options()
    console = Console(stderr=True)
    counts: dict[str, Count] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    try:
        with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
            for kernel in options.kernel or sorted(KERNELS):
                task = bar.add_task(kernel, total=options.most)
                counts[kernel] = _counted(kernel, options, partial(bar.advance, task))
                _report(kernel, counts[kernel])
    except UserError as mistake:
        console.print(str(mistake), markup=False)
        return 2
    caught = sum(one.caught.total() for one in counts.values())
    survivors = sum(len(one.survivors) for one in counts.values())
    equivalent = sum(len(one.equivalent) for one in counts.values())
    score = caught / max(1, caught + survivors)
    sys.stdout.write(
        f"{caught + survivors + equivalent} faults, {equivalent} proven to be none; "
        f"of the others {score:.1%} caught ({REQUIRED:.0%} required)\n"
    )
    return int(score < REQUIRED)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m m3vit.sim.fuzz.mutate", description=__doc__)
    parser.add_argument("--kernel", action="append", choices=sorted(KERNELS), help="default: all")
    parser.add_argument("--most", type=int, default=60, help="faults per kernel")
    parser.add_argument("--seed", type=int, default=1, help="chooses the faults")
    parser.add_argument("--design", default="nano", help="name or file of a design")
    return parser.parse_args()


def _counted(kernel: str, options: argparse.Namespace, done: Callable[[], None]) -> Count:
    design = DesignConfig.load(options.design)
    with tempfile.TemporaryDirectory(prefix="m3vit-mutate-") as scratch:
        made = subject(kernel, design, Path(scratch))
        return count(made, options.most, options.seed, done)


def _report(kernel: str, one: Count) -> None:
    """Say what was caught, and every fault that was not."""
    kinds = ", ".join(f"{kind} {number}" for kind, number in sorted(one.caught.items()))
    sys.stdout.write(
        f"{kernel}: {one.caught.total()} caught ({kinds}), {len(one.equivalent)} proven "
        f"equivalent, {len(one.survivors)} survived\n"
    )
    for path, mutant in one.survivors:
        sys.stdout.write(f"  {path.name} {mutant}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
