"""The backend `rtl`: a compiled model on the simulated engine, cycle by cycle."""

from m3vit.hls.design import DesignConfig
from m3vit.hls.engine import Engine
from m3vit.host.driver import EngineDriver
from m3vit.host.program import build_plan
from m3vit.model.compiled import CompiledModel

from .library import EngineLibrary, Memory, Options
from .port import SimulatedPort

MINIMUM_BYTES = 1 << 20
"""Of the simulated memory."""

TIMEOUT = 3600.0
"""Seconds that a program may take; the engine's own watchdog ends one that is stuck."""


class EngineSimulation(EngineDriver):
    """An engine in Verilator with a model in its memory.

    Args:
        model: a compiled model.
        design: sizes of the hardware; every design gives the same integers.
        memory: how the DDR memory behaves; by default 50 bytes a cycle, 60 cycles of latency.

    Raises:
        UserError: the network does not fit the design, or the engine cannot be built here.
    """

    def __init__(
        self,
        model: CompiledModel,
        design: str | DesignConfig = "zcu104",
        memory: Memory | None = None,
    ) -> None:
        chosen = design if isinstance(design, DesignConfig) else DesignConfig.load(design)
        plan = build_plan(model, chosen)
        options = Options(memory=memory or Memory(size=max(MINIMUM_BYTES, plan.arena_bytes)))
        self.library = EngineLibrary(Engine.compile(chosen), options)
        super().__init__(SimulatedPort(self.library), plan, TIMEOUT)
