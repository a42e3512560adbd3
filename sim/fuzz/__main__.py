"""`python -m m3vit.sim.fuzz`: random kernels, compared between g++ and the generated RTL."""

import argparse
import secrets
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from m3vit.errors import UserError

from .campaign import Verdict, run_batch
from .generate import kernel

MOST_REFUSED = 0.1
"""Share of kernels that the compiler may refuse; more would leave too little to compare."""


def main() -> int:
    """Run a campaign; 0 if every kernel that was compiled is equal, 1 if not, 2 for a mistake."""
    options = _options()
    first = options.seed if options.seed is not None else secrets.randbelow(10**9)
    console = Console(stderr=True)
    console.print(f"random kernels: seeds {first} to {first + options.count - 1}")
    verdicts: list[Verdict] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    try:
        with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
            task = bar.add_task("kernels", total=options.count)
            for start in range(first, first + options.count, options.batch):
                seeds = range(start, min(start + options.batch, first + options.count))
                batch = run_batch([kernel(seed) for seed in seeds], lambda: bar.advance(task))
                _keep(batch, options.keep, console)
                verdicts += batch
    except UserError as mistake:
        console.print(str(mistake), markup=False)
        return 2
    return _summary(verdicts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m m3vit.sim.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="how many kernels")
    parser.add_argument("--seed", type=int, help="of the first kernel; drawn and printed if absent")
    parser.add_argument("--batch", type=int, default=10, help="kernels per simulation program")
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="for failing kernels")
    return parser.parse_args()


def _keep(verdicts: Sequence[Verdict], directory: Path, console: Console) -> None:
    """Keep the C++ of kernels that failed, and say so."""
    for verdict in verdicts:
        if verdict.status == "equal":
            continue
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{verdict.kernel.seed}.cpp"
        path.write_text(verdict.kernel.text)
        line = f"{verdict.status}: seed {verdict.kernel.seed} ({path}): {verdict.message}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _summary(verdicts: Sequence[Verdict]) -> int:
    """Say what came out; the exit code."""
    counts = Counter(verdict.status for verdict in verdicts)
    shapes = Counter(verdict.kernel.shape for verdict in verdicts if verdict.status == "equal")
    summary = ", ".join(f"{count} {shape}" for shape, count in sorted(shapes.items()))
    sys.stdout.write(
        f"{counts['equal']} kernels equal ({summary}), {counts['differs']} differ, "
        f"{counts['fault']} failed in a tool, {counts['refused']} refused\n"
    )
    refused = counts["refused"] > MOST_REFUSED * len(verdicts)
    if refused:
        sys.stdout.write(f"more than {MOST_REFUSED:.0%} of the kernels were refused\n")
    return int(bool(counts["differs"] or counts["fault"] or refused))


if __name__ == "__main__":
    sys.exit(main())
