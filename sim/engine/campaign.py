"""What campaigns of random programs and of random networks share: options, seeds, faults."""

import argparse
import secrets
from collections.abc import Sequence

from rich.console import Console


def begin(module: str, text: str | None, what: str, count: int) -> tuple[str, range, Console]:
    """Read the options of a campaign, and print its seeds.

    Args:
        module: that is run. text: what it does.
        what: its cases, in the plural. count: of them, unless an option says so.

    Returns:
        Name of the design, seeds of the cases, and where to print.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=text)
    parser.add_argument("--count", type=int, default=count, help=f"how many {what}")
    parser.add_argument("--seed", type=int, help="of the first; drawn and printed if absent")
    parser.add_argument("--design", default="nano", help="of the engine")
    options = parser.parse_args()
    first = options.seed if options.seed is not None else secrets.randbelow(10**9)
    seeds = range(first, first + options.count)
    console = Console(stderr=True)
    console.print(f"random {what}: seeds {seeds.start} to {seeds.stop - 1}")
    return options.design, seeds, console


def show_faults(console: Console, case: object, faults: Sequence[str]) -> None:
    """Print what went wrong with a case, if anything did."""
    if faults:
        text = f"{case}: {'; '.join(faults)}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
