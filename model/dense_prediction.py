"""M³ViT itself: one backbone, a gate per task, a decoder head per task."""

from typing import Any

from torch import Tensor, nn

from m3vit.errors import UserError

from .config import ViTMoEConfig
from .heads import build_head, upsample
from .training.losses import task_loss
from .vit import ViTMoEModel, ViTMoEModelOutput, ViTMoEPreTrainedModel


class DensePredictions(dict[str, Tensor]):
    """Task name -> (B, C, H, W) logits at input resolution, with what else was computed.

    Attributes:
        loss: scalar weighted sum, if labels were given.
        losses: unweighted loss per task, if labels were given.
        aux_loss: scalar, summed over tasks and MoE layers; None without MoE layers.
        backbone: the backbone's output per task (hidden states, router logits...).
    """

    def __init__(
        self,
        logits: dict[str, Tensor],
        backbone: dict[str, ViTMoEModelOutput],
        losses: dict[str, Tensor],
        aux_loss: Tensor | None,
        loss: Tensor | None,
    ) -> None:
        super().__init__(logits)
        self.backbone, self.losses, self.aux_loss, self.loss = backbone, losses, aux_loss, loss


class ViTMoEForDensePrediction(ViTMoEPreTrainedModel):
    """Multi-task dense prediction with a mixture-of-experts vision transformer (M³ViT)."""

    def __init__(self, config: ViTMoEConfig) -> None:
        super().__init__(config)
        if not config.tasks:
            raise UserError("a dense-prediction model needs tasks: set tasks and task_channels")
        self.vit = ViTMoEModel(config, add_final_layernorm=False)
        self.heads = nn.ModuleDict({task: build_head(config, task) for task in config.tasks})
        self.post_init()

    def forward(
        self,
        pixel_values: Tensor,
        tasks: list[str] | tuple[str, ...] | None = None,
        labels: dict[str, Tensor] | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        output_router_logits: bool | None = None,
    ) -> DensePredictions:
        """Predict one task, several, or all.

        Only the gates, experts and heads of the named tasks are computed.

        Args:
            pixel_values: (B, channels, H, W), normalised.
            tasks: names; None means all of `config.tasks`.
            labels: per task, in the form `model.training.losses.task_loss` takes.

        Returns:
            DensePredictions, in the order of `tasks`.

        Raises:
            UserError: a task that the model does not have.
        """
        config: Any = self.config
        names = list(config.tasks if tasks is None else tasks)
        for name in names:
            if name not in self.heads:
                raise UserError(f"no task '{name}': this model has {', '.join(config.tasks)}")
        outputs = self.vit.run_tasks(
            pixel_values,
            [config.tasks.index(name) for name in names],
            output_hidden_states,
            output_attentions,
            output_router_logits,
        )
        size = (config.image_height, config.image_width)
        logits = {
            name: upsample(self.heads[name](output.last_hidden_state), size)
            for name, output in zip(names, outputs, strict=True)
        }
        # Tasks that shared one pass also share its auxiliary loss; count it once.
        passes = {id(output): output for output in outputs}.values()
        aux_losses = [output.aux_loss for output in passes if output.aux_loss is not None]
        aux_loss = sum(aux_losses[1:], aux_losses[0]) if aux_losses else None
        losses: dict[str, Tensor] = {}
        loss = None
        if labels is not None:
            losses = {
                name: task_loss(name, logits[name], labels[name], config.depth_loss)
                for name in names
            }
            loss = sum(config.task_weights[name] * losses[name] for name in names)
            if aux_loss is not None and self.training:
                loss = loss + config.router_aux_loss_coef * aux_loss
        backbone = dict(zip(names, outputs, strict=True))
        return DensePredictions(logits, backbone, losses, aux_loss, loss)
