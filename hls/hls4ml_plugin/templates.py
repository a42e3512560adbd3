"""The C++ that hls4ml writes for the layers: a struct of constants, and a call."""

from typing import Any

from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate

from .layers import M3vitGelu, M3vitLayer, M3vitLayerNorm, M3vitSoftmax, M3vitTopKGate


class Config(LayerConfigTemplate):  # type: ignore[misc]
    """Constants of a layer, from its attributes."""

    LAYER: type[M3vitLayer]
    LINES: tuple[str, ...]

    def __init__(self) -> None:
        super().__init__(self.LAYER)

    def format(self, node: Any) -> str:
        parameters = self._default_config_params(node)
        lines = [f"struct config{node.index} {{"]
        lines += [f"    {line.format(**parameters)};" for line in self.LINES]
        return "\n".join([*lines, "};", ""])


class Call(FunctionCallTemplate):  # type: ignore[misc]
    """Call of a layer: types of input and outputs, then input, outputs and weights."""

    LAYER: type[M3vitLayer]
    FUNCTION: str
    WEIGHTS: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__(self.LAYER, include_header=[f"nnet_utils/{self.LAYER.HEADER}"])

    def format(self, node: Any) -> str:
        variables = [node.get_input_variable(), *(node.variables[name] for name in node.outputs)]
        types = ", ".join([*(variable.type.name for variable in variables), f"config{node.index}"])
        weights = [node.get_weights(name).name for name in self.WEIGHTS]
        arguments = ", ".join([*(variable.name for variable in variables), *weights])
        return f"nnet::{self.FUNCTION}<{types}>({arguments});"


class SoftmaxConfig(Config):
    LAYER = M3vitSoftmax
    LINES = (
        "static const unsigned rows = {rows}",
        "static const unsigned columns = {columns}",
        "static const int multiplier = {multiplier}",
        "static const int shift = {shift}",
    )


class SoftmaxCall(Call):
    LAYER = M3vitSoftmax
    FUNCTION = "m3vit_softmax"


class TopKGateConfig(Config):
    LAYER = M3vitTopKGate
    LINES = (
        "static const unsigned tokens = {tokens}",
        "static const unsigned experts = {experts}",
        "static const unsigned kept = {top_k}",
        "static const bool normalise_kept = {normalise_kept}",
        "static const int prune_threshold = {prune_threshold}",
        "static const int multiplier = {multiplier}",
        "static const int shift = {shift}",
    )


class TopKGateCall(Call):
    LAYER = M3vitTopKGate
    FUNCTION = "m3vit_top_k_gate"


class LayerNormConfig(Config):
    LAYER = M3vitLayerNorm
    LINES = (
        "static const unsigned rows = {rows}",
        "static const unsigned width = {width}",
        "static const unsigned long long epsilon = {epsilon_code}ULL",
        "static const int shift = {shift}",
        "typedef {gain_t.name} gain_t",
        "typedef {bias_t.name} bias_t",
    )


class LayerNormCall(Call):
    LAYER = M3vitLayerNorm
    FUNCTION = "m3vit_layer_norm"
    WEIGHTS = ("gain", "bias")


class GeluConfig(Config):
    LAYER = M3vitGelu
    LINES = (
        "static const unsigned n_in = {n_in}",
        "typedef {table_t.name} table_t",
    )


class GeluCall(Call):
    LAYER = M3vitGelu
    FUNCTION = "m3vit_gelu"
    WEIGHTS = ("table",)


TEMPLATES = (
    SoftmaxConfig,
    SoftmaxCall,
    TopKGateConfig,
    TopKGateCall,
    LayerNormConfig,
    LayerNormCall,
    GeluConfig,
    GeluCall,
)
