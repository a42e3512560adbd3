"""The layers as hls4ml's graph sees them: shapes, precisions, integer parameters.

A precision ap_fixed<W, I> says what a W-bit code is worth: 2^(I - W). The precision in front of a
layer and, where the layer leaves it free, its own `result` precision must be given, not inferred.
"""

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from hls4ml.model.attributes import Attribute, TypeAttribute, WeightAttribute
from hls4ml.model.layers import Layer
from hls4ml.model.types import FixedPrecisionType, IntegerPrecisionType
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.model.fixed import (
    GATE_FRACTION_BITS,
    LOGIT_FRACTION_BITS,
    MAX_TOKENS,
    MAX_WIDTH,
    SCORE_FRACTION_BITS,
    split_ratio,
)
from m3vit.model.quantization.scales import Scale, activation_table, layer_norm

LOG2_E = math.log2(math.e)
SHARE = FixedPrecisionType(SCORE_FRACTION_BITS + 1, 1, signed=False)
"""0 ... 1 with 15 fraction bits."""

MAX_LOGIT_BITS = 16
MAX_EXPERTS = 256
MAX_KEPT = 16


@dataclass(frozen=True)
class Numbers:
    """Signed fixed-point numbers: how many bits, and how many of them behind the point."""

    bits: int
    fraction: int

    @property
    def scale(self) -> Scale:
        """What a code is worth."""
        return Scale(np.array(2.0**-self.fraction))


class M3vitLayer(Layer):  # type: ignore[misc]
    """What all layers share: they are for io_parallel, and read the numbers of one input.

    Attributes:
        HEADER: the C++ header that holds the layer.
    """

    HEADER: ClassVar[str]

    def initialize(self) -> None:
        if self.model.config.get_config_value("IOType") != "io_parallel":
            raise UserError(f"layer '{self.name}' is for io_parallel: set IOType to it")
        self.build(tuple(self.get_input_variable().shape))

    def build(self, shape: tuple[int, ...]) -> None:
        """Set attributes, weights and outputs for an input of this shape."""
        raise NotImplementedError

    def numbers(self, precision: Any, what: str, bits: tuple[int, ...]) -> Numbers:
        """Check that a precision is signed and has one of some widths."""
        if isinstance(precision, IntegerPrecisionType):
            precision = FixedPrecisionType(precision.width, precision.width, precision.signed)
        fixed = isinstance(precision, FixedPrecisionType) and precision.signed
        if fixed and precision.width in bits:
            return Numbers(precision.width, precision.width - precision.integer)
        widths = " or ".join(map(str, bits)) if len(bits) < 3 else f"{bits[0]} to {bits[-1]}"
        raise UserError(
            f"the {what} of layer '{self.name}' has precision {precision}: give it one that is "
            f"signed and has {widths} bits"
        )

    def input_numbers(self, *bits: int) -> Numbers:
        """Numbers that come in."""
        return self.numbers(self.get_input_variable().type.precision, "input", bits)

    def result_numbers(self, *bits: int) -> Numbers:
        """Numbers that the configuration asks for as the result."""
        return self.numbers(self.model.config.get_precision(self, "result")[0], "result", bits)

    def limit(self, what: str, value: int, low: int, high: int) -> int:
        """Check a size."""
        if not low <= value <= high:
            raise UserError(f"layer '{self.name}' has {value} {what}: give it {low} to {high}")
        return value

    def set_logit_scale(self, fraction: int) -> None:
        """Attributes `multiplier` and `shift`: input codes to logits in log2 units."""
        source = self.input_numbers(*range(2, MAX_LOGIT_BITS + 1))
        scale = self.get_attr("logit_scale", LOG2_E)
        ratio = np.array([scale * 2.0 ** (fraction - source.fraction)])
        multiplier, shift = split_ratio(ratio, MAX_LOGIT_BITS)
        self.set_attr("multiplier", int(multiplier[0]))
        self.set_attr("shift", int(shift[0]))


class M3vitSoftmax(M3vitLayer):
    """Softmax over the last axis, with weights of 8 bits.

    `logit_scale`: log2(e) for a softmax to base e (the default), 1 for one to base 2.
    """

    HEADER = "nnet_m3vit_softmax.h"
    _expected_attributes: ClassVar = [
        Attribute("rows"),
        Attribute("columns"),
        Attribute("logit_scale", value_type=Real, default=LOG2_E),
        Attribute("multiplier"),
        Attribute("shift"),
    ]

    def build(self, shape: tuple[int, ...]) -> None:
        self.set_attr("rows", math.prod(shape[:-1]))
        self.set_attr("columns", self.limit("columns", shape[-1], 1, MAX_TOKENS))
        self.set_logit_scale(LOGIT_FRACTION_BITS)
        self.add_output_variable(list(shape), precision=SHARE)


class M3vitTopKGate(M3vitLayer):
    """The `top_k` best experts of every token and their scores: two outputs, in this order.

    `normalise_kept`: scores are a softmax over the kept experts only. `prune_threshold`: scores
    up to this many 2^-15 become zero; -1 prunes nothing. `logit_scale` as in M3vitSoftmax.
    """

    HEADER = "nnet_m3vit_top_k_gate.h"
    _expected_attributes: ClassVar = [
        Attribute("tokens"),
        Attribute("experts"),
        Attribute("top_k"),
        Attribute("normalise_kept", value_type=bool, default=False),
        Attribute("prune_threshold", value_type=Integral, default=-1),
        Attribute("logit_scale", value_type=Real, default=LOG2_E),
        Attribute("multiplier"),
        Attribute("shift"),
    ]

    def build(self, shape: tuple[int, ...]) -> None:
        if len(self.outputs) != 2:
            raise UserError(f"layer '{self.name}' has two outputs, experts and scores: name both")
        experts = self.limit("experts", shape[-1], 1, MAX_EXPERTS)
        kept = self.limit("experts to keep", self.get_attr("top_k"), 1, min(experts, MAX_KEPT))
        self.set_attr("tokens", math.prod(shape[:-1]))
        self.set_attr("experts", experts)
        self.set_logit_scale(GATE_FRACTION_BITS)
        results = {"experts": FixedPrecisionType(8, 8, signed=False), "scores": SHARE}
        for output, (what, precision) in zip(self.outputs, results.items(), strict=True):
            name = f"layer{{index}}_{what}"
            self.add_output_variable([*shape[:-1], kept], output, name, f"{name}_t", precision)
            # hls4ml keeps and declares one type of result by itself: that of the last output.
            self.set_attr(f"{what}_t", self.get_output_variable(output).type)


class M3vitLayerNorm(M3vitLayer):
    """LayerNorm over the last axis: 16-bit input, 8- or 16-bit result.

    `gamma_data`, `beta_data`: (width,) floats. `epsilon`: in the units of the real numbers.
    """

    HEADER = "nnet_m3vit_layer_norm.h"
    _expected_attributes: ClassVar = [
        Attribute("rows"),
        Attribute("width"),
        Attribute("epsilon", value_type=Real, default=1e-6),
        Attribute("epsilon_code"),
        Attribute("shift"),
        WeightAttribute("gain"),
        WeightAttribute("bias"),
        TypeAttribute("gain"),
        TypeAttribute("bias"),
    ]

    def build(self, shape: tuple[int, ...]) -> None:
        width = self.limit("channels", shape[-1], 2, MAX_WIDTH)
        source, target = self.input_numbers(16), self.result_numbers(8, 16)
        rule = layer_norm(
            np.asarray(self.get_attr("gamma_data"), np.float64),
            np.asarray(self.get_attr("beta_data"), np.float64),
            self.get_attr("epsilon", 1e-6),
            source.scale,
            target.scale,
            target.bits,
        )
        self.set_attr("rows", math.prod(shape[:-1]))
        self.set_attr("width", width)
        self.set_attr("epsilon_code", rule.epsilon)
        self.set_attr("shift", rule.output.shift)
        self._add_integers("gain", rule.output.gain, 16)
        self._add_integers("bias", rule.output.bias, 32)
        precision = FixedPrecisionType(target.bits, target.bits - target.fraction)
        self.add_output_variable(list(shape), precision=precision)

    def _add_integers(self, name: str, values: NDArray[Any], bits: int) -> None:
        precision = IntegerPrecisionType(bits)
        self.add_weights_variable(
            name, f"{name}{{index}}", f"{name}{{index}}_t", precision, data=values
        )


class M3vitGelu(M3vitLayer):
    """GELU of every number: 8-bit input, 8-bit result."""

    HEADER = "nnet_m3vit_gelu.h"
    _expected_attributes: ClassVar = [
        Attribute("n_in"),
        WeightAttribute("table"),
        TypeAttribute("table"),
    ]

    def build(self, shape: tuple[int, ...]) -> None:
        source, target = self.input_numbers(8), self.result_numbers(8)
        table = activation_table(_gelu, source.scale, target.scale)
        self.set_attr("n_in", math.prod(shape))
        self.add_weights_variable(
            "table", "table{index}", "table{index}_t", IntegerPrecisionType(8), data=table
        )
        self.add_output_variable(list(shape), precision=FixedPrecisionType(8, 8 - target.fraction))


def _gelu(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """x Phi(x)."""
    return np.array([0.5 * x * (1 + math.erf(x / math.sqrt(2))) for x in values])


LAYERS: tuple[type[M3vitLayer], ...] = (M3vitSoftmax, M3vitTopKGate, M3vitLayerNorm, M3vitGelu)
