"""A cycle model of the engine: what a program costs, in milliseconds instead of minutes.

    estimate(build_plan(model, design), "depth").cycles

Within 5 % of the RTL; docs/performance.md has the comparison, and says how the model works.
"""

from .estimate import Estimate, Part, estimate, even_loads, last_used, run_loads
from .timing import Ddr, Delays

__all__ = ["Ddr", "Delays", "Estimate", "Part", "estimate", "even_loads", "last_used", "run_loads"]
