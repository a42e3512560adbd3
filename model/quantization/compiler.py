"""Compile a float model and its ranges into integers, part by part.

Which tensor and which range goes where; the arithmetic is in `model.quantization.scales` and its
rules in `docs/numerics.md`. Brevitas has no part in this step: it offers quantised tensors within
a float graph, while here multipliers, tables, LayerNorms, gates and the residual stream become
integers. It serves quantisation-aware training (`model.quantization.qat`).
"""

import math
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from m3vit.errors import UserError
from m3vit.model.compiled import CompiledModel
from m3vit.model.config import ViTMoEConfig
from m3vit.model.dense_prediction import ViTMoEForDensePrediction
from m3vit.model.fixed import (
    ACCUMULATOR_BITS,
    CONTEXT_FRACTION_BITS,
    GATE_FRACTION_BITS,
    LOGIT_FRACTION_BITS,
    SCORE_FRACTION_BITS,
    split_ratio,
)
from m3vit.model.heads import UpsamplingHead
from m3vit.model.layers import Attention as FloatAttention
from m3vit.model.layers import Layer as FloatLayer
from m3vit.model.loading import FloatModel
from m3vit.model.network import Description, Network, Task
from m3vit.model.parameters import (
    Attention,
    Decoder,
    Embeddings,
    Head,
    Heads,
    Layer,
    LayerNorm,
    Mlp,
    Parameters,
)
from m3vit.model.quantization import scales
from m3vit.model.vit import ViTMoEForImageClassification

from .calibrate import Calibration
from .decoders import decoder_of
from .float_model import (
    activation_function,
    backbone_of,
    float64,
    task_names,
    weights_of,
)
from .scales import HEADROOM, Floats, Scale


def compile_model(model: FloatModel, calibration: Calibration, source: str = "") -> CompiledModel:
    """Turn a float model and its ranges into integers; `source` is kept for the record."""
    return _Compiler(model, calibration).compile(source)


class _Compiler:
    """Picks tensors and ranges by name; the arithmetic is in `model.quantization.scales`."""

    def __init__(self, model: FloatModel, calibration: Calibration) -> None:
        self.model, self.calibration = model, calibration
        self.backbone = backbone_of(model)
        self.config: ViTMoEConfig = model.config
        self.tasks = task_names(model)
        self.activation = activation_function(self.config.hidden_act)
        # What the trace holds under each name; becomes part of the compiled model.
        self.scales: dict[str, Scale] = {}
        names = [name for name in calibration.high if name.endswith((".output", ".attended"))]
        stream = [name for name in names if name.startswith(("embeddings", "layers."))]
        largest = max(float(calibration.magnitude(name)) for name in stream)
        self.residual = scales.symmetric(largest, 16, HEADROOM)
        self.scales.update(dict.fromkeys(stream, self.residual))

    def compile(self, source: str) -> CompiledModel:
        """The whole model."""
        config = self.config
        if config.expert_capacity_factor is not None:
            raise UserError(
                "the integer network drops no tokens, but expert_capacity_factor is "
                f"{config.expert_capacity_factor}: set it to null in config.json"
            )
        network = self._network()
        embeddings = self._embeddings()
        layers = tuple(self._layer(index) for index in range(network.num_layers))
        final_norm, heads, outputs = self._outputs(network.head)
        ranges = config.task_expert_ranges or [[0, config.num_experts]] * len(self.tasks)
        tasks = tuple(
            Task(
                name,
                self._channels(name, network.head),
                index if config.router_type == "multi_gate" else 0,
                list(ranges[index]),
                float(outputs[name].step),
            )
            for index, name in enumerate(self.tasks)
        )
        described = {
            name: {"scale": scale.step.tolist(), "zero_point": scale.zero_point}
            for name, scale in sorted(self.scales.items())
        }
        description = Description(
            list(config.image_mean),
            list(config.image_std),
            list(config.class_names or []),
            described,
            source,
            {"calibration_images": self.calibration.images, "int16_headroom": HEADROOM},
        )
        parameters = Parameters(embeddings, layers, final_norm, heads, self._decoders())
        return CompiledModel(network, tasks, parameters, description)

    def _network(self) -> Network:
        config = self.config
        threshold = config.expert_prune_threshold
        head = "tokens"
        if isinstance(self.model, ViTMoEForImageClassification):
            head = "classification"
        elif isinstance(self.model, ViTMoEForDensePrediction) and config.head_type == "linear":
            head = "linear"
        return Network(
            image_height=config.image_height,
            image_width=config.image_width,
            channels=config.num_channels,
            patch_size=config.patch_size,
            width=config.hidden_size,
            num_layers=config.num_hidden_layers,
            num_heads=config.num_attention_heads,
            hidden=config.intermediate_size,
            expert_hidden=config.moe_intermediate_size,
            num_experts=config.num_experts,
            experts_per_token=config.num_experts_per_tok,
            moe_layers=sorted(set(cast(list[int], config.moe_layers))),
            norm_topk_prob=config.norm_topk_prob,
            prune_threshold=-1 if threshold is None else int(threshold * 2**SCORE_FRACTION_BITS),
            gate_input_ahead=config.gate_input_ahead,
            head=head,
            head_patch_grid=config.head_patch_grid if head == "linear" else 1,
            hidden_act=config.hidden_act,
            layer_norm_eps=config.layer_norm_eps,
            router_type=config.router_type,
        )

    def _channels(self, task: str, head: str) -> int:
        if head == "classification":
            return cast(ViTMoEForImageClassification, self.model).num_labels
        return self.config.task_channels[task] if head == "linear" else self.config.hidden_size

    def _int8(self, name: str) -> Scale:
        """Asymmetric scale of a named activation, from its range."""
        scale = scales.asymmetric(self.calibration.low[name], self.calibration.high[name])
        self.scales[name] = scale
        return scale

    def _int16(self, name: str) -> Scale:
        scale = scales.symmetric(self.calibration.magnitude(name), 16, HEADROOM)
        self.scales[name] = scale
        return scale

    def _per_head(self, name: str) -> Scale:
        scale = scales.symmetric(self.calibration.magnitude(name), 8)
        self.scales[name] = scale
        return scale

    def _norm(self, norm: nn.LayerNorm, target: Scale, bits: int = 8) -> LayerNorm:
        gain, bias = float64(norm.weight), float64(norm.bias)
        return scales.layer_norm(gain, bias, norm.eps, self.residual, target, bits)

    def _embeddings(self) -> Embeddings:
        """Normalisation of pixels, and 128 for their offset, join weights and bias."""
        config, embeddings = self.config, self.backbone.embeddings
        projection: Any = embeddings.patch_embeddings.projection
        kernel, bias = float64(projection.weight), float64(projection.bias)
        mean, std = (
            np.reshape(values, (-1, 1, 1)) for values in (config.image_mean, config.image_std)
        )
        weight = kernel / (255 * std)
        bias = bias - (kernel * (mean / std)).sum(axis=(1, 2, 3))
        # The float sum, not that of the codes: weight errors then act on p - 128, not on p.
        bias = bias + 128 * weight.sum(axis=(1, 2, 3))
        matrix = weight.reshape(len(weight), -1)
        pixels = Scale(np.array(1.0))
        positions = float64(embeddings.position_embeddings)[0]
        cls_row = float64(embeddings.cls_token)[0, 0] + positions[0]
        step = self.residual.step
        return Embeddings(
            scales.linear(matrix, bias, pixels, self.residual, 32),
            scales.to_codes(positions[1:], step, 16).astype(np.int16),
            scales.to_codes(cls_row, step, 16).astype(np.int16),
        )

    def _layer(self, index: int) -> Layer:
        name, layer = f"layers.{index}", cast(FloatLayer, self.backbone.layers[index])
        self.scales[f"{name}.mlp.branch"] = self.residual
        attention = self._attention(f"{name}.attention", layer)
        inputs = self._int8(f"{name}.mlp.input")
        norm = self._norm(layer.layernorm_after, inputs)
        hidden, active, table = self._activation(f"{name}.mlp")
        mlp: Any = layer.mlp
        if not layer.is_moe:
            up = scales.linear(*weights_of(mlp.fc1), inputs, hidden, 8)
            down = scales.linear(*weights_of(mlp.fc2), active, self.residual, 32)
            return Layer(attention, norm, Mlp(up, table, down))

        self._check_gate_range(name)
        if layer.gate_input_ahead:
            gate_scale = self.scales[f"{name}.mlp.gate_input"] = self.residual
        else:
            gate_scale = self._int16(f"{name}.mlp.gate_input")
            gain, bias = float64(layer.layernorm_after.weight), float64(layer.layernorm_after.bias)
            gate_affine = scales.affine(gain, bias, gate_scale, 16)
            norm = LayerNorm(norm.epsilon, norm.output, gate_affine)
        weight, bias = self._gate_weights(mlp.gate.weight)
        part = mlp.experts
        stacks = (part.up_proj, part.up_proj_bias, part.down_proj, part.down_proj_bias)
        experts = tuple(
            Mlp(
                scales.linear(up, up_bias, inputs, hidden, 8),
                table,
                scales.linear(down, down_bias, active, self.residual, 16),
            )
            for up, up_bias, down, down_bias in zip(*map(float64, stacks), strict=True)
        )
        return Layer(attention, norm, gate=scales.gate(weight, bias, gate_scale), experts=experts)

    def _attention(self, name: str, layer: FloatLayer) -> Attention:
        attention: FloatAttention = layer.attention
        inputs = self._int8(f"{name}.input")
        query, key, value = (self._per_head(f"{name}.{part}") for part in ("query", "key", "value"))
        context = self._int8(f"{name}.context")
        self.scales[f"{name}.branch"] = self.residual
        weights = [weights_of(getattr(attention, f"{part}_proj")) for part in "qkv"]
        steps = [np.repeat(part.step, attention.head_dim) for part in (query, key, value)]
        projection = scales.linear(
            np.concatenate([weight for weight, _ in weights]),
            np.concatenate([bias for _, bias in weights]),
            inputs,
            Scale(np.concatenate(steps)),
            8,
        )
        log2_units = attention.scaling * math.log2(math.e) * (1 << LOGIT_FRACTION_BITS)
        logits = split_ratio(query.step * key.step * log2_units, ACCUMULATOR_BITS)
        value_units = value.step / (context.step * (1 << CONTEXT_FRACTION_BITS))
        return Attention(
            self._norm(layer.layernorm_before, inputs),
            projection,
            Heads(*logits, 0, 16),
            Heads(*split_ratio(value_units, ACCUMULATOR_BITS), context.zero_point, 8),
            scales.linear(*weights_of(attention.o_proj), context, self.residual, 32),
        )

    def _activation(self, name: str) -> tuple[Scale, Scale, NDArray[np.int8]]:
        """Scales before and behind the activation function, and its table."""
        active = self._int8(f"{name}.activation")
        low, high = (
            float(side[f"{name}.hidden"]) for side in (self.calibration.low, self.calibration.high)
        )
        hidden = scales.asymmetric(scales.useful_low(self.activation, low, high, active), high)
        self.scales[f"{name}.hidden"] = hidden
        return hidden, active, scales.activation_table(self.activation, hidden, active)

    def _check_gate_range(self, name: str) -> None:
        largest = float(self.calibration.magnitude(f"{name}.mlp.gate_logits"))
        limit = 32767 / (1 << GATE_FRACTION_BITS) * math.log(2)
        if largest > limit:
            raise UserError(
                f"gate logits of {name} reach {largest:.1f}, beyond the {limit:.1f} of the integer "
                "gate: train with a larger router_aux_loss_coef or weight decay on the gates"
            )
        step = math.log(2) / (1 << GATE_FRACTION_BITS)
        self.scales[f"{name}.mlp.gate_logits"] = Scale(np.array(step))

    def _gate_weights(self, parameter: Tensor) -> tuple[Floats, Floats]:
        """(G, E, D) weights of the token's part, (tasks, E) logits that the task adds."""
        weight, width = float64(parameter), self.config.hidden_size
        bias = np.zeros((len(self.tasks), self.config.num_experts))
        if self.backbone.task_embedding is not None:
            with torch.no_grad():
                for index in range(len(self.tasks)):
                    embedding = float64(self.backbone.task_embedding(index))
                    bias[index] = weight[0, :, width:] @ embedding
        return weight[:, :, :width], bias

    def _decoders(self) -> dict[str, Decoder]:
        """Up-sampling heads, which stay in floats."""
        if not isinstance(self.model, ViTMoEForDensePrediction):
            return {}
        heads = {task: self.model.heads[task] for task in self.tasks}
        return {
            task: decoder_of(head)
            for task, head in heads.items()
            if isinstance(head, UpsamplingHead)
        }

    def _outputs(self, head: str) -> tuple[LayerNorm | None, dict[str, Head], dict[str, Scale]]:
        """Final LayerNorm, heads, and the scale of what leaves the network per task."""
        norm = self.backbone.layernorm
        if head == "tokens":
            if norm is None:
                return None, {}, dict.fromkeys(self.tasks, self.residual)
            target = self._int16("final_norm.output")
            return self._norm(norm, target, 16), {}, dict.fromkeys(self.tasks, target)
        heads: dict[str, Head] = {}
        outputs: dict[str, Scale] = {}
        for task in self.tasks:
            if head == "classification":
                if norm is None:
                    raise UserError(
                        "a classifier without final_layernorm has no integer form: set it to true"
                    )
                projection = cast(ViTMoEForImageClassification, self.model).classifier
            else:
                part: Any = cast(ViTMoEForDensePrediction, self.model).heads[task]
                norm, projection = part.norm, part.projection
            inputs = self._int8(f"heads.{task}.input")
            outputs[task] = self._int16(f"heads.{task}.output")
            heads[task] = Head(
                self._norm(norm, inputs),
                scales.linear(*weights_of(projection), inputs, outputs[task], 16),
            )
        return None, heads, outputs
