"""The C++ that hls4ml writes for the layers: a struct of constants, and a call."""

from functools import partial
from typing import Any

from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate

from .layers import M3vitGelu, M3vitLayer, M3vitLayerNorm, M3vitSoftmax, M3vitTopKGate


class Config(LayerConfigTemplate):  # type: ignore[misc]
    """Constants of a layer.

    Args:
        lines: C++ declarations with names of the layer's attributes in braces.
    """

    def __init__(self, layer: type[M3vitLayer], *lines: str) -> None:
        super().__init__(layer)
        self.lines = lines

    def format(self, node: Any) -> str:
        parameters = self._default_config_params(node)
        lines = [f"    {line.format(**parameters)};" for line in self.lines]
        return "\n".join([f"struct config{node.index} {{", *lines, "};", ""])


class Call(FunctionCallTemplate):  # type: ignore[misc]
    """Call of a layer: types of input and outputs, then input, outputs and weights.

    Args:
        weights: names of the layer's weights, in the order of the function's arguments.
    """

    def __init__(self, layer: type[M3vitLayer], function: str, *weights: str) -> None:
        super().__init__(layer, include_header=[f"nnet_utils/{layer.HEADER}"])
        self.function = function
        self.weights = weights

    def format(self, node: Any) -> str:
        variables = [node.get_input_variable(), *(node.variables[name] for name in node.outputs)]
        types = ", ".join([*(variable.type.name for variable in variables), f"config{node.index}"])
        weights = [node.get_weights(name).name for name in self.weights]
        arguments = ", ".join([*(variable.name for variable in variables), *weights])
        return f"nnet::{self.function}<{types}>({arguments});"


TEMPLATES = (
    partial(
        Config,
        M3vitSoftmax,
        "static const unsigned rows = {rows}",
        "static const unsigned columns = {columns}",
        "static const int multiplier = {multiplier}",
        "static const int shift = {shift}",
    ),
    partial(Call, M3vitSoftmax, "m3vit_softmax"),
    partial(
        Config,
        M3vitTopKGate,
        "static const unsigned tokens = {tokens}",
        "static const unsigned experts = {experts}",
        "static const unsigned kept = {top_k}",
        "static const bool normalise_kept = {normalise_kept}",
        "static const int prune_threshold = {prune_threshold}",
        "static const int multiplier = {multiplier}",
        "static const int shift = {shift}",
    ),
    partial(Call, M3vitTopKGate, "m3vit_top_k_gate"),
    partial(
        Config,
        M3vitLayerNorm,
        "static const unsigned rows = {rows}",
        "static const unsigned width = {width}",
        "static const unsigned long long epsilon = {epsilon_code}ULL",
        "static const int shift = {shift}",
        "typedef {gain_t.name} gain_t",
        "typedef {bias_t.name} bias_t",
    ),
    partial(Call, M3vitLayerNorm, "m3vit_layer_norm", "gain", "bias"),
    partial(
        Config,
        M3vitGelu,
        "static const unsigned n_in = {n_in}",
        "typedef {table_t.name} table_t",
    ),
    partial(Call, M3vitGelu, "m3vit_gelu", "table"),
)
"""What makes each template; hls4ml calls it once per backend."""
