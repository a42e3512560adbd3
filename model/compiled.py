"""The compiled model: a quantised network as a directory that runs without torch.

`config.json` describes the network, `model.safetensors` holds its integers, `manifest.json`
the size and SHA-256 of both. The format is documented in `docs/compiled-model.md`.
"""

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.files import atomic_path

from .manifest import SCHEMA, verify_manifest, write_manifest
from .network import Description, Network, Task
from .parameters import Head, Layer, LayerNorm, Linear, Parameters, walk
from .tensor_file import read_tensors, write_tensors

CONFIG_FILE, TENSOR_FILE = "config.json", "model.safetensors"


@dataclass(frozen=True)
class CompiledModel:
    """A quantised network: everything that `Reference` and the hardware need.

    Raises:
        UserError: parameters that do not fit the network.
    """

    network: Network
    tasks: tuple[Task, ...]
    parameters: Parameters
    description: Description

    def __post_init__(self) -> None:
        check_parameters(self.network, self.tasks, self.parameters)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.network.image_height, self.network.image_width

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The transformer blocks."""
        return self.parameters.layers

    @property
    def heads(self) -> Mapping[str, Head]:
        """Heads by task name; empty where the network ends with its tokens."""
        return self.parameters.heads

    def task(self, name: str) -> Task:
        """A task by its name.

        Raises:
            UserError: there is none of that name.
        """
        for task in self.tasks:
            if task.name == name:
                return task
        names = ", ".join(task.name for task in self.tasks)
        raise UserError(f"no task '{name}' in this compiled model, which has {names}")

    def save(self, path: str | Path) -> None:
        """Write the directory; it appears whole or not at all."""
        config = {
            "schema": SCHEMA,
            "network": asdict(self.network),
            "tasks": [asdict(task) for task in self.tasks],
            "description": asdict(self.description),
        }
        with atomic_path(path) as directory:
            directory.mkdir()
            (directory / CONFIG_FILE).write_text(json.dumps(config, indent=1) + "\n")
            tensors = {name: np.asarray(array) for name, array in walk(self.parameters)}
            write_tensors(directory / TENSOR_FILE, tensors)
            write_manifest(directory, [CONFIG_FILE, TENSOR_FILE])

    @classmethod
    def load(cls, path: str | Path) -> "CompiledModel":
        """Read and verify a directory that `save` wrote.

        Raises:
            UserError: the directory is no compiled model, or a file of it is missing, damaged
                or of another version; the message names the file.
        """
        directory = Path(path)
        verify_manifest(directory, required=(CONFIG_FILE, TENSOR_FILE))
        config_path, tensor_path = directory / CONFIG_FILE, directory / TENSOR_FILE
        try:
            config = json.loads(config_path.read_bytes())
            network = Network(**config["network"])
            tasks = tuple(Task(**task) for task in config["tasks"])
            description = Description(**config["description"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{config_path} does not describe a compiled model ({error}): compile it again"
            ) from None
        try:
            parameters = rebuild(Parameters, read_tensors(tensor_path))
        except (TypeError, ValueError, AttributeError) as error:
            raise UserError(
                f"{tensor_path} does not hold the tensors of a compiled model ({error}): "
                "compile it again"
            ) from None
        return cls(network, tasks, parameters, description)


def check_parameters(network: Network, tasks: tuple[Task, ...], parameters: Parameters) -> None:
    """Refuse parameters that do not fit the network, naming both shapes.

    Types and value ranges were checked when each bundle was made.

    Raises:
        UserError: the first misfit.
    """
    width, experts = network.width, network.num_experts

    def check(name: str, found: tuple[int, ...], *expected: int) -> None:
        if found != expected:
            raise UserError(
                f"'{name}' has shape {found} and the network needs {expected}: "
                "compile the model again"
            )

    def check_linear(name: str, linear: Linear, outputs: int, inputs: int) -> None:
        check(f"{name}.weight", linear.weight.shape, outputs, inputs)

    def check_norm(name: str, norm: LayerNorm) -> None:
        check(f"{name}.output.gain", norm.output.gain.shape, width)
        if norm.gate is not None:
            check(f"{name}.gate.gain", norm.gate.gain.shape, width)

    embeddings = parameters.embeddings
    patch_inputs = network.channels * network.patch_size**2
    check_linear("embeddings.projection", embeddings.projection, width, patch_inputs)
    check("embeddings.positions", embeddings.positions.shape, network.num_tokens - 1, width)
    check("layers", (len(parameters.layers),), network.num_layers)
    for index, layer in enumerate(parameters.layers):
        name, attention = f"layers.{index}", layer.attention
        check_norm(f"{name}.attention.norm", attention.norm)
        check_linear(f"{name}.attention.projection", attention.projection, 3 * width, width)
        check_linear(f"{name}.attention.output", attention.output, width, width)
        for part in ("logits", "context"):
            heads = getattr(attention, part).multiplier
            check(f"{name}.attention.{part}.multiplier", heads.shape, network.num_heads)
        check_norm(f"{name}.norm", layer.norm)
        is_moe = index in network.moe_layers
        if is_moe != (layer.gate is not None) or is_moe != (layer.mlp is None):
            raise UserError(f"'{name}' is not of the kind that moe_layers says: compile it again")
        if layer.gate is not None:
            gates = 1 + max((task.gate for task in tasks), default=0)
            check(f"{name}.gate.weight", layer.gate.weight.shape, gates, experts, width)
            check(f"{name}.gate.bias", layer.gate.bias.shape, len(tasks), experts)
            if (layer.norm.gate is None) != network.gate_input_ahead:
                raise UserError(f"'{name}.norm.gate' contradicts gate_input_ahead: compile again")
        check(f"{name}.experts", (len(layer.experts),), experts if is_moe else 0)
        mlps = layer.experts if layer.mlp is None else (layer.mlp,)
        hidden = network.expert_hidden if is_moe else network.hidden
        for position, mlp in enumerate(mlps):
            part = f"{name}.experts.{position}" if is_moe else f"{name}.mlp"
            check_linear(f"{part}.up", mlp.up, hidden, width)
            check_linear(f"{part}.down", mlp.down, width, hidden)
    if parameters.final_norm is not None:
        check_norm("final_norm", parameters.final_norm)
    named = {task.name for task in tasks} if network.head != "tokens" else set()
    if set(parameters.heads) != named:
        raise UserError(
            f"heads are {sorted(parameters.heads)} and should be {sorted(named)}: compile again"
        )
    for task in tasks:
        if task.name in parameters.heads:
            head = parameters.heads[task.name]
            check_norm(f"heads.{task.name}.norm", head.norm)
            outputs = task.channels * network.head_patch_grid**2
            check_linear(f"heads.{task.name}.projection", head.projection, outputs, width)
    for name, decoder in parameters.decoders.items():
        if network.head != "tokens" or name not in {task.name for task in tasks}:
            raise UserError(f"no task needs the decoder '{name}': compile again")
        check(f"decoders.{name}.gain", decoder.gain.shape, width)


def rebuild(kind: Any, tensors: Mapping[str, NDArray[Any]]) -> Any:
    """The reverse of `parameters.walk`.

    Args:
        kind: type of the bundle, such as `Parameters`.
        tensors: by dotted name.

    Raises:
        TypeError, ValueError, AttributeError: tensors are missing or left over.
        UserError: a tensor of another type, shape or range.
    """
    tree: dict[str, Any] = {}
    for name, tensor in tensors.items():
        *parents, leaf = name.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = tensor
    bundle = _bundle(kind, tree, "")
    left_over = set(tensors) - {name for name, _ in walk(bundle)}
    if left_over:
        raise ValueError(f"no part of the model takes tensor '{min(left_over)}'")
    return bundle


def _bundle(hint: Any, tree: Any, name: str) -> Any:
    """What a type hint says, out of nested tensors; `name` is where in the model."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        return None if tree is None else _bundle(arguments[0], tree, name)
    if origin is tuple:
        count = len(tree or {})
        return tuple(_bundle(arguments[0], tree.get(str(i)), f"{name}.{i}") for i in range(count))
    if origin is dict:
        return {
            key: _bundle(arguments[1], branch, f"{name}.{key}")
            for key, branch in (tree or {}).items()
        }
    if tree is None:
        raise ValueError(f"'{name.lstrip('.')}' is missing")
    if is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        values = {
            part.name: _bundle(hints[part.name], tree.get(part.name), f"{name}.{part.name}")
            for part in fields(hint)
        }
        try:
            return typing.cast(Any, hint)(**values)
        except UserError as error:
            raise UserError(f"{name.lstrip('.')}: {error}") from None
    return int(tree) if hint is int else tree
