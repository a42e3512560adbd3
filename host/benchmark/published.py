"""What papers say of M³ViT on other hardware, with what is known to be wrong or unclear in it.

Times and powers are as printed. Energy is their product. Operations are counted by us from the
configuration that the authors released, since the printed GOPS do not fit it. Every row has other
images than this benchmark, and most another network, precision or board: its notes say what.
"""

from dataclasses import dataclass, replace

from m3vit.model.cost import task_cost
from m3vit.model.shape import PUBLISHED, Shape

from .rows import Number, Row, powered, timed

EDGE_MOE = "Edge-MoE, ICCAD 2023, arXiv 2305.18691"
UBIMOE = "UbiMoE, ISCAS 2025, arXiv 2502.05602, tables"
COQMOE = "CoQMoE, Euro-Par 2025, arXiv 2506.08496, tables"
M3VIT = "M³ViT, NeurIPS 2022, arXiv 2210.14793, table 4"

_POWER = "not said what the power covers: board, chip, or a report of the tools"
_UNCLEAR = (
    "number of tokens not said: the printed GOPS fit 197 (224 x 224 pixels), the released code of "
    "UbiMoE has 129; the range covers both"
)
_KERNEL = "time of the kernel alone, without the host"
_SMALL = "another network: ViT-small"
_NOT_BUILT = (
    "not built: Edge-MoE, of the same group, calls it an optimistic estimate; it needs 4.84 MiB on "
    "the chip, which has 4.75"
)
_ENCODER = "ViT-small's encoder alone; most of the operations that are printed are its decoder's"
_M3VIT_FLAWS = (_ENCODER, _NOT_BUILT)
_XEON = "the power is as printed; it is far below what that processor may draw"


def giga_operations(network: str, image: tuple[int, int] | None = None) -> float:
    """Of one image through the encoder, two per product.

    Args:
        network: of `m3vit.model.shape.PUBLISHED`.
        image: another size.
    """
    shape = Shape.from_config(PUBLISHED[network])
    if image is not None:
        shape = replace(shape, image=image)
    return 2e-9 * task_cost(shape, next(iter(shape.tasks))).encoder_macs


@dataclass(frozen=True)
class _Printed:
    """A row as printed; operations: the smallest and the largest reading."""

    system: str
    hardware: str
    milliseconds: float
    watts: float
    source: str
    operations: tuple[float, float]
    flaws: tuple[str, ...] = ()

    def row(self) -> Row:
        latency = Number(self.milliseconds, "published", self.source)
        watts = Number(self.watts, "published", self.source)
        joules = Number(self.watts * self.milliseconds * 1e-3, "published", self.source)
        smallest, largest = self.operations
        numbers = {**timed(latency, 1, smallest), **powered(watts, joules, smallest)}
        if smallest != largest:
            for name in ("gops", "gops_per_watt"):
                low = numbers[name].value
                numbers[name] = replace(numbers[name], low=low, high=low * largest / smallest)
        return Row(self.system, self.hardware, 1, numbers, notes=(*self.flaws, _POWER))


def published_rows() -> tuple[Row, ...]:
    """All rows, batch 1."""
    tiny = giga_operations("cityscapes_tiny")
    tiny_224 = giga_operations("cityscapes_tiny", (224, 224))
    small_224 = giga_operations("pascal_small", (224, 224))
    pascal = giga_operations("pascal_small")
    nyud = giga_operations("nyud_small")
    overstated = (
        "the 72.15 GOPS and 4.83 GOPS/W that later papers print for it assume 2.50 GOP per image; "
        f"the released configuration, 129 tokens, has {tiny:.3f}"
    )
    scaled = (
        f"if it was 197 tokens, {6.47 * tiny / tiny_224:.1f} ms for 129, scaled by operations; the "
        "printed 38.64 GOPS/W are not the printed 386.3 GOPS over 9.83 W"
    )
    both, edge, zcu104 = (tiny, tiny_224), (tiny, tiny), "ZCU104, not built"
    printed = (
        _Printed("Edge-MoE, W16A32", "ZCU102", 34.64, 14.54, EDGE_MOE, edge, (overstated,)),
        _Printed("Edge-MoE's network", "RTX A6000", 13.73, 82.24, EDGE_MOE, edge),
        _Printed("Edge-MoE's network", "Xeon Gold 6226R", 169.72, 14.53, EDGE_MOE, edge, (_XEON,)),
        _Printed("UbiMoE, W16A32", "ZCU102", 25.76, 11.50, UBIMOE, both, (_UNCLEAR,)),
        _Printed("UbiMoE, W16A32", "U280", 10.33, 32.49, UBIMOE, both, (_UNCLEAR,)),
        _Printed("CoQMoE, int8", "ZCU102", 6.47, 9.83, COQMOE, both, (_UNCLEAR, scaled, _KERNEL)),
        _Printed(
            "CoQMoE small, int8", "U280", 9.16, 33.7, COQMOE, (small_224,) * 2, (_SMALL, _KERNEL)
        ),
        _Printed("M³ViT small, 512x512", zcu104, 69.033, 10.0, M3VIT, (pascal,) * 2, _M3VIT_FLAWS),
        _Printed("M³ViT small, 480x640", zcu104, 84.538, 10.0, M3VIT, (nyud,) * 2, _M3VIT_FLAWS),
    )
    return tuple(row.row() for row in printed)
