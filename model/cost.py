"""What a network costs, counted: multiply-accumulates, parameters and bytes, task by task.

Counts are of the arithmetic a single image needs and follow from shapes alone; what one run
really touched follows from its routing. Additions, normalisations and table look-ups are not
counted, as is the custom of the field. Axis letters as in `model.config`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.model.compiled import CompiledModel
from m3vit.model.parameters import walk
from m3vit.model.shape import Shape

FLOAT_BYTES = 4
UPSAMPLING_WIDTH = 256

PUBLISHED_SAVING = 0.88
"""Inference FLOPs that single-task M³ViT saves, by the paper's abstract (arXiv 2210.14793)."""


@dataclass(frozen=True)
class Part:
    """One kind of work. macs: multiply-accumulates. parameters: numbers of the network."""

    name: str
    macs: int
    parameters: int


@dataclass(frozen=True)
class TaskCost:
    """What one image costs for one task.

    Attributes:
        parts: in the order of execution.
        macs, encoder_macs: with and without the head.
        parameters: that the task can reach.
        dense_macs: if every token went through every expert of the layer.
        everything_macs: dense, and the heads of all tasks behind one pass of the encoder.
        separate_macs: dense, and a pass of the encoder and a head for each task.
    """

    task: str
    parts: tuple[Part, ...]
    dense_macs: int
    everything_macs: int
    separate_macs: int

    @property
    def macs(self) -> int:
        return sum(part.macs for part in self.parts)

    @property
    def encoder_macs(self) -> int:
        return sum(part.macs for part in self.parts if part.name != "head")

    @property
    def parameters(self) -> int:
        return sum(part.parameters for part in self.parts)


def task_cost(shape: Shape, task: str) -> TaskCost:
    """Count one task of a network.

    Raises:
        UserError: the network has no such task.
    """
    if task not in shape.tasks:
        raise UserError(f"no task '{task}': this network has {', '.join(shape.tasks)}")
    parts = (*_encoder(shape, task), _head(shape, shape.tasks[task]))
    first, last = shape.ranges[task]
    one_expert = 2 * shape.width * shape.expert_hidden
    extra = len(shape.moe_layers) * shape.tokens * one_expert * (last - first - shape.kept)
    sparse = sum(part.macs for part in parts[:-1])
    heads = [_head(shape, channels).macs for channels in shape.tasks.values()]
    return TaskCost(
        task=task,
        parts=parts,
        dense_macs=sparse + extra + parts[-1].macs,
        everything_macs=sparse + extra + sum(heads),
        separate_macs=len(heads) * (sparse + extra) + sum(heads),
    )


def network_parameters(shape: Shape) -> int:
    """Parameters of the whole network: all gates, experts and heads."""
    per_task = [task_cost(shape, task) for task in shape.tasks]
    encoder = {part.name: part.parameters for part in per_task[0].parts}
    one_gate = encoder["gates"]
    experts = len(shape.moe_layers) * shape.experts * _expert_parameters(shape)
    rest = sum(encoder.values()) - encoder["head"] - one_gate - encoder["experts"]
    heads = sum(cost.parts[-1].parameters for cost in per_task)
    return rest + shape.gates * one_gate + experts + heads


def expert_loads(chosen: Sequence[NDArray[np.int64]], experts: int) -> NDArray[np.int64]:
    """Length of every expert's queue.

    Args:
        chosen: per MoE layer (T, K) expert indices.
        experts: E.

    Returns:
        (MoE layers, E) tokens per expert.
    """
    loads = [np.bincount(indices.ravel(), minlength=experts) for indices in chosen]
    return np.array(loads, np.int64).reshape(len(loads), experts)


def run_macs(shape: Shape, task: str, loads: NDArray[np.int64]) -> int:
    """Multiply-accumulates of one run, whose queues had these lengths (MoE layers, E)."""
    fixed = sum(part.macs for part in task_cost(shape, task).parts if part.name != "experts")
    return fixed + int(loads.sum()) * 2 * shape.width * shape.expert_hidden


def run_weight_bytes(compiled: CompiledModel, task: str, loads: NDArray[np.int64]) -> int:
    """Bytes of parameters that one run of one task read; experts without tokens are not read.

    Everything the task needs counts once, biases, requantisation and tables included.
    """
    compiled.task(task)
    row = {layer: index for index, layer in enumerate(compiled.network.moe_layers)}
    total = 0
    for name, value in walk(compiled.parameters):
        size = value.nbytes if isinstance(value, np.ndarray) else np.dtype(np.int32).itemsize
        match name.split("."):
            case ["heads", head, *_] if head != task:
                continue
            case ["decoders", *_]:  # the host's
                continue
            case ["layers", layer, "experts", expert, *_] if not loads[
                row[int(layer)], int(expert)
            ]:
                continue
            case ["layers", _, "gate", _] if isinstance(value, np.ndarray):
                size //= len(value)  # one gate of several, one task's row of the bias
        total += size
    return total


def reachable_bytes(shape: Shape, compiled: CompiledModel | None, task: str) -> int:
    """Bytes of the parameters that a task can reach: float32, or as compiled."""
    if compiled is None:
        return FLOAT_BYTES * task_cost(shape, task).parameters
    loads = np.zeros((len(shape.moe_layers), shape.experts), np.int64)
    first, last = shape.ranges[task]
    loads[:, first:last] = 1
    return run_weight_bytes(compiled, task, loads)


def cost_report(shape: Shape, compiled: CompiledModel | None = None) -> dict[str, Any]:
    """Everything counted, as plain values for JSON.

    `saved` compares each task with the same network when nothing is left out, in three ways that
    `TaskCost` defines: every expert computed (`dense`), that and the heads of all tasks
    (`everything`), or that in one pass per task (`separate`); with heads, and the encoder alone.
    """
    tasks = {}
    for task in shape.tasks:
        cost = task_cost(shape, task)
        dense_encoder = cost.dense_macs - cost.parts[-1].macs
        tasks[task] = {
            "macs": cost.macs,
            "encoder_macs": cost.encoder_macs,
            "parameters": cost.parameters,
            "weight_bytes": reachable_bytes(shape, compiled, task),
            "parts": {
                part.name: {"macs": part.macs, "parameters": part.parameters} for part in cost.parts
            },
            "saved": {
                "dense": 1 - cost.macs / cost.dense_macs,
                "everything": 1 - cost.macs / cost.everything_macs,
                "separate": 1 - cost.macs / cost.separate_macs,
                "dense_encoder": 1 - cost.encoder_macs / dense_encoder,
                "separate_encoder": 1 - cost.encoder_macs / (dense_encoder * len(shape.tasks)),
            },
        }
    return {
        "provenance": "counted",
        "numbers": "float32" if compiled is None else "int8",
        "image_size": list(shape.image),
        "tokens": shape.tokens,
        "parameters": network_parameters(shape),
        "tasks": tasks,
        "published_saving": PUBLISHED_SAVING,
    }


def _expert_parameters(shape: Shape) -> int:
    return 2 * shape.width * shape.expert_hidden + shape.expert_hidden + shape.width


def _encoder(shape: Shape, task: str) -> tuple[Part, ...]:
    """Everything in front of the head, for one task."""
    tokens, width, moe = shape.tokens, shape.width, len(shape.moe_layers)
    inputs, dense = shape.channels * shape.patch**2, shape.layers - moe
    first, last = shape.ranges[task]
    projections, biases = 4 * width * width, width * (1 + 3 * shape.attention_biases)
    gate_inputs, embedding = width + shape.task_embedding, shape.task_embedding
    mlp = 2 * width * shape.hidden
    expert = 2 * width * shape.expert_hidden
    return (
        Part("patch embedding", shape.patches * inputs * width, (inputs + 2 + tokens) * width),
        Part(
            "attention",
            shape.layers * (tokens * projections + 2 * tokens * tokens * width),
            shape.layers * (projections + biases),
        ),
        Part("dense MLPs", dense * tokens * mlp, dense * (mlp + shape.hidden + width)),
        Part(
            "gates",
            moe * tokens * gate_inputs * (last - first),
            moe * gate_inputs * shape.experts + embedding * (len(shape.tasks) + embedding + 4),
        ),
        Part(
            "experts",
            moe * tokens * shape.kept * expert,
            moe * (last - first) * _expert_parameters(shape),
        ),
        Part("normalisation", 0, (2 * shape.layers + shape.norms) * 2 * width),
    )


def _head(shape: Shape, channels: int) -> Part:
    """The decoder of one task."""
    width, patches, norm = shape.width, shape.patches, 2 * shape.width
    if shape.head == "tokens":
        return Part("head", 0, 0)
    if shape.head == "classification":
        return Part("head", width * channels, (width + 1) * channels)
    if shape.head == "linear":
        outputs = channels * shape.cells**2
        return Part("head", patches * width * outputs, norm + (width + 1) * outputs)
    # Each stage of four doubles both sides of the map in front of the next one.
    stages = 4 if shape.convolutions == 4 else 1
    kernel = 3 if stages == 4 else shape.kernel
    macs, parameters, inputs, cells = 0, norm, width, patches
    for stage in range(stages):
        cells = patches * 4**stage
        macs += cells * kernel**2 * inputs * UPSAMPLING_WIDTH
        # Weight, bias, and the batch normalisation's gain and bias.
        parameters += (kernel**2 * inputs + 3) * UPSAMPLING_WIDTH
        inputs = UPSAMPLING_WIDTH
    macs += cells * inputs * channels
    return Part("head", macs, parameters + (inputs + 1) * channels)
