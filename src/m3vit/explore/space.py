"""Which designs are tried: a few choices, and memories as large as the network needs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.host.buffers import UNDIVIDED, plan_buffers
from m3vit.model.network import Network

CHOICES: dict[str, tuple[int, ...]] = {
    "array_tokens": (2, 4, 6, 8, 10, 12),
    "lanes": (4, 8, 16, 32),
    "input_words": (1, 2, 4),
    "panel_words": (1, 2, 4),
    "read_ports": (1, 2, 4),
    "weight_tiles": tuple(1 << bits for bits in range(7, 15)),
    "parameter_words": tuple(1 << bits for bits in range(6, 12)),
}
"""Parameter -> its values.

`input_words` and `panel_words` are words of lanes in array_inputs and in panel_lanes: as powers of
two, so no shape contradicts itself.
"""

_STEPS = {"token_words": 4096, "residual_words": 4096, "key_value_tiles": 256}
"""Memories that decide only what fits; they grow by what a block of the device holds."""

_LARGEST = {"token_words": 1 << 16, "residual_words": 1 << 16, "key_value_tiles": 1 << 12}


def design_of(choices: Mapping[str, int], base: DesignConfig, network: Network) -> DesignConfig:
    """The design with these choices; maxima, part and clock are those of `base`.

    Raises:
        UserError: the choices contradict each other, or no memory that a design may have suffices.
    """
    lanes = choices["lanes"]
    inputs = lanes * choices["input_words"]
    sizes: dict[str, Any] = dict.fromkeys(_STEPS, 1)
    design = replace(
        base,
        name="explored",
        array_tokens=choices["array_tokens"],
        array_inputs=inputs,
        array_outputs=lanes,
        lanes=lanes,
        panel_lanes=lanes * choices["panel_words"],
        read_ports=choices["read_ports"],
        weight_tiles=choices["weight_tiles"],
        parameter_words=choices["parameter_words"],
        **sizes,
    )
    return with_memories(design, network)


def choices_of(design: DesignConfig) -> dict[str, int]:
    """The choices that make a design, but for its memories."""
    words = {
        "input_words": design.array_inputs // design.lanes,
        "panel_words": design.panel_lanes // design.lanes,
    }
    return {name: words[name] if name in words else getattr(design, name) for name in CHOICES}


def with_memories(design: DesignConfig, network: Network) -> DesignConfig:
    """The design with the smallest memories of rows, keys and values that hold a network at once.

    Raises:
        UserError: the largest ones do not.
    """
    found: dict[str, Any] = {}
    for name, step in _STEPS.items():
        sizes: dict[str, Any] = {**_LARGEST, name: step}
        while sizes[name] < _LARGEST[name] and not _holds(replace(design, **sizes), network):
            sizes[name] += step
        found[name] = sizes[name]
    design = replace(design, **found)
    plan_buffers(network, design, UNDIVIDED)
    return design


def _holds(design: DesignConfig, network: Network) -> bool:
    try:
        plan_buffers(network, design, UNDIVIDED)
    except UserError:
        return False
    return True
