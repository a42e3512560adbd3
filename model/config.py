"""What the network is: widths, depth, experts, gates, tasks and heads.

Axis letters, used in every docstring of the project:

    B batch          T tokens (one class token, then N patches, row-major)
    D embedding width   H attention heads   L layers
    E experts        K experts kept per token   F hidden width of an MLP or expert
    C output channels of a task
"""

from dataclasses import field
from typing import Any, ClassVar, Literal, get_args

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from m3vit.errors import UserError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the pixels in [0, 1] that NYUD-v2 and PASCAL-Context models are trained on, per channel."""

RouterType = Literal["multi_gate", "task_embedding", "shared"]
HeadType = Literal["linear", "upsampling"]
DepthLoss = Literal["l1", "rmse"]


@strict
class ViTMoEConfig(PreTrainedConfig):
    """Configuration of a (multi-task) mixture-of-experts vision transformer.

    Names follow transformers' `ViTConfig` and its mixture-of-experts models. The defaults
    that differ from those are M³ViT's: `layer_norm_eps` 1e-6, `norm_topk_prob` False.

    Args:
        intermediate_size: F of the dense MLP; 0 stands for 4 D.
        moe_intermediate_size: F of one expert; 0 stands for `intermediate_size`.
        num_experts: E. Alias `num_local_experts`.
        num_experts_per_tok: K. Aliases `num_experts_per_token`, `experts_per_token`.
        moe_layers: indices of the MoE layers; None: every odd one (M³ViT). Empty: a dense ViT.
        norm_topk_prob: renormalise the K kept scores to sum to one.
        router_aux_loss_coef: weight of the summed importance and load losses.
        router_jitter_noise: the gate's input is multiplied by uniform(1 - j, 1 + j) in training.
        router_noise_std: Gaussian gate noise in training, standard deviation this / E (V-MoE).
        router_probability_load_loss: reproduce a fault of the original M³ViT code, whose load
            loss compares softmax probabilities with raw logits; only for comparison with it.
        router_type: "multi_gate" one gate per task; "task_embedding" one gate on the token
            joined with a learnt task embedding; "shared" one gate that ignores the task.
        expert_capacity_factor: None: dropless. Otherwise an expert takes at most
            ceil(T K factor / E) tokens of an image, rounded up to a multiple of four; first
            choices are seated before second ones and what does not fit is dropped (V-MoE).
        expert_prune_threshold: kept scores at or below it count as zero (M³ViT: 0.1).
        gate_input_ahead: the gate reads the block's input instead of the normalised MLP input.
        task_expert_ranges: per task the half-open range of experts its gate may choose from.
        sincos_positions: position embeddings start as sines and cosines of row and column instead
            of small random numbers; they stay trainable. Small training runs gain from it.
        attention_scale: factor on query-key products; default head_dim ** -0.5.
        final_layernorm: LayerNorm behind the last block (ViT has one, M³ViT's backbone none).
        num_tasks: 0 stands for the number of `tasks`, at least one.
        tasks: names of the dense tasks; a task's id is its position.
        task_channels: output channels per task.
        task_weights: loss weight per task; default 1.
        depth_loss: "l1" (M³ViT) or "rmse", see `m3vit.model.training.losses.task_loss`.
        head_type: "linear" (LayerNorm, projection, bilinear) or "upsampling" (M³ViT's decoder).
        head_patch_grid: the linear head predicts g x g cells per patch; 1 is a 1x1 projection.
        head_convolutions: of the up-sampling head, 4 or 2.
        head_kernel_size: of its first convolution when there are two, 3 or 1.
        image_mean, image_std: per channel, applied to pixels in [0, 1].
        class_names: of the semantic segmentation, for legends.

    Raises:
        UserError: values that contradict each other.
    """

    model_type = "vit_moe"
    attribute_map: ClassVar[dict[str, str]] = {
        "num_local_experts": "num_experts",
        "num_experts_per_token": "num_experts_per_tok",
        "experts_per_token": "num_experts_per_tok",
    }

    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 0
    hidden_act: str = "gelu"
    hidden_dropout_prob: float | int = 0.0
    attention_probs_dropout_prob: float | int = 0.0
    drop_path_rate: float | int = 0.0
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-6
    image_size: int | list[int] | tuple[int, int] = 224
    patch_size: int = 16
    num_channels: int = 3
    qkv_bias: bool = True
    sincos_positions: bool = False
    attention_scale: float | None = None
    final_layernorm: bool = True

    num_experts: int = 8
    num_experts_per_tok: int = 2
    moe_intermediate_size: int = 0
    moe_layers: list[int] | tuple[int, ...] | None = None
    norm_topk_prob: bool = False
    output_router_logits: bool = False
    router_aux_loss_coef: float | int = 0.01
    router_jitter_noise: float | int = 0.0
    router_noise_std: float | int = 0.0
    router_probability_load_loss: bool = False
    router_type: str = "multi_gate"
    task_embedding_size: int = 64
    expert_capacity_factor: float | int | None = None
    expert_prune_threshold: float | None = None
    gate_input_ahead: bool = False
    task_expert_ranges: list[list[int]] | None = None

    num_tasks: int = 0
    tasks: list[str] | tuple[str, ...] = ()
    task_channels: dict[str, int] = field(default_factory=dict)
    task_weights: dict[str, float | int] = field(default_factory=dict)
    depth_loss: str = "l1"
    head_type: str = "linear"
    head_patch_grid: int = 1
    head_convolutions: int = 4
    head_kernel_size: int = 3
    image_mean: list[float] | tuple[float, ...] = (0.5, 0.5, 0.5)
    image_std: list[float] | tuple[float, ...] = (0.5, 0.5, 0.5)
    class_names: list[str] | tuple[str, ...] | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)  # sets aliased names, so derived values come after it
        self.intermediate_size = self.intermediate_size or 4 * self.hidden_size
        self.moe_intermediate_size = self.moe_intermediate_size or self.intermediate_size
        odd = range(1, self.num_hidden_layers, 2)
        self.moe_layers = list(odd if self.moe_layers is None else self.moe_layers)
        self.num_tasks = self.num_tasks or max(1, len(self.tasks))
        self.tasks = list(self.tasks)
        self.task_weights = dict.fromkeys(self.tasks, 1.0) | self.task_weights
        self._check()

    def _check(self) -> None:
        """Refuse contradictions with a sentence that says which values clash."""
        sizes = {
            name: getattr(self, name)
            for name in (
                "hidden_size",
                "num_hidden_layers",
                "num_attention_heads",
                "patch_size",
                "num_channels",
                "head_patch_grid",
            )
        }
        for name, size in sizes.items():
            if size < 1:
                raise UserError(f"{name} must be at least 1, not {size}")
        height, width = self.image_height, self.image_width
        rules = [
            (
                self.hidden_size % self.num_attention_heads == 0,
                f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads "
                f"{self.num_attention_heads}: choose a width that the heads divide",
            ),
            (
                height % self.patch_size == 0 and width % self.patch_size == 0,
                f"image_size {height}x{width} is not a multiple of patch_size {self.patch_size}: "
                "choose an image size that the patches tile",
            ),
            (
                1 <= self.num_experts_per_tok <= self.num_experts,
                f"num_experts_per_tok {self.num_experts_per_tok} must lie between 1 and "
                f"num_experts {self.num_experts}",
            ),
            (
                all(0 <= layer < self.num_hidden_layers for layer in self.moe_layers or ()),
                f"moe_layers {self.moe_layers} must be indices below num_hidden_layers "
                f"{self.num_hidden_layers}",
            ),
            (
                self.router_type in get_args(RouterType),
                f"router_type '{self.router_type}' is none of multi_gate, task_embedding, shared",
            ),
            (
                self.head_type in get_args(HeadType),
                f"head_type '{self.head_type}' is none of linear, upsampling",
            ),
            (
                self.depth_loss in get_args(DepthLoss),
                f"depth_loss '{self.depth_loss}' is none of l1, rmse",
            ),
            (
                not self.tasks or self.num_tasks == len(self.tasks),
                f"num_tasks {self.num_tasks} contradicts the {len(self.tasks)} tasks "
                f"{', '.join(self.tasks)}: leave num_tasks out",
            ),
            (
                set(self.tasks) <= set(self.task_channels),
                f"task_channels names {sorted(self.task_channels)} but the tasks are "
                f"{list(self.tasks)}: give the output channels of every task",
            ),
            (
                self.patch_size % self.head_patch_grid == 0,
                f"head_patch_grid {self.head_patch_grid} does not divide patch_size "
                f"{self.patch_size}",
            ),
            (
                len(self.image_mean) == len(self.image_std) == self.num_channels,
                f"image_mean and image_std need one value for each of the {self.num_channels} "
                "channels",
            ),
        ]
        for holds, sentence in rules:
            if not holds:
                raise UserError(sentence)
        for start, stop in self.task_expert_ranges or ():
            if not (start >= 0 and start + self.num_experts_per_tok <= stop <= self.num_experts):
                raise UserError(
                    f"task_expert_ranges entry [{start}, {stop}) must hold at least "
                    f"num_experts_per_tok {self.num_experts_per_tok} of the {self.num_experts} "
                    "experts"
                )
        if self.task_expert_ranges and len(self.task_expert_ranges) != self.num_tasks:
            raise UserError(
                f"task_expert_ranges has {len(self.task_expert_ranges)} entries for "
                f"{self.num_tasks} tasks: give one range per task"
            )

    @property
    def image_height(self) -> int:
        """Pixels."""
        return self.image_size if isinstance(self.image_size, int) else self.image_size[0]

    @property
    def image_width(self) -> int:
        """Pixels."""
        return self.image_size if isinstance(self.image_size, int) else self.image_size[1]

    @property
    def grid(self) -> tuple[int, int]:
        """Patches (down, across); N is their product."""
        return self.image_height // self.patch_size, self.image_width // self.patch_size

    @property
    def first_moe_layer(self) -> int:
        """Index of the first layer whose result depends on the task; L without MoE layers."""
        return min(self.moe_layers or (), default=self.num_hidden_layers)

    def is_moe(self, layer: int) -> bool:
        """Whether a layer's MLP is a mixture of experts."""
        return layer in (self.moe_layers or ())

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def num_gates(self) -> int:
        """Gates per MoE layer."""
        return self.num_tasks if self.router_type == "multi_gate" else 1


def even_expert_ranges(num_experts: int, per_task: int, num_tasks: int) -> list[list[int]]:
    """Spread ranges of `per_task` experts evenly over the experts, the first at 0, the last at E.

    This is what M³ViT's `regu_experts_fromtask` means to do; its own code adds the offsets up
    and leaves the experts from the third task on.

    Returns:
        (tasks, 2) half-open ranges; they overlap where per_task * tasks exceeds E.
    """
    if num_tasks == 1:
        return [[0, per_task]]
    starts = [task * (num_experts - per_task) // (num_tasks - 1) for task in range(num_tasks)]
    return [[start, start + per_task] for start in starts]
