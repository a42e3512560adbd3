"""Translate the arguments of the original M³ViT constructor into our configuration."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from m3vit.errors import UserError

from .config import ViTMoEConfig
from .tasks import TASKS


def config_from_m3vit(options: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> ViTMoEConfig:
    """Translate the original constructor's arguments; decoder sizes come from the tensors."""
    option = _Options(options)
    width, experts = option.integer("embed_dim"), option.integer("moe_experts", 64)
    if option.value("hybrid_backbone") is not None:
        raise UserError("hybrid_backbone is not supported: import a checkpoint without it")
    if option.value("moe_gate_type", "noisy") != "noisy_vmoe":
        raise UserError(
            "moe_gate_type 'noisy' cannot run in the original code either (its constructor "
            "rejects the arguments it is given): set moe_gate_type to noisy_vmoe"
        )
    multi_gate = option.flag("multi_gate")
    embedding = option.integer("gate_task_specific_dim", -1)
    gate_dim = option.integer("gate_dim", -1)
    if multi_gate and embedding >= 0:
        raise UserError(
            "multi_gate and gate_task_specific_dim exclude each other: the original does not "
            "feed a task embedding to per-task gates"
        )
    if (multi_gate or embedding >= 0) and gate_dim <= width:
        raise UserError(
            f"gate_dim {gate_dim} must be embed_dim {width} plus the number of tasks, "
            "because the original derives the number of tasks from it"
        )
    router_type = "multi_gate" if multi_gate else "task_embedding" if embedding >= 0 else "shared"
    routed_tasks = gate_dim - width if gate_dim > width else max(1, option.integer("num_tasks", 1))
    mlp_ratio = option.number("mlp_ratio", 4.0)
    moe_ratio = option.number("moe_mlp_ratio", -1)
    heads = _head_fields(tensors)
    if heads and router_type != "shared" and len(heads["tasks"]) != routed_tasks:
        raise UserError(
            f"gate_dim {gate_dim} gives {routed_tasks} tasks but the checkpoint has decoders for "
            f"{', '.join(heads['tasks'])}: correct gate_dim to embed_dim plus the tasks"
        )
    return ViTMoEConfig(
        image_size=option.image_size(),
        patch_size=option.integer("patch_size", 16),
        num_channels=option.integer("in_chans", 3),
        hidden_size=width,
        num_hidden_layers=option.integer("depth", 24),
        num_attention_heads=option.integer("num_heads", 16),
        intermediate_size=int(width * mlp_ratio),
        moe_intermediate_size=int(width * (mlp_ratio if moe_ratio < 0 else moe_ratio)),
        qkv_bias=option.flag("qkv_bias", True),
        attention_scale=option.value("qk_scale"),
        hidden_dropout_prob=option.number("drop_rate", 0.1),
        attention_probs_dropout_prob=option.number("attn_drop_rate", 0.0),
        drop_path_rate=option.number("drop_path_rate", 0.0),
        final_layernorm=False,
        num_experts=experts,
        num_experts_per_tok=option.integer("moe_top_k", 2),
        router_type=router_type,
        router_noise_std=option.number("vmoe_noisy_std", 1.0),
        router_aux_loss_coef=0.01,
        router_probability_load_loss=True,
        task_embedding_size=max(embedding, 1),
        expert_prune_threshold=0.1 if option.flag("expert_prune") else None,
        gate_input_ahead=option.flag("gate_input_ahead"),
        task_expert_ranges=_expert_ranges(option, experts, routed_tasks, multi_gate),
        image_mean=[0.0] * option.integer("in_chans", 3),
        image_std=[1.0] * option.integer("in_chans", 3),
        **(heads or {"num_tasks": routed_tasks}),
    )


class _Options:
    """Typed access to the original constructor's arguments."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options

    def value(self, name: str, default: Any = None) -> Any:
        found = self._options.get(name, default)
        return default if found is None else found

    def number(self, name: str, default: float | None = None) -> float:
        found = self.value(name, default)
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise UserError(f"option {name} must be a number, not {found!r}")
        return float(found)

    def integer(self, name: str, default: int | None = None) -> int:
        found = self.number(name, default)
        if found != int(found):
            raise UserError(f"option {name} must be a whole number, not {found!r}")
        return int(found)

    def flag(self, name: str, default: bool = False) -> bool:
        # The published YAML files say `qkv_bias: True,`, a string that Python takes for true.
        return bool(self.value(name, default))

    def image_size(self) -> list[int]:
        size = self.value("img_size", 384)
        sizes = [size, size] if isinstance(size, int) else list(size)
        if len(sizes) != 2 or not all(isinstance(side, int) for side in sizes):
            raise UserError(f"option img_size must be one or two whole numbers, not {size!r}")
        return sizes


def _expert_ranges(
    option: _Options, experts: int, tasks: int, multi_gate: bool
) -> list[list[int]] | None:
    """The slices of experts that `regu_experts_fromtask` gives each task, as the original does.

    It adds up what are meant to be absolute offsets; a checkpoint was trained with those.
    """
    if not option.flag("regu_experts_fromtask"):
        return None
    if multi_gate:
        raise UserError(
            "multi_gate and regu_experts_fromtask exclude each other: the original would address "
            "experts that do not exist"
        )
    tasks = max(option.integer("num_tasks", -1), tasks)
    per_task = option.integer("num_experts_pertask", -1)
    if tasks < 2 or per_task < 1:
        raise UserError(
            "regu_experts_fromtask needs num_tasks of at least 2 and num_experts_pertask of at "
            "least 1"
        )
    ranges, start = [], 0
    for task in range(tasks):
        start += int(task * (experts - per_task) / (tasks - 1))
        ranges.append([start, min(start + per_task, experts)])
    return ranges


def _head_fields(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Tasks, channels and shape of the decoders, read off the checkpoint; empty without any."""
    names = {name.split(".")[1] for name in tensors if name.startswith("decoders.")}
    if not names:
        return {}
    known = [task for task in TASKS if task in names]
    if len(known) < len(names):
        unknown = ", ".join(sorted(names - set(known)))
        raise UserError(f"decoders for unknown tasks {unknown}: known are {', '.join(TASKS)}")
    convolutions = 4 if f"decoders.{known[0]}.conv_4.weight" in tensors else 2
    last = "conv_4" if convolutions == 4 else "conv_1"
    for task in known:
        for needed in (f"decoders.{task}.conv_0.weight", f"decoders.{task}.{last}.weight"):
            if needed not in tensors:
                raise UserError(f"the checkpoint lacks the tensor {needed}")
    channels = {task: tensors[f"decoders.{task}.{last}.weight"].shape[0] for task in known}
    return {
        "tasks": known,
        "task_channels": channels,
        "head_type": "upsampling",
        "head_convolutions": convolutions,
        "head_kernel_size": tensors[f"decoders.{known[0]}.conv_0.weight"].shape[-1],
    }
