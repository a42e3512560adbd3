"""The shapes of a network, read without torch from a float or a compiled model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m3vit.errors import UserError
from m3vit.model.compiled import CompiledModel


@dataclass(frozen=True)
class Shape:
    """What of a network decides its cost.

    Attributes:
        image: height and width in pixels. patch: pixels. channels: of the image.
        width: D. layers: L. hidden: F of the dense MLP. expert_hidden: F of one expert.
        experts: E. kept: K. moe_layers: indices. gates: per MoE layer.
        task_embedding: inputs of a gate beside the D of a token.
        tasks: output channels C by task name; one task "features" where there is no head.
        ranges: by task the half-open range of experts that its gate chooses from.
        head: "linear", "upsampling", "classification" or "tokens".
        cells: g of the linear head. convolutions, kernel: of the up-sampling head.
        norms: LayerNorms outside of blocks and heads.
        attention_biases: biases of the query, key and value projections.
    """

    image: tuple[int, int]
    patch: int
    channels: int
    width: int
    layers: int
    hidden: int
    expert_hidden: int
    experts: int
    kept: int
    moe_layers: tuple[int, ...]
    gates: int
    tasks: Mapping[str, int]
    ranges: Mapping[str, tuple[int, int]]
    head: str
    task_embedding: int = 0
    cells: int = 1
    convolutions: int = 4
    kernel: int = 3
    norms: int = 0
    attention_biases: bool = True

    @property
    def patches(self) -> int:
        """N."""
        return (self.image[0] // self.patch) * (self.image[1] // self.patch)

    @property
    def tokens(self) -> int:
        """T: the class token and the patches."""
        return 1 + self.patches

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Shape":
        """Read the content of a float model's `config.json`, whose absent keys mean defaults.

        Raises:
            UserError: it is not the configuration of a `vit_moe` network.
        """
        if config.get("model_type") != "vit_moe":
            raise UserError(
                f"config.json describes a '{config.get('model_type')}' network: give a directory "
                "that m3vit trained, imported or quantised"
            )
        value = {**CONFIG_DEFAULTS, **{k: v for k, v in config.items() if v is not None}}
        width, layers = value["hidden_size"], value["num_hidden_layers"]
        hidden = value.get("intermediate_size", 4 * width)
        image, tasks = value["image_size"], list(value["tasks"])
        channels = value.get("task_channels", {})
        router = value["router_type"]
        names = tasks or ["features"]
        ranges = value.get("task_expert_ranges") or [[0, value["num_experts"]]] * len(names)
        count = value.get("num_tasks", len(names))
        return cls(
            image=(image, image) if isinstance(image, int) else (image[0], image[1]),
            patch=value["patch_size"],
            channels=value["num_channels"],
            width=width,
            layers=layers,
            hidden=hidden,
            expert_hidden=value.get("moe_intermediate_size", hidden),
            experts=value["num_experts"],
            kept=value["num_experts_per_tok"],
            moe_layers=tuple(value.get("moe_layers", range(1, layers, 2))),
            gates=count if router == "multi_gate" else 1,
            tasks={task: channels.get(task, 0) for task in names},
            ranges={task: (int(a), int(b)) for task, (a, b) in zip(names, ranges, strict=False)},
            head=value["head_type"] if tasks else "tokens",
            task_embedding=value["task_embedding_size"] if router == "task_embedding" else 0,
            cells=value["head_patch_grid"],
            convolutions=value["head_convolutions"],
            kernel=value["head_kernel_size"],
            norms=int(value["final_layernorm"] and not tasks),
            attention_biases=value["qkv_bias"],
        )

    @classmethod
    def from_compiled(cls, compiled: CompiledModel) -> "Shape":
        """Read the shapes of a compiled model."""
        network = compiled.network
        return cls(
            image=compiled.image_size,
            patch=network.patch_size,
            channels=network.channels,
            width=network.width,
            layers=network.num_layers,
            hidden=network.hidden,
            expert_hidden=network.expert_hidden,
            experts=network.num_experts,
            kept=network.experts_per_token,
            moe_layers=tuple(network.moe_layers),
            gates=len({task.gate for task in compiled.tasks}),
            tasks={task.name: task.channels for task in compiled.tasks},
            ranges={task.name: (task.experts[0], task.experts[1]) for task in compiled.tasks},
            head=network.head,
            cells=network.head_patch_grid,
            norms=int(compiled.parameters.final_norm is not None),
        )


# The defaults of `ViTMoEConfig`, which torch-free readers cannot import; a test compares them.
CONFIG_DEFAULTS: Mapping[str, Any] = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "image_size": 224,
    "patch_size": 16,
    "num_channels": 3,
    "qkv_bias": True,
    "final_layernorm": True,
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "router_type": "multi_gate",
    "task_embedding_size": 64,
    "tasks": (),
    "head_type": "linear",
    "head_patch_grid": 1,
    "head_convolutions": 4,
    "head_kernel_size": 3,
}


# The networks of the M³ViT paper (arXiv 2210.14793) and of Edge-MoE, as their code configures them.
_M3VIT = {"model_type": "vit_moe", "num_experts": 16, "head_type": "upsampling"}
_TINY = {**_M3VIT, "hidden_size": 192, "intermediate_size": 768, "moe_intermediate_size": 384}
_SMALL = {**_M3VIT, "hidden_size": 384, "intermediate_size": 1536, "moe_intermediate_size": 768}
_PASCAL = {"semseg": 21, "human_parts": 7, "sal": 1, "normals": 3, "edge": 1}
PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    "cityscapes_tiny": {
        **_TINY,
        "image_size": [128, 256],
        "tasks": ["semseg", "depth"],
        "task_channels": {"semseg": 7, "depth": 1},
    },
    "nyud_small": {
        **_SMALL,
        "image_size": [480, 640],
        "tasks": ["semseg", "depth"],
        "task_channels": {"semseg": 40, "depth": 1},
    },
    "pascal_small": {
        **_SMALL,
        "image_size": [512, 512],
        "tasks": list(_PASCAL),
        "task_channels": _PASCAL,
    },
}


def load_shape(path: str | Path) -> tuple[Shape, CompiledModel | None]:
    """Read the shapes of a float or a compiled model's directory, without torch.

    Raises:
        UserError: the directory holds neither.
    """
    directory = Path(path)
    if (directory / "manifest.json").exists():
        compiled = CompiledModel.load(directory)
        return Shape.from_compiled(compiled), compiled
    try:
        config = json.loads((directory / "config.json").read_bytes())
        return Shape.from_config(config), None
    except OSError as error:
        raise UserError(
            f"cannot read {directory / 'config.json'} ({error.strerror}): give the directory of "
            "a float or a compiled model"
        ) from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise UserError(
            f"{directory / 'config.json'} is no network configuration ({error}): "
            "save the model again"
        ) from None
