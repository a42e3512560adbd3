"""The backbone and the image classifier, in Hugging Face's conventions."""

import math
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForImageClassification,
    PreTrainedModel,
)
from transformers import initialization as init
from transformers.utils.generic import ModelOutput

from m3vit.errors import UserError

from .config import ViTMoEConfig
from .layers import Embeddings, Layer, sincos_positions
from .moe import Experts
from .router import Router


@dataclass
class ViTMoEModelOutput(ModelOutput):
    """What the backbone returns.

    Attributes:
        last_hidden_state: (B, T, D) behind the final LayerNorm, if the model has one.
        hidden_states: L + 1 tensors (B, T, D): the embeddings, then the residual stream after
            every block.
        attentions: L tensors (B, H, T, T).
        router_logits: per MoE layer (B*T, E').
        router_experts: per MoE layer (B*T, K) chosen experts.
        router_scores: per MoE layer (B*T, K) their scores.
        aux_loss: importance and load losses summed over the MoE layers; None without any.
    """

    last_hidden_state: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None
    router_logits: tuple[Tensor, ...] | None = None
    router_experts: tuple[Tensor, ...] | None = None
    router_scores: tuple[Tensor, ...] | None = None
    aux_loss: Tensor | None = None


@dataclass
class ViTMoEClassifierOutput(ModelOutput):
    """As `ViTMoEModelOutput`, with `logits` (B, num_labels) and, given labels, `loss`."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None
    router_logits: tuple[Tensor, ...] | None = None
    aux_loss: Tensor | None = None


class TaskEmbedding(nn.Module):
    """Learnt description of a task: one-hot -> fc1 -> GELU -> fc2 -> LayerNorm.

    Source: M³ViT (arXiv 2210.14793) section 3.2, the task-conditioned gate.
    """

    def __init__(self, config: ViTMoEConfig) -> None:
        super().__init__()
        width = config.task_embedding_size
        self.fc1 = nn.Linear(config.num_tasks, width)
        self.fc2 = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=config.layer_norm_eps)

    def forward(self, task_id: int) -> Tensor:
        """The (task_embedding_size,) embedding of one task."""
        one_hot = torch.zeros_like(self.fc1.weight[0])
        one_hot[task_id] = 1.0
        return self.norm(self.fc2(nn.functional.gelu(self.fc1(one_hot))))


class ViTMoEPreTrainedModel(PreTrainedModel):
    """Initialisation and saving shared by all models of the family."""

    config: ViTMoEConfig
    config_class = ViTMoEConfig
    base_model_prefix = "vit"
    main_input_name = "pixel_values"
    input_modalities = ["image"]  # noqa: RUF012
    _no_split_modules = ["Embeddings", "Layer"]  # noqa: RUF012

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """M³ViT's initialisation: truncated normal, experts and gates uniform as in fastmoe."""
        std = self.config.initializer_range
        if isinstance(module, nn.Linear | nn.Conv2d):
            init.trunc_normal_(module.weight, mean=0.0, std=std)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm | nn.BatchNorm2d):
            init.ones_(module.weight)
            init.zeros_(module.bias)
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
        elif isinstance(module, Embeddings):
            init.trunc_normal_(module.cls_token, mean=0.0, std=std)
            init.trunc_normal_(module.position_embeddings, mean=0.0, std=std)
            if self.config.sincos_positions:
                waves = sincos_positions(self.config.grid, self.config.hidden_size)
                init.copy_(module.position_embeddings[0, 1:], waves)
        elif isinstance(module, Router):
            bound = 1.0 / math.sqrt(module.num_experts)
            init.uniform_(module.weight, -bound, bound)
        elif isinstance(module, Experts):
            bound = 1.0 / math.sqrt(module.up_proj[0].numel())
            init.uniform_(module.up_proj, -bound, bound)
            init.uniform_(module.down_proj, -bound, bound)
            init.zeros_(module.up_proj_bias)
            init.zeros_(module.down_proj_bias)


class ViTMoEModel(ViTMoEPreTrainedModel):
    """Vision transformer whose MLPs may be mixtures of experts: pixels to tokens.

    Args:
        config: the network.
        add_final_layernorm: None follows `config.final_layernorm`; the dense-prediction model,
            whose heads normalise for themselves, passes False.
    """

    def __init__(self, config: ViTMoEConfig, add_final_layernorm: bool | None = None) -> None:
        super().__init__(config)
        with_norm = config.final_layernorm if add_final_layernorm is None else add_final_layernorm
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList(
            Layer(config, index) for index in range(config.num_hidden_layers)
        )
        self.layernorm = (
            nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps) if with_norm else None
        )
        needs_embedding = config.router_type == "task_embedding" and bool(config.moe_layers)
        self.task_embedding = TaskEmbedding(config) if needs_embedding else None
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """The patch embedding, as in transformers' ViT."""
        return self.embeddings.patch_embeddings

    def forward(
        self,
        pixel_values: Tensor,
        task_id: int | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        output_router_logits: bool | None = None,
        return_dict: bool | None = None,
    ) -> ViTMoEModelOutput | tuple[Any, ...]:
        """Run the backbone for one task.

        Args:
            pixel_values: (B, channels, image height, image width), normalised.
            task_id: position of the task in `config.tasks`; may be None where routing does
                not depend on it.
            output_hidden_states, output_attentions, output_router_logits: also return these;
                None follows the configuration.
            return_dict: False returns the plain tuple of what was computed.

        Returns:
            ViTMoEModelOutput.

        Raises:
            ValueError: the image has another shape than the model's.
            UserError: the model routes by task and `task_id` is None or out of range.
        """
        outputs = self.run_tasks(
            pixel_values, [task_id], output_hidden_states, output_attentions, output_router_logits
        )[0]
        as_dict = self.config.return_dict if return_dict is None else return_dict
        return outputs if as_dict else outputs.to_tuple()

    def run_tasks(
        self,
        pixel_values: Tensor,
        task_ids: list[int | None],
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        output_router_logits: bool | None = None,
    ) -> list[ViTMoEModelOutput]:
        """Run several tasks on the same images; what precedes the first gate runs once.

        With a shared gate nothing depends on the task, so all tasks share one pass.

        Args:
            pixel_values: as in `forward`.
            task_ids: one entry per wanted pass.

        Returns:
            One output per entry of `task_ids`.
        """
        config = self.config
        for task_id in task_ids:
            if task_id is not None and not 0 <= task_id < config.num_tasks:
                raise UserError(
                    f"task_id {task_id} is out of range: the model has {config.num_tasks} tasks"
                )
        want_hidden = _either(output_hidden_states, config.output_hidden_states)
        want_weights = _either(output_attentions, config.output_attentions)
        want_logits = _either(output_router_logits, config.output_router_logits)

        layers = [cast(Layer, layer) for layer in self.layers]
        first_gate = config.first_moe_layer
        hidden = self.embeddings(pixel_values)
        states: list[Tensor] = [hidden]
        weights: list[Tensor | None] = []
        for layer in layers[:first_gate]:
            block_input = hidden
            hidden, attention = layer.attend(block_input, want_weights)
            hidden, _ = layer.transform(hidden, block_input, None, None)
            states.append(hidden)
            weights.append(attention)
        attended = None
        if first_gate < len(layers):
            attended = layers[first_gate].attend(hidden, want_weights)

        depends_on_task = config.router_type != "shared" or config.task_expert_ranges is not None
        results: list[ViTMoEModelOutput] = []
        for task_id in task_ids:
            if results and not (depends_on_task and attended is not None):
                results.append(results[0])
                continue
            result = self._finish(
                hidden, attended, layers[first_gate:], task_id, want_weights, states, weights
            )
            if not want_hidden:
                result.hidden_states = None
            if not want_weights:
                result.attentions = None
            if not want_logits:
                result.router_logits = result.router_experts = result.router_scores = None
            results.append(result)
        return results

    def _finish(
        self,
        hidden: Tensor,
        attended: tuple[Tensor, Tensor | None] | None,
        remaining: list[Layer],
        task_id: int | None,
        want_weights: bool,
        states: list[Tensor],
        weights: list[Tensor | None],
    ) -> ViTMoEModelOutput:
        """From the first gate to the end for one task; everything that can be output."""
        states, weights = list(states), list(weights)
        task_embedding = None
        if self.task_embedding is not None and task_id is not None:
            task_embedding = self.task_embedding(task_id)
        routings = []
        for layer in remaining:
            block_input = hidden
            if attended is None:
                attended = layer.attend(block_input, want_weights)
            hidden, routing = layer.transform(attended[0], block_input, task_id, task_embedding)
            states.append(hidden)
            weights.append(attended[1])
            attended = None
            if routing is not None:
                routings.append(routing)
        return ViTMoEModelOutput(
            last_hidden_state=hidden if self.layernorm is None else self.layernorm(hidden),
            hidden_states=tuple(states),
            attentions=tuple(weight for weight in weights if weight is not None),
            router_logits=tuple(routing.logits for routing in routings),
            router_experts=tuple(routing.experts for routing in routings),
            router_scores=tuple(routing.scores for routing in routings),
            aux_loss=torch.stack([r.aux_loss for r in routings]).sum() if routings else None,
        )


class ViTMoEForImageClassification(ViTMoEPreTrainedModel):
    """A linear classifier on the class token of the backbone."""

    def __init__(self, config: ViTMoEConfig) -> None:
        super().__init__(config)
        self.num_labels = len(config.id2label or {})
        self.vit = ViTMoEModel(config)
        self.classifier = nn.Linear(config.hidden_size, self.num_labels)
        self.post_init()

    def forward(
        self,
        pixel_values: Tensor,
        labels: Tensor | None = None,
        task_id: int | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        output_router_logits: bool | None = None,
        return_dict: bool | None = None,
    ) -> ViTMoEClassifierOutput | tuple[Any, ...]:
        """Classify (B, channels, h, w) images.

        The auxiliary loss, times `router_aux_loss_coef`, joins `loss` in training and whenever
        router logits are asked for.

        Args:
            labels: (B,) class indices, or (B,) / (B, num_labels) floats for regression.
        """
        outputs = self.vit.run_tasks(
            pixel_values, [task_id], output_hidden_states, output_attentions, output_router_logits
        )[0]
        logits = self.classifier(cast(Tensor, outputs.last_hidden_state)[:, 0])
        loss = None
        if labels is not None:
            loss = self.loss_function(labels, logits, self.config)
            if outputs.aux_loss is not None and (self.training or outputs.router_logits):
                loss = loss + self.config.router_aux_loss_coef * outputs.aux_loss
        result = ViTMoEClassifierOutput(
            loss=loss,
            logits=logits,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
            router_logits=outputs.router_logits,
            aux_loss=outputs.aux_loss,
        )
        as_dict = self.config.return_dict if return_dict is None else return_dict
        return result if as_dict else result.to_tuple()


def _either(argument: bool | None, default: bool | None) -> bool:
    """An argument, or the configuration's default where it is None."""
    return bool(default if argument is None else argument)


AutoConfig.register(ViTMoEConfig.model_type, ViTMoEConfig, exist_ok=True)
AutoModel.register(ViTMoEConfig, ViTMoEModel, exist_ok=True)
AutoModelForImageClassification.register(ViTMoEConfig, ViTMoEForImageClassification, exist_ok=True)
