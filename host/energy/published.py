"""What papers say of M³ViT on other hardware, with what is known to be wrong or unclear in it.

Times and powers are as printed. Energy is their product. Operations are counted by us from the
configuration that the authors released, since the printed GOPS do not fit it.
"""

from dataclasses import dataclass, replace

from m3vit.model.cost import task_cost
from m3vit.model.shape import PUBLISHED, Shape

from .rows import Number, Row, powered, timed

EDGE_MOE = "Edge-MoE, ICCAD 2023, arXiv 2305.18691"
UBIMOE = "UbiMoE, ISCAS 2025, arXiv 2502.05602, tables"
COQMOE = "CoQMoE, Euro-Par 2025, arXiv 2506.08496, tables"
M3VIT = "M³ViT, NeurIPS 2022, arXiv 2210.14793, table 4"

_TINY_PRINTED = "its GOPS assume 2.50 GOP per image; the released configuration, 129 tokens, has "
_UNCLEAR = (
    "does not say how many tokens: the printed GOPS fit 197 (224 x 224 pixels), the released code "
    "of UbiMoE has 129; the range covers both"
)
_KERNEL = "time of the kernel alone, without the host"
_NOT_BUILT = (
    "an estimate of its authors: Edge-MoE, by the same group, says that nothing was implemented"
)
_ENCODER = "another network: ViT-small, and its encoder alone"


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
    operations: tuple[float, float] | None
    notes: tuple[str, ...]

    def row(self) -> Row:
        latency = Number(self.milliseconds, "published", self.source)
        watts = Number(self.watts, "published", self.source)
        joules = Number(self.watts * self.milliseconds * 1e-3, "published", self.source)
        if self.operations is None:
            numbers = {**timed(latency, 1, None), **powered(watts, joules, None)}
            return Row(self.system, self.hardware, 1, numbers, notes=self.notes)
        smallest, largest = self.operations
        numbers = {**timed(latency, 1, smallest), **powered(watts, joules, smallest)}
        if smallest != largest:
            for name in ("gops", "gops_per_watt"):
                low = numbers[name].value
                numbers[name] = replace(numbers[name], low=low, high=low * largest / smallest)
        return Row(self.system, self.hardware, 1, numbers, notes=self.notes)


def published_rows() -> tuple[Row, ...]:
    """All rows, batch 1."""
    tiny = giga_operations("cityscapes_tiny")
    tiny_224 = giga_operations("cityscapes_tiny", (224, 224))
    small_224 = giga_operations("pascal_small", (224, 224))
    pascal = giga_operations("pascal_small")
    nyud = giga_operations("nyud_small")
    flawed = f"{_TINY_PRINTED}{tiny:.3f}"
    printed = (
        _Printed("Edge-MoE, W16A32", "ZCU102", 34.64, 14.54, EDGE_MOE, (tiny, tiny), (flawed,)),
        _Printed("Edge-MoE's network", "RTX A6000", 13.73, 82.24, EDGE_MOE, (tiny, tiny), ()),
        _Printed(
            "Edge-MoE's network",
            "Xeon Gold 6226R",
            169.72,
            14.53,
            EDGE_MOE,
            (tiny, tiny),
            ("the processor's power is as printed; it is far below what that processor may draw",),
        ),
        _Printed("UbiMoE, W16A32", "ZCU102", 25.76, 11.50, UBIMOE, (tiny, tiny_224), (_UNCLEAR,)),
        _Printed("UbiMoE, W16A32", "U280", 10.33, 32.49, UBIMOE, (tiny, tiny_224), (_UNCLEAR,)),
        _Printed(
            "CoQMoE, int8", "ZCU102", 6.47, 9.83, COQMOE, (tiny, tiny_224), (_UNCLEAR, _KERNEL)
        ),
        _Printed(
            "CoQMoE small, int8",
            "U280",
            9.16,
            33.7,
            COQMOE,
            (small_224, small_224),
            ("another network: ViT-small", _KERNEL),
        ),
        _Printed(
            "M³ViT small, 512x512",
            "ZCU104",
            69.033,
            10.0,
            M3VIT,
            (pascal, pascal),
            (_ENCODER, _NOT_BUILT),
        ),
        _Printed(
            "M³ViT small, 480x640",
            "ZCU104",
            84.538,
            10.0,
            M3VIT,
            (nyud, nyud),
            (_ENCODER, _NOT_BUILT),
        ),
    )
    return tuple(row.row() for row in printed)
