"""Import checkpoints of the original M³ViT code, and map tensors back to its names."""

import json
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from m3vit.errors import UserError
from m3vit.files import atomic_path

from .config import IMAGENET_MEAN, IMAGENET_STD, ViTMoEConfig
from .dense_prediction import ViTMoEForDensePrediction
from .image_processor import image_processor
from .m3vit_options import config_from_m3vit
from .vit import ViTMoEModel, ViTMoEPreTrainedModel

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
    tensors = {name.removeprefix("backbone."): value for name, value in tensors.items()}
    config = config_from_m3vit(options, tensors)
    model_class = ViTMoEForDensePrediction if with_decoders else ViTMoEModel
    model = model_class(config)
    _load(model, _rename(tensors, config, "vit." if with_decoders else ""))
    return model.eval()


def import_checkpoint(
    checkpoint: Path, options: Path, output: Path, imagenet_normalisation: bool = False
) -> ViTMoEModel | ViTMoEForDensePrediction:
    """Convert checkpoint and options files into a Hugging Face model directory.

    Args:
        checkpoint: what the original saved with `torch.save`.
        options: JSON object of the constructor's arguments.
        output: directory to create or replace, as a whole or not at all.
        imagenet_normalisation: the model was trained on images normalised with ImageNet's mean
            and deviation (NYUD-v2, PASCAL-Context) instead of raw pixels in [0, 1] (Cityscapes).

    Returns:
        The model that was written.

    Raises:
        UserError: a file cannot be read, or as `from_m3vit`.
    """
    try:
        arguments = json.loads(options.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the options {options}: {error}") from None
    if not isinstance(arguments, dict):
        raise UserError(f"{options} must hold one JSON object of constructor arguments")
    try:
        state_dict = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(
            f"cannot read the checkpoint {checkpoint}: {reason}; it must be a file of plain "
            "tensors written by torch.save(model.state_dict(), ...)"
        ) from None
    if not isinstance(state_dict, Mapping):
        raise UserError(f"{checkpoint} holds no state_dict: save model.state_dict()")
    model = from_m3vit(state_dict, arguments)
    config = model.config
    if imagenet_normalisation:
        config.image_mean, config.image_std = IMAGENET_MEAN, IMAGENET_STD
    with atomic_path(output) as directory:
        model.save_pretrained(directory)
        image_processor(config).save_pretrained(directory)
    return model


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


def _rename(tensors: Mapping[str, Tensor], config: ViTMoEConfig, prefix: str) -> dict[str, Tensor]:
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
    model.load_state_dict(dict(tensors), strict=False)


def _some(names: list[str]) -> str:
    """The first names of a list, and how many more there are."""
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
