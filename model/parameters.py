"""What the operations of the integer network take: frozen bundles of integer codes.

Each bundle checks its own shapes, types and ranges when it is made, so that no operation can
overflow later. Axis letters as in `model.config`; a bundle of a matmul keeps the integer codes
that hardware sees and, prepared on first use, the float copy that the reference multiplies with.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError

from .fixed import (
    ACCUMULATOR_BITS,
    GATE_ACCUMULATOR_BITS,
    MULTIPLIER_BITS,
    Requantisation,
    exact_float,
    shift_range,
)


def require(array: NDArray[Any], name: str, dtype: type[np.generic], *shape: int) -> None:
    """Refuse an array of another type or shape.

    Raises:
        UserError: with both types and shapes.
    """
    if array.dtype != dtype or array.shape != shape:
        raise UserError(
            f"tensor '{name}' is {array.dtype} {array.shape} and should be {np.dtype(dtype)} "
            f"{shape}: compile the model again"
        )


@dataclass(frozen=True)
class Linear:
    """A matmul of int8 codes and the requantisation of its sums.

    The zero point of the input is folded into the bias: the accumulator of output n is
    sum_k weight[n, k] input[k] + bias[n].

    Attributes:
        weight: (N, K) int8 in [-127, 127].
        bias: (N,) int32.
        multiplier: (N,) int16 in [2^14, 2^15).
        shift: (N,) uint8.
        zero_point: of the output codes; 0 unless they are int8.
        bits: 8, 16 or 32 (unsaturated, for a sum that saturates later).
    """

    weight: NDArray[np.int8]
    bias: NDArray[np.int32]
    multiplier: NDArray[np.int16]
    shift: NDArray[np.uint8]
    zero_point: int
    bits: int

    def __post_init__(self) -> None:
        outputs, inputs = self.weight.shape
        require(self.weight, "weight", np.int8, outputs, inputs)
        require(self.bias, "bias", np.int32, outputs)
        check_requantisation(self.multiplier, self.shift, (outputs,), ACCUMULATOR_BITS)
        worst = 128 * self.magnitude.astype(np.int64) + np.abs(self.bias.astype(np.int64))
        check_bound(worst, ACCUMULATOR_BITS)

    @cached_property
    def magnitude(self) -> NDArray[np.int32]:
        """(N,) sum of |weight| over the inputs."""
        return np.abs(self.weight.astype(np.int16)).sum(axis=1, dtype=np.int32)

    @cached_property
    def matrix(self) -> NDArray[np.floating[Any]]:
        """(K, N) weight in the narrowest float type in which its sums are exact."""
        exact = exact_float(128 * int(self.magnitude.max(initial=0)))
        return np.ascontiguousarray(self.weight.T, dtype=exact)

    @cached_property
    def rule(self) -> Requantisation:
        """How accumulators become output codes."""
        return Requantisation(self.bias, self.multiplier, self.shift, self.zero_point, self.bits)


@dataclass(frozen=True)
class Affine:
    """The last step of a LayerNorm: codes = sat((n gain + bias + half) >> shift).

    Attributes:
        gain: (D,) int16.
        bias: (D,) int32, zero point included.
        shift: 1..30, the same for all channels.
        bits: 8, or 16 for the gate's copy.
    """

    gain: NDArray[np.int16]
    bias: NDArray[np.int32]
    shift: int
    bits: int

    def __post_init__(self) -> None:
        require(self.gain, "gain", np.int16, *self.gain.shape)
        require(self.bias, "bias", np.int32, *self.gain.shape)
        if not 1 <= self.shift <= 30:
            raise UserError(f"a LayerNorm shift of {self.shift} is outside 1..30")


@dataclass(frozen=True)
class LayerNorm:
    """A LayerNorm over int16 codes with one or two outputs from the same normalised values.

    Attributes:
        epsilon: the network's epsilon in units of (code step / D)^2; 1 to 2^52.
        output: int8 codes for matmuls, or int16 behind the last block.
        gate: int16 codes for the gate, or None.
    """

    epsilon: int
    output: Affine
    gate: Affine | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.epsilon < 1 << 52:
            raise UserError(
                f"a LayerNorm epsilon of {self.epsilon} code units is outside 1..2^52: the "
                "residual stream of this model is too small, check its weights"
            )


@dataclass(frozen=True)
class Heads:
    """One multiplier and shift per attention head.

    Attributes:
        multiplier: (H,) int16. shift: (H,) uint8. zero_point: of the output. bits: 8 or 16.
    """

    multiplier: NDArray[np.int16]
    shift: NDArray[np.uint8]
    zero_point: int
    bits: int

    def __post_init__(self) -> None:
        check_requantisation(self.multiplier, self.shift, self.multiplier.shape, ACCUMULATOR_BITS)

    @cached_property
    def rule(self) -> Requantisation:
        """For arrays (H, T, ...): channels are on the first axis."""
        column = (-1, 1, 1)
        multiplier, shift = self.multiplier.reshape(column), self.shift.reshape(column)
        bias = np.zeros(multiplier.shape, np.int32)
        return Requantisation(bias, multiplier, shift, self.zero_point, self.bits)


@dataclass(frozen=True)
class Attention:
    """Multi-head self-attention.

    Attributes:
        norm: LayerNorm in front.
        projection: (3 D, D) queries, keys, values, each head by head; int8, symmetric.
        logits: q.k sums -> int16 codes in log2 units.
        context: normalised A.V -> int8.
        output: (D, D) context -> residual scale.
    """

    norm: LayerNorm
    projection: Linear
    logits: Heads
    context: Heads
    output: Linear


@dataclass(frozen=True)
class Mlp:
    """Two matmuls around a table.

    Attributes:
        up: (F, D), int8 out. table: (256,) int8, indexed by code + 128. down: (D, F).
    """

    up: Linear
    table: NDArray[np.int8]
    down: Linear

    def __post_init__(self) -> None:
        require(self.table, "table", np.int8, 256)


@dataclass(frozen=True)
class Gate:
    """Gates of one MoE layer.

    Attributes:
        weight: (G, E, D) int8. bias: (tasks, E) int64, from the task embedding, else zero.
        multiplier: (G, E) int16. shift: (G, E) uint8.
    """

    weight: NDArray[np.int8]
    bias: NDArray[np.int64]
    multiplier: NDArray[np.int16]
    shift: NDArray[np.uint8]

    def __post_init__(self) -> None:
        gates, experts, width = self.weight.shape
        require(self.weight, "weight", np.int8, gates, experts, width)
        require(self.bias, "bias", np.int64, self.bias.shape[0], experts)
        check_requantisation(self.multiplier, self.shift, (gates, experts), GATE_ACCUMULATOR_BITS)
        magnitude = np.abs(self.weight.astype(np.int64)).sum(axis=2)
        check_bound((magnitude << 15) + np.abs(self.bias).max(), GATE_ACCUMULATOR_BITS)

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """(G, D, E) weight; int16 x int8 sums need float64."""
        return np.ascontiguousarray(self.weight.transpose(0, 2, 1), dtype=np.float64)

    def rule(self, gate: int, task: int, first: int, last: int) -> Requantisation:
        """How the accumulators of experts [first, last) become logits."""
        return Requantisation(
            self.bias[task, first:last],
            self.multiplier[gate, first:last],
            self.shift[gate, first:last],
            zero_point=0,
            bits=16,
        )


@dataclass(frozen=True)
class Layer:
    """One transformer block: `mlp` of a dense layer, `gate` and `experts` of an MoE layer.

    Attributes:
        norm: LayerNorm in front of the MLP.
        experts: E MLPs that share scales and table.
    """

    attention: Attention
    norm: LayerNorm
    mlp: Mlp | None = None
    gate: Gate | None = None
    experts: tuple[Mlp, ...] = ()


@dataclass(frozen=True)
class Embeddings:
    """Patch embedding and positions.

    Attributes:
        projection: (D, channels x patch x patch), inputs ordered channel, row, column.
        positions: (N, D) int16 in residual codes. cls_row: (D,) int16, class token + position 0.
    """

    projection: Linear
    positions: NDArray[np.int16]
    cls_row: NDArray[np.int16]

    def __post_init__(self) -> None:
        width = self.projection.weight.shape[0]
        require(self.positions, "positions", np.int16, self.positions.shape[0], width)
        require(self.cls_row, "cls_row", np.int16, width)


@dataclass(frozen=True)
class Head:
    """LayerNorm and matmul behind the last block. projection: (outputs, D) -> int16."""

    norm: LayerNorm
    projection: Linear


@dataclass(frozen=True)
class Convolution:
    """A convolution that keeps the size, in floats. weight: (O, I, k, k). bias: (O,) float32."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def __post_init__(self) -> None:
        outputs, inputs, size, _ = self.weight.shape
        require(self.weight, "weight", np.float32, outputs, inputs, size, size)
        require(self.bias, "bias", np.float32, outputs)


@dataclass(frozen=True)
class Decoder:
    """M³ViT's up-sampling head, which the host computes in floats; `host.decoder` does it.

    Attributes:
        gain, bias: (D,) of the LayerNorm in front. epsilon: () of it.
        convolutions: four, each but the last one followed by doubling of the resolution, or one
            and no doubling at all; batch normalisation is in them.
        classifier: k = 1, to the task's channels.
    """

    gain: NDArray[np.float32]
    bias: NDArray[np.float32]
    epsilon: NDArray[np.float32]
    convolutions: tuple[Convolution, ...]
    classifier: Convolution

    def __post_init__(self) -> None:
        require(self.gain, "gain", np.float32, *self.gain.shape)
        require(self.bias, "bias", np.float32, *self.gain.shape)
        require(self.epsilon, "epsilon", np.float32)
        width = self.gain.size
        for index, convolution in enumerate((*self.convolutions, self.classifier)):
            if convolution.weight.shape[1] != width:
                raise UserError(
                    f"convolution {index} takes {convolution.weight.shape[1]} channels and there "
                    f"are {width}: compile the model again"
                )
            width = convolution.weight.shape[0]


@dataclass(frozen=True)
class Parameters:
    """All parameters of a network.

    Attributes:
        final_norm: LayerNorm behind the last block to int16 codes, or None.
        heads: by task name; empty when the network ends with its tokens.
        decoders: by task name, of a network that ends with its tokens; may be empty.
    """

    embeddings: Embeddings
    layers: tuple[Layer, ...]
    final_norm: LayerNorm | None = None
    heads: dict[str, Head] = field(default_factory=dict)
    decoders: dict[str, Decoder] = field(default_factory=dict)


def check_requantisation(
    multiplier: NDArray[Any], shift: NDArray[Any], shape: tuple[int, ...], accumulator_bits: int
) -> None:
    """Refuse multipliers and shifts outside their ranges."""
    require(multiplier, "multiplier", np.int16, *shape)
    require(shift, "shift", np.uint8, *shape)
    smallest, largest = shift_range(accumulator_bits)
    if multiplier.size and multiplier.min() < 1 << (MULTIPLIER_BITS - 1):
        raise UserError("a requantisation multiplier is below 2^14: compile the model again")
    if shift.size and not smallest <= shift.min() <= shift.max() <= largest:
        raise UserError(
            f"a requantisation shift is outside {smallest}..{largest}: compile the model again"
        )


def check_bound(worst: NDArray[np.int64], bits: int) -> None:
    """Refuse a matmul whose sums could leave `bits` bits for some input."""
    if worst.size and int(worst.max()) >= 1 << bits:
        raise UserError(
            f"sums of output channel {int(worst.argmax())} can reach {int(worst.max())}, beyond "
            f"2^{bits}: the layer is too wide or its bias too large for the integer network"
        )


def walk(bundle: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every array and integer of a bundle with its dotted name, in order of definition."""
    if isinstance(bundle, np.ndarray | int):
        yield prefix, bundle
        return
    if isinstance(bundle, dict):
        parts = list(bundle.items())
    elif isinstance(bundle, tuple):
        parts = [(str(index), part) for index, part in enumerate(bundle)]
    else:
        parts = [(part.name, getattr(bundle, part.name)) for part in fields(bundle)]
    for name, part in parts:
        if part is not None:
            yield from walk(part, f"{prefix}.{name}" if prefix else name)
