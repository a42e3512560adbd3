"""Import checkpoints of the original M³ViT code, and map tensors back to its names."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from m3vit.errors import UserError

from .config import ViTMoEConfig
from .dense_prediction import ViTMoEForDensePrediction
from .vit import ViTMoEModel, ViTMoEPreTrainedModel

TASK_ORDER = ("semseg", "human_parts", "sal", "normals", "edge", "depth")

# Tensors of the original that its inference never reads: distillation token, unused
# pre-logits layer, auxiliary gates and regularisation heads, multi-level and TAM outputs.
_UNUSED = re.compile(
    r"(^|\.)(dist_token|pre_logits\..*|w_gate_aux|gate(\.\d+)?\.head\.(weight|bias)"
    r"|output_level_\d\..*|tam_model\d\..*)$"
)
_EXPERTS = {
    "htoh4.weight": "up_proj",
    "htoh4.bias": "up_proj_bias",
    "h4toh.weight": "down_proj",
    "h4toh.bias": "down_proj_bias",
}
_RENAMED = (
    (r"^cls_token$", "embeddings.cls_token"),
    (r"^pos_embed$", "embeddings.position_embeddings"),
    (r"^patch_embed\.proj\.", "embeddings.patch_embeddings.projection."),
    (r"^gate_task_represent\.", "task_embedding."),
    (r"^blocks\.(\d+)\.norm1\.", r"layers.\1.layernorm_before."),
    (r"^blocks\.(\d+)\.norm2\.", r"layers.\1.layernorm_after."),
    (r"^blocks\.(\d+)\.attn\.proj\.", r"layers.\1.attention.o_proj."),
    (r"^blocks\.(\d+)\.mlp\.fc([12])\.", r"layers.\1.mlp.fc\2."),
)
_QKV = re.compile(r"^blocks\.(\d+)\.attn\.qkv\.(weight|bias)$")
_GATE = re.compile(r"^blocks\.(\d+)\.mlp\.gate\.(?:(\d+)\.)?w_gate$")
_EXPERT = re.compile(r"^blocks\.(\d+)\.mlp\.experts\.(.*)$")
_DECODER = re.compile(r"^decoders\.(\w+)\.(norm|conv_(\d)|syncbn_fc_(\d))\.(.*)$")


def from_m3vit(
    state_dict: Mapping[str, Any], options: Mapping[str, Any]
) -> ViTMoEModel | ViTMoEForDensePrediction:
    """Build a model from a checkpoint of the original M³ViT code (VITA-Group/M3ViT).

    The auxiliary loss is set up as the original computes it, its load-loss fault included
    (`router_probability_load_loss`); clear that flag to fine-tune with the corrected loss.

    Args:
        state_dict: tensors under the original's names; a training checkpoint that holds them
            under "state_dict" or "model", and prefixes "module." are understood.
        options: arguments of the original constructor `VisionTransformerMoE`.

    Returns:
        A `ViTMoEForDensePrediction` if the checkpoint has decoders, else a `ViTMoEModel`.

    Raises:
        UserError: tensors missing, extra, of another shape, or not finite; options that
            contradict each other or that the original itself cannot run.
    """
    tensors = _plain_tensors(state_dict)
    with_decoders = any(name.startswith("decoders.") for name in tensors)
    if with_decoders:
        tensors = {name.removeprefix("backbone."): value for name, value in tensors.items()}
    config = config_from_m3vit(options, tensors)
    model_class = ViTMoEForDensePrediction if with_decoders else ViTMoEModel
    model = model_class(config)
    _load(model, _rename(tensors, config, "vit." if with_decoders else ""))
    return model.eval()


def config_from_m3vit(
    options: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> ViTMoEConfig:
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


def to_m3vit(tensors: Mapping[str, Tensor], config: ViTMoEConfig) -> dict[str, Tensor]:
    """Give backbone tensors (weights, or gradients) the original's names and layouts.

    Args:
        tensors: named as in `ViTMoEModel.named_parameters()`.
        config: the model's configuration.

    Returns:
        The same values as the original backbone would hold them.
    """
    original: dict[str, Tensor] = {}
    attention = re.compile(r"^layers\.(\d+)\.attention\.([qkv])_proj\.(weight|bias)$")
    gate = re.compile(r"^layers\.(\d+)\.mlp\.gate\.weight$")
    expert = re.compile(r"^layers\.(\d+)\.mlp\.experts\.(.*)$")
    experts = {ours: theirs for theirs, ours in _EXPERTS.items()}
    for name, value in tensors.items():
        if match := attention.match(name):
            layer, part, kind = match.groups()
            if part == "q":
                parts = [
                    tensors[f"layers.{layer}.attention.{p}_proj.{kind}"] for p in ("q", "k", "v")
                ]
                original[f"blocks.{layer}.attn.qkv.{kind}"] = torch.cat(parts)
        elif match := gate.match(name):
            stem = f"blocks.{match[1]}.mlp.gate"
            if config.router_type == "multi_gate":
                for task, weight in enumerate(value):
                    original[f"{stem}.{task}.w_gate"] = weight.T
            else:
                original[f"{stem}.w_gate"] = value[0].T
        elif match := expert.match(name):
            original[f"blocks.{match[1]}.mlp.experts.{experts[match[2]]}"] = value
        else:
            original[_restore_name(name)] = value
    return original


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
    known = [task for task in TASK_ORDER if task in names]
    if len(known) < len(names):
        unknown = ", ".join(sorted(names - set(known)))
        raise UserError(f"decoders for unknown tasks {unknown}: known are {', '.join(TASK_ORDER)}")
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


def _plain_tensors(state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
    """Unwrap a training checkpoint, drop "module." and what inference never reads."""
    for wrapper in ("state_dict", "model"):
        if isinstance(state_dict.get(wrapper), Mapping):
            state_dict = state_dict[wrapper]
    tensors = {}
    for name, value in state_dict.items():
        if not isinstance(value, Tensor):
            raise UserError(
                f"'{name}' in the checkpoint is no tensor: pass the model's state_dict, or a "
                "checkpoint that holds it under 'state_dict'"
            )
        name = name.removeprefix("module.")
        if not _UNUSED.search(name):
            tensors[name] = value
    return tensors


def _rename(
    tensors: Mapping[str, Tensor], config: ViTMoEConfig, prefix: str
) -> dict[str, Tensor]:
    """Original names and layouts -> ours; unknown names stay, to be reported as extra."""
    ours: dict[str, Tensor] = {}
    gates: dict[str, dict[int, Tensor]] = {}
    for name, value in tensors.items():
        if match := _QKV.match(name):
            for part, rows in zip("qkv", value.chunk(3), strict=False):
                ours[f"{prefix}layers.{match[1]}.attention.{part}_proj.{match[2]}"] = rows
        elif match := _GATE.match(name):
            gates.setdefault(match[1], {})[int(match[2] or 0)] = value.T
        elif (match := _EXPERT.match(name)) and match[2] in _EXPERTS:
            ours[f"{prefix}layers.{match[1]}.mlp.experts.{_EXPERTS[match[2]]}"] = value
        elif match := _DECODER.match(name):
            ours[_decoder_name(match, config)] = value
        else:
            for pattern, replacement in _RENAMED:
                name, count = re.subn(pattern, prefix + replacement, name)
                if count:
                    break
            ours[name] = value
    for layer, parts in gates.items():
        if sorted(parts) != list(range(config.num_gates)):
            raise UserError(
                f"blocks.{layer}.mlp.gate has gates {sorted(parts)} but the options give "
                f"{config.num_gates}: check multi_gate and gate_dim"
            )
        shapes = {tuple(part.shape) for part in parts.values()}
        if len(shapes) > 1:
            raise UserError(f"the gates of blocks.{layer} differ in shape: {sorted(shapes)}")
        ours[f"{prefix}layers.{layer}.mlp.gate.weight"] = torch.stack(
            [parts[task] for task in sorted(parts)]
        )
    return ours


def _decoder_name(match: re.Match[str], config: ViTMoEConfig) -> str:
    """decoders.T.conv_4.weight -> heads.T.classifier.weight, and so on."""
    task, part, convolution, batch_norm, kind = match.groups()
    if part == "norm":
        return f"heads.{task}.norm.{kind}"
    if batch_norm is not None:
        return f"heads.{task}.batch_norms.{batch_norm}.{kind}"
    if int(convolution) == (4 if config.head_convolutions == 4 else 1):
        return f"heads.{task}.classifier.{kind}"
    return f"heads.{task}.convolutions.{convolution}.{kind}"


def _restore_name(name: str) -> str:
    """The original's name of a tensor that is only renamed."""
    pairs = (
        ("embeddings.cls_token", "cls_token"),
        ("embeddings.position_embeddings", "pos_embed"),
        ("embeddings.patch_embeddings.projection.", "patch_embed.proj."),
        ("task_embedding.", "gate_task_represent."),
        (".layernorm_before.", ".norm1."),
        (".layernorm_after.", ".norm2."),
        (".attention.o_proj.", ".attn.proj."),
        ("layers.", "blocks."),
    )
    for ours, theirs in pairs:
        name = name.replace(ours, theirs)
    return name


def _load(model: ViTMoEPreTrainedModel, tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors into the model after checking every name, shape and value."""
    expected = model.state_dict()
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    missing = sorted(set(expected) - set(tensors) - counters)
    extra = sorted(set(tensors) - set(expected))
    if missing:
        raise UserError(f"the checkpoint lacks {_some(missing)}: check it against the options")
    if extra:
        raise UserError(
            f"the checkpoint has tensors that the options do not explain: {_some(extra)}"
        )
    for name, value in tensors.items():
        if value.shape != expected[name].shape:
            raise UserError(
                f"{name} has shape {tuple(value.shape)} in the checkpoint but the options give "
                f"{tuple(expected[name].shape)}"
            )
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise UserError(f"{name} holds NaN or infinite values: the checkpoint is damaged")
    model.load_state_dict({name: value for name, value in tensors.items()}, strict=False)


def _some(names: list[str]) -> str:
    """The first names of a list, and how many more there are."""
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
