"""The operations that a network in integers is made of, whoever computes them."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .fixed import Codes
from .integer_ops import Routing
from .parameters import Embeddings, Gate, Heads, LayerNorm, Linear, Mlp


class Operations(Protocol):
    """What `Reference` calls; the module `integer_ops` defines every result.

    A codes array that is to be saturated by a later sum (`bits` 32) may come saturated to 18 bits,
    which changes no sum.
    """

    def cut_patches(self, pixels: NDArray[np.uint8], patch: int) -> NDArray[np.int8]: ...

    def linear(self, inputs: Codes, parameters: Linear) -> Codes: ...

    def embed(
        self, pixels: NDArray[np.uint8], parameters: Embeddings, patch: int
    ) -> NDArray[np.int16]: ...

    def layer_norm(self, codes: Codes, parameters: LayerNorm) -> tuple[Codes, Codes | None]: ...

    def attention_logits(self, query: Codes, key: Codes, parameters: Heads) -> Codes: ...

    def attention_weights(self, logits: Codes) -> NDArray[np.uint8]: ...

    def attention_context(
        self, weights: NDArray[np.uint8], value: Codes, parameters: Heads
    ) -> NDArray[np.int8]: ...

    def activate(self, hidden: Codes, table: NDArray[np.int8]) -> NDArray[np.int8]: ...

    def add_residual(
        self, residual: Codes, branch: NDArray[np.signedinteger[Any]]
    ) -> NDArray[np.int16]: ...

    def route(
        self,
        inputs: Codes,
        parameters: Gate,
        task: int,
        gate: int,
        expert_range: Sequence[int],
        top_k: int,
        normalise_kept: bool,
        prune_threshold: int,
    ) -> Routing: ...

    def run_experts(
        self,
        inputs: NDArray[np.int8],
        routing: Routing,
        experts: Sequence[Mlp],
        order: Iterable[int],
    ) -> NDArray[np.int32]: ...
