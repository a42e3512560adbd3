"""What a design is worth: cycles of an image by the cycle model, resources by formulas."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.hls.resources.cells import XCZU7EV, Resources
from m3vit.hls.resources.engine import MARGIN
from m3vit.hls.resources.model import model as resources_of
from m3vit.host.program import build_plan
from m3vit.model import synthetic
from m3vit.model.compiled import CompiledModel
from m3vit.model.cost import expert_loads
from m3vit.model.reference import Reference
from m3vit.model.shipped import find_model
from m3vit.sim.performance.estimate import estimate, last_used

OBJECTIVES = ("cycles", "dsp", "bram36", "uram")
"""All of them should be small."""

RANDOM_NETWORKS = {"tiny": synthetic.TINY}
"""Networks with random weights, by name."""


@dataclass(frozen=True)
class Workload:
    """An image through a network.

    Attributes:
        model: the network.
        task: whose program runs.
        loads: (MoE layers, E) tokens in the queues of experts.
    """

    model: CompiledModel
    task: str
    loads: NDArray[np.int64]

    @classmethod
    def of(cls, name: str) -> "Workload":
        """The first task of a network on a random image.

        Args:
            name: of `RANDOM_NETWORKS`, of a shipped model, or a compiled model's directory.

        Raises:
            UserError: there is no such model.
        """
        if name in RANDOM_NETWORKS:
            model = synthetic.random_model(RANDOM_NETWORKS[name])
        else:
            model = CompiledModel.load(find_model(name))
        network, task = model.network, model.tasks[0].name
        run = Reference(model).run(synthetic.random_image(network), task)
        chosen = [layer.experts for layer in run.routing]
        return cls(model, task, expert_loads(chosen, network.num_experts))


@dataclass(frozen=True)
class Evaluation:
    """A design's numbers.

    Attributes:
        cycles: of one image, from start to done, by the cycle model.
        resources: by formulas.
    """

    cycles: int
    resources: Resources

    @property
    def objectives(self) -> tuple[int, ...]:
        """In the order of `OBJECTIVES`."""
        used = self.resources
        return (self.cycles, used.dsp, used.bram36, used.uram)

    @property
    def excess(self) -> dict[str, float]:
        """Resource -> share of the device above what leaves the margin; not positive if it fits."""
        shares = XCZU7EV.shares(self.resources)
        return {kind: share - (1 - MARGIN) for kind, share in shares.items()}

    @property
    def fits(self) -> bool:
        """The device holds it, with the margin."""
        return max(self.excess.values()) <= 0

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return {"cycles": self.cycles, **asdict(self.resources)}

    @classmethod
    def from_dict(cls, values: Mapping[str, int]) -> "Evaluation":
        """The inverse of `as_dict`."""
        rest = dict(values)
        return cls(rest.pop("cycles"), Resources(**rest))


def evaluate(design: DesignConfig, workload: Workload) -> Evaluation:
    """Cycles and resources; takes about a second for a network of 12 layers.

    The image is one of many: the experts are guessed that it needs.

    Raises:
        UserError: the design cannot run the network.
    """
    plan = build_plan(workload.model, design)
    try:
        used = last_used(plan, workload.task, workload.loads)
        cycles = estimate(plan, workload.task, workload.loads, used=used).cycles
    except ValueError as error:
        raise UserError(f"the cycle model refuses this design: {error}") from None
    return Evaluation(cycles, resources_of(design))
