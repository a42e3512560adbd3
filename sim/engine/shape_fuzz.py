"""`python -m m3vit.sim.engine.shape_fuzz`: random networks in RTL, equal to the reference.

One engine runs them all, one after another without a reset, each under a memory of its own.
"""

import sys
from collections.abc import Iterator

from rich.progress import track

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.host.driver import EngineError
from m3vit.model.synthetic import random_image

from .campaign import begin, show_faults
from .exactness import Comparison
from .library import PortProtocolError
from .shapes import Case, random_case

IMAGES = 2


def failures(
    design: DesignConfig, seeds: range, images: int = IMAGES
) -> Iterator[tuple[Case, list[str]]]:
    """Every case in turn, with what differs from the reference or went wrong."""
    comparison = Comparison(design, seed=seeds.start)
    for seed in seeds:
        case = random_case(seed, design)
        pixels = [random_image(case.model.network, seed + number) for number in range(images)]
        try:
            yield case, comparison.differences(case.model, pixels, case.memory, case.division)
        except (EngineError, PortProtocolError) as error:
            yield case, [str(error)]
    comparison.close()


def main() -> int:
    """Run a campaign; 0 if every network is equal, 1 if not, 2 for a mistake."""
    design, seeds, console = begin("m3vit.sim.engine.shape_fuzz", __doc__, "networks", 30)
    failed = 0
    try:
        found = failures(DesignConfig.load(design), seeds)
        for case, what in track(found, "networks", total=len(seeds), console=console):
            failed += bool(what)
            show_faults(console, case, what)
    except UserError as mistake:
        console.print(str(mistake), markup=False)
        return 2
    sys.stdout.write(f"{len(seeds) - failed} networks equal to the reference, {failed} not\n")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
