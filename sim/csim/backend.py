"""The backend `csim`: a compiled model run by the kernels as native code."""

from m3vit.hls.design import DesignConfig
from m3vit.hls.fit import check_fits
from m3vit.model.compiled import CompiledModel
from m3vit.model.reference import Reference
from m3vit.sim.csim import kernels
from m3vit.sim.csim.operations import KERNELS, KernelOperations


class KernelSimulation(Reference):
    """The walk of the reference through the network, computed by the C++ kernels.

    Args:
        model: a compiled model.
        design: sizes of the hardware; every design gives the same integers.

    Raises:
        UserError: the network does not fit the design, or the kernels cannot be compiled here.
    """

    def __init__(self, model: CompiledModel, design: str | DesignConfig = "zcu104") -> None:
        chosen = design if isinstance(design, DesignConfig) else DesignConfig.load(design)
        check_fits(model.network, chosen)
        kernels.prepare(KERNELS, chosen)
        super().__init__(model, KernelOperations(chosen))
