"""Golden vectors: inputs, parameters and outputs of every operation, and of whole images.

Every other rung (C++ kernels, RTL, board) replays these files and must give equal integers.
They contain nothing but the reference's own results, so equal arguments give equal bytes.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from m3vit.files import atomic_path

from . import integer_ops
from .compiled import CompiledModel, rebuild
from .integer_ops import Routing, attention_weights, cut_patches
from .manifest import verify_manifest, write_manifest
from .operations import Operations
from .parameters import Gate, Heads, LayerNorm, Linear, Mlp, walk
from .reference import Reference, Trace
from .tensor_file import read_tensors, write_tensors

Arrays = dict[str, NDArray[Any]]

INDEX_FILE = "index.json"

BUNDLES: dict[str, Any] = {
    "cut_patches": None,
    "linear": Linear,
    "layer_norm": LayerNorm,
    "attention_logits": Heads,
    "attention_weights": None,
    "attention_context": Heads,
    "activate": None,
    "add_residual": None,
    "route": Gate,
    "run_experts": tuple[Mlp, ...],
}
"""Operations of `integer_ops` and the type of their parameters."""


@dataclass(frozen=True)
class Vector:
    """One call of one operation.

    Attributes:
        name: where in the network, and "image" or "stress" for where the inputs came from.
        operation: function in `integer_ops`.
        inputs: arrays by argument name; numbers are arrays without dimensions.
        parameters: the bundle it takes, or None.
    """

    name: str
    operation: str
    inputs: Arrays
    parameters: Any

    def run(self, compute: Operations = integer_ops) -> Arrays:
        """Outputs by name, computed now; by default they are the expected ones."""
        given, bundle = self.inputs, self.parameters
        match self.operation:
            case "cut_patches":
                return {"codes": compute.cut_patches(given["pixels"], int(given["patch"]))}
            case "linear":
                return {"codes": compute.linear(given["codes"], bundle)}
            case "layer_norm":
                codes, gate = compute.layer_norm(given["codes"], bundle)
                return {"codes": codes} if gate is None else {"codes": codes, "gate": gate}
            case "attention_logits":
                return {"logits": compute.attention_logits(given["query"], given["key"], bundle)}
            case "attention_weights":
                return {"weights": compute.attention_weights(given["logits"])}
            case "attention_context":
                return {
                    "context": compute.attention_context(given["weights"], given["value"], bundle)
                }
            case "activate":
                return {"codes": compute.activate(given["codes"], given["table"])}
            case "add_residual":
                return {"codes": compute.add_residual(given["residual"], given["branch"])}
            case "route":
                numbers = {key: int(given[key]) for key in ("task", "gate", "top_k")}
                routing = compute.route(
                    given["codes"],
                    bundle,
                    expert_range=given["expert_range"].tolist(),
                    normalise_kept=bool(given["normalise_kept"]),
                    prune_threshold=int(given["prune_threshold"]),
                    **numbers,
                )
                return {
                    "logits": routing.logits,
                    "experts": routing.experts,
                    "scores": routing.scores,
                }
            case "run_experts":
                routing = Routing(np.zeros((0, 0), np.int16), given["experts"], given["scores"])
                order = range(len(bundle))
                return {"branch": compute.run_experts(given["codes"], routing, bundle, order)}
        raise ValueError(f"no operation '{self.operation}'")


def write_golden(
    compiled: CompiledModel | str | Path, image: NDArray[np.uint8], output_directory: str | Path
) -> None:
    """Write the vectors of a model and an image; the directory appears whole or not at all.

    `operations/` has a file per call, with tensors "input.*", "parameter.*" and "output.*";
    `images/` one per task with pixels, residual stream, routing and output. `index.json` lists
    the calls, `manifest.json` the hash of every file.

    Args:
        compiled: model, or its directory.
        image: (H, W, channels) uint8 of the model's size.

    Raises:
        UserError: a damaged model or an image of another size.
    """
    reference = Reference(compiled)
    files: list[str] = []
    index: list[dict[str, str]] = []
    with atomic_path(output_directory) as directory:
        for folder in ("operations", "images"):
            (directory / folder).mkdir(parents=True)
        for task in reference.model.tasks:
            trace: Trace = {}
            run = reference.run(image, task.name, trace)
            stream = {
                name: array
                for name, array in trace.items()
                if name.endswith((".experts", ".scores"))
                or (name.endswith(".output") and not name.startswith("heads."))
            }
            name = f"images/{task.name}.safetensors"
            write_tensors(directory / name, {"pixels": image, **stream, "output": run.output})
            files.append(name)
        for vector in vectors(reference, image):
            name = f"operations/{vector.name}.safetensors"
            write_tensors(directory / name, _tensors(vector))
            files.append(name)
            index.append({"file": name, "operation": vector.operation})
        (directory / INDEX_FILE).write_text(json.dumps(index, indent=1) + "\n")
        write_manifest(directory, [INDEX_FILE, *files])


def read_golden(directory: str | Path) -> Iterator[tuple[Vector, Arrays]]:
    """Every call of a golden directory with its expected outputs.

    Raises:
        UserError: a file is missing or damaged.
    """
    root = Path(directory)
    verify_manifest(root, required=(INDEX_FILE,))
    for entry in json.loads((root / INDEX_FILE).read_bytes()):
        parts: dict[str, Arrays] = {"input": {}, "parameter": {}, "output": {}}
        for name, tensor in read_tensors(root / entry["file"]).items():
            part, _, rest = name.partition(".")
            parts[part][rest] = tensor
        bundle = BUNDLES[entry["operation"]]
        parameters = None if bundle is None else rebuild(bundle, parts["parameter"])
        name = Path(entry["file"]).stem
        yield Vector(name, entry["operation"], parts["input"], parameters), parts["output"]


def vectors(reference: Reference, image: NDArray[np.uint8]) -> Iterator[Vector]:
    """Calls on an image, each followed by one on stress codes of the same shape.

    They cover the embedding, the first layer, the first MoE layer and the head of each task.
    """
    model, network = reference.model, reference.network
    task = model.tasks[0]
    trace: Trace = {}
    reference.run(image, task.name, trace)
    patches = cut_patches(image, network.patch_size)
    sizes = {"pixels": image, "patch": np.array(network.patch_size)}
    yield Vector("embeddings.patches.image", "cut_patches", sizes, None)
    projection = model.parameters.embeddings.projection
    yield from _twice("embeddings.projection", "linear", {"codes": patches}, projection)
    for index in sorted({0, *network.moe_layers[:1]}):
        yield from _layer_vectors(reference, index, trace)
    for task in model.tasks:
        head = model.heads.get(task.name)
        if head is not None:
            task_trace: Trace = {}
            reference.run(image, task.name, task_trace)
            last = task_trace[f"layers.{network.num_layers - 1}.output"]
            rows = last[:1] if network.head == "classification" else last[1:]
            name, inputs = f"heads.{task.name}", task_trace[f"heads.{task.name}.input"]
            yield from _twice(f"{name}.norm", "layer_norm", {"codes": rows}, head.norm)
            yield from _twice(f"{name}.projection", "linear", {"codes": inputs}, head.projection)


def _layer_vectors(reference: Reference, index: int, trace: Trace) -> Iterator[Vector]:
    """Calls of one transformer block."""
    network, layer, name = reference.network, reference.model.layers[index], f"layers.{index}"
    attention = layer.attention
    before = trace["embeddings.output"] if index == 0 else trace[f"layers.{index - 1}.output"]
    found = {part: trace[f"{name}.attention.{part}"] for part in ("query", "key", "value")}
    part = f"{name}.attention"
    yield from _twice(f"{part}.norm", "layer_norm", {"codes": before}, attention.norm)
    inputs = {"codes": trace[f"{part}.input"]}
    yield from _twice(f"{part}.projection", "linear", inputs, attention.projection)
    pair = {"query": found["query"], "key": found["key"]}
    yield from _twice(f"{part}.logits", "attention_logits", pair, attention.logits)
    logits = {"logits": trace[f"{part}.logits"]}
    yield from _twice(f"{part}.weights", "attention_weights", logits, None)
    for kind, values in (("image", found["value"]), ("stress", _stress(found["value"], part))):
        codes = trace[f"{part}.logits"]
        weights = attention_weights(codes if kind == "image" else _stress(codes, part))
        given = {"weights": weights, "value": values}
        yield Vector(f"{part}.context.{kind}", "attention_context", given, attention.context)
    context = {"codes": trace[f"{part}.context"]}
    yield from _twice(f"{part}.output", "linear", context, attention.output)
    branch = trace[f"{part}.branch"]
    sums = {"residual": before, "branch": branch}
    yield Vector(f"{part}.residual.image", "add_residual", sums, None)
    # A branch beyond int16 is what the sum saturates.
    wide = {"residual": _stress(before, part), "branch": 3 * _stress(before, name).astype(np.int32)}
    yield Vector(f"{part}.residual.stress", "add_residual", wide, None)

    attended, part = {"codes": trace[f"{name}.attended"]}, f"{name}.mlp"
    yield from _twice(f"{part}.norm", "layer_norm", attended, layer.norm)
    mlp_inputs = trace[f"{part}.input"]
    if layer.mlp is not None:
        yield from _twice(f"{part}.up", "linear", {"codes": mlp_inputs}, layer.mlp.up)
        table = {"codes": trace[f"{part}.hidden"], "table": layer.mlp.table}
        yield Vector(f"{part}.activation.image", "activate", table, None)
        every = np.arange(-128, 128).astype(np.int8)[None]
        yield Vector(f"{part}.activation.stress", "activate", {**table, "codes": every}, None)
        active = {"codes": trace[f"{part}.activation"]}
        yield from _twice(f"{part}.down", "linear", active, layer.mlp.down)
        return
    task = reference.model.tasks[0]
    settings = {
        "task": np.array(0),
        "gate": np.array(task.gate),
        "expert_range": np.array(task.experts),
        "top_k": np.array(network.experts_per_token),
        "normalise_kept": np.array(int(network.norm_topk_prob)),
        "prune_threshold": np.array(network.prune_threshold),
    }
    gate_inputs = trace[f"{part}.gate_input"]
    for kind, codes in (("image", gate_inputs), ("stress", _stress(gate_inputs, part))):
        given = {"codes": codes, **settings}
        yield Vector(f"{part}.gate.{kind}", "route", given, layer.gate)
    experts, scores = trace[f"{part}.experts"], trace[f"{part}.scores"]
    given = {"codes": mlp_inputs, "experts": experts, "scores": scores}
    yield Vector(f"{part}.experts.image", "run_experts", given, layer.experts)
    # Every token to the same experts: their queues are as long as they can be.
    crowded = {**given, "experts": np.broadcast_to(experts[:1], experts.shape).copy()}
    yield Vector(f"{part}.experts.stress", "run_experts", crowded, layer.experts)


def _twice(name: str, operation: str, inputs: Arrays, parameters: Any) -> Iterator[Vector]:
    """A call on the image's codes and one on stress codes."""
    yield Vector(f"{name}.image", operation, inputs, parameters)
    stressed = {key: _stress(value, f"{name}.{key}") for key, value in inputs.items()}
    yield Vector(f"{name}.stress", operation, stressed, parameters)


def _stress(codes: NDArray[Any], name: str) -> NDArray[Any]:
    """Random codes of the same type and shape over the whole range; first rows of extremes.

    Along the second last axis: all at the minimum, all at the maximum, alternating, all zero.
    """
    limits = np.iinfo(codes.dtype)
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    stressed = generator.integers(limits.min, limits.max + 1, codes.shape).astype(codes.dtype)
    rows = np.moveaxis(stressed, -2, 0)
    extremes = (limits.min, limits.max, None, 0)
    for row, value in zip(rows, extremes, strict=False):
        row[...] = 0 if value is None else value
        if value is None:
            row[..., ::2], row[..., 1::2] = limits.min, limits.max
    return stressed


def _tensors(vector: Vector) -> Arrays:
    """Everything of a vector under the names of its file."""
    tensors = {f"input.{name}": array for name, array in vector.inputs.items()}
    if vector.parameters is not None:
        bundle = walk(vector.parameters)
        tensors |= {f"parameter.{name}": np.asarray(value) for name, value in bundle}
    return tensors | {f"output.{name}": cast(Any, array) for name, array in vector.run().items()}
