"""What the hardware is: sizes and maxima of a design point, the one source of `config.hpp`.

Networks come at run time, in commands; a design only bounds them. `hls/designs` holds the design
points that ship; a TOML file of your own with the same keys works as well.
"""

import dataclasses
import difflib
import hashlib
import importlib.resources
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m3vit.errors import UserError
from m3vit.model.fixed import MAX_TOKENS, MAX_WIDTH
from m3vit.model.network import MAX_EXPERTS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def _size(low: int, high: int) -> Any:
    """A field that holds an integer within [low, high]."""
    return dataclasses.field(metadata={"range": (low, high)})


@dataclass(frozen=True)
class DesignConfig:
    """One design point.

    Attributes:
        name: of the design; no part of the hardware.
        part: the FPGA, as the vendor's tools name it.
        clock_mhz: target frequency.
        array_tokens, array_inputs, array_outputs: a cycle of the matmul array multiplies that
            many tokens x inputs with inputs x outputs.
        lanes: channels per word of all kernels behind the array, and of the image.
        panel_lanes: channels per word on the way into the array.
        max_tokens: T. max_width: D. max_hidden: F of MLPs and experts, and values of a patch.
        max_heads: H. max_head_width: D / H. max_experts: E. max_experts_per_token: K.
        max_patch_size: pixels. max_channels: of the image.
        max_strip_bytes: pixels x channels of one row of patches.
        max_routed_values: T x D, D in whole words, of a layer whose tokens go to experts.
        read_ports: AXI ports that read weights, 16 bytes a cycle each.
        token_words: rows of int8 codes on chip, in words of panel_lanes channels.
        residual_words: residual stream on chip, in words of lanes channels.
        key_value_tiles: keys on chip, in tiles of array_outputs x array_inputs; values as many.
        weight_tiles: weights on chip, likewise.
        parameter_words: requantisation on chip, in words of lanes channels.

    Raises:
        UserError: a size out of its range, or sizes that do not fit together.
    """

    name: str
    part: str
    clock_mhz: int = _size(1, 1000)
    array_tokens: int = _size(2, 64)
    array_inputs: int = _size(4, 256)
    array_outputs: int = _size(1, 256)
    lanes: int = _size(1, 256)
    panel_lanes: int = _size(1, 256)
    max_tokens: int = _size(1, MAX_TOKENS)
    max_width: int = _size(1, MAX_WIDTH)
    max_hidden: int = _size(1, 8192)
    max_heads: int = _size(1, 256)
    max_head_width: int = _size(1, 256)
    max_experts: int = _size(1, MAX_EXPERTS)
    max_experts_per_token: int = _size(1, 16)
    max_patch_size: int = _size(1, 64)
    max_channels: int = _size(1, 4)
    max_strip_bytes: int = _size(1, 1 << 20)
    max_routed_values: int = _size(1, 1 << 22)
    read_ports: int = _size(1, 4)
    token_words: int = _size(1, 1 << 16)
    residual_words: int = _size(1, 1 << 16)
    key_value_tiles: int = _size(1, 1 << 12)
    weight_tiles: int = _size(1, 1 << 15)
    parameter_words: int = _size(1, 1 << 12)

    def __post_init__(self) -> None:
        for field in _SIZES:
            value, (low, high) = getattr(self, field.name), field.metadata["range"]
            if type(value) is not int or not low <= value <= high:
                raise UserError(
                    f"design '{self.name}': {field.name} is {value!r}; "
                    f"give an integer from {low} to {high}"
                )
        if not isinstance(self.part, str) or not self.part:
            raise UserError(f"design '{self.name}': part is {self.part!r}; give the FPGA's name")
        for rule in _RULES:
            if not rule.holds(self):
                raise UserError(f"design '{self.name}': {rule.sentence}")

    def beats(self, channels: int) -> int:
        """Beats of a row: the panel takes whole words of channels, the array whole tiles."""
        span = max(1, self.panel_lanes // self.array_inputs)
        return -(-channels // (self.array_inputs * span)) * span

    @property
    def max_beats(self) -> int:
        """Beats of the longest row: of channels, or of attention weights."""
        return self.beats(max(self.max_hidden, self.max_tokens))

    @classmethod
    def load(cls, source: str | Path) -> "DesignConfig":
        """Read a design point.

        Args:
            source: the name of one that ships, or a TOML file with one value per attribute.

        Raises:
            UserError: there is no such design, or the file is not a correct one.
        """
        path = Path(source)
        try:
            if path.suffix == ".toml":
                content = path.read_bytes()
            elif str(source) in design_names():
                content = _shipped().joinpath(f"{source}.toml").read_bytes()
            else:
                raise UserError(
                    f"there is no design '{source}': give one of {', '.join(design_names())}, or "
                    "a file of your own that ends with .toml"
                )
            values = tomllib.loads(content.decode())
        except OSError as error:
            raise UserError(
                f"cannot read the design {path} ({error.strerror}): check the path"
            ) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UserError(f"{path} is not valid TOML ({error}): correct it") from None
        known = [field.name for field in dataclasses.fields(cls) if field.name != "name"]
        for key in values:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                remedy = f"did you mean '{close[0]}'?" if close else f"keys are {', '.join(known)}"
                raise UserError(f"design '{path.stem}': unknown key '{key}': {remedy}")
        for key in known:
            if key not in values:
                raise UserError(f"design '{path.stem}': '{key}' is missing: add it")
        return cls(name=path.stem, **values)

    @property
    def design_id(self) -> int:
        """32 bits that identify the hardware; equal for equal values, whatever the name."""
        values = dataclasses.asdict(self)
        del values["name"]
        digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).digest()
        return int.from_bytes(digest[:4], "big")

    def config_header(self) -> str:
        """The text of `m3vit/config.hpp`: every size as a constant, and the rules among them."""
        sizes = {_constant(field.name): getattr(self, field.name) for field in _SIZES}
        constants = [f"constexpr int {name} = {value};" for name, value in sizes.items()]
        rules = [
            f'static_assert({rule.expression},\n              "{rule.sentence}");'
            for rule in _RULES
        ]
        lines = [
            "/// \\file config.hpp",
            f"/// Sizes of the design '{self.name}', generated by m3vit.hls.design.",
            "#pragma once",
            "",
            "namespace m3vit {",
            "",
            *constants,
            "",
            f"constexpr unsigned kDesignId = 0x{self.design_id:08x};",
            "",
            *rules,
            "",
            "}  // namespace m3vit",
        ]
        return "\n".join(lines) + "\n"


def design_names() -> list[str]:
    """Names of the designs that come with the package."""
    return sorted(
        Path(entry.name).stem for entry in _shipped().iterdir() if entry.name.endswith(".toml")
    )


def _shipped() -> Any:
    return importlib.resources.files("m3vit.hls").joinpath("designs")


def _constant(name: str) -> str:
    """`array_tokens` -> `kArrayTokens`."""
    return "k" + "".join(word.capitalize() for word in name.split("_"))


_SIZES = [field for field in dataclasses.fields(DesignConfig) if "range" in field.metadata]


@dataclass(frozen=True)
class _Rule:
    """A relation between sizes, in C++ for whoever writes the header by hand, and in Python."""

    expression: str
    holds: Callable[[DesignConfig], bool]
    sentence: str


def _is_power_of_two(value: int) -> bool:
    return value & (value - 1) == 0


_RULES = (
    _Rule(
        "kArrayTokens % 2 == 0",
        lambda design: design.array_tokens % 2 == 0,
        "array_tokens must be even, for two tokens share a multiplier",
    ),
    _Rule(
        "kArrayInputs % 4 == 0",
        lambda design: design.array_inputs % 4 == 0,
        "array_inputs must be a multiple of 4, for products are added in groups of four",
    ),
    _Rule(
        "kArrayInputs % kPanelLanes == 0 || kPanelLanes % kArrayInputs == 0",
        lambda design: (
            design.array_inputs % design.panel_lanes == 0
            or design.panel_lanes % design.array_inputs == 0
        ),
        "panel_lanes must divide array_inputs or be a multiple of it, for a tile takes whole words "
        "or a word gives whole tiles",
    ),
    _Rule(
        "kArrayOutputs == kLanes",
        lambda design: design.array_outputs == design.lanes,
        "lanes must equal array_outputs, for one token's results of a tile are one word",
    ),
    _Rule(
        "(kLanes & (kLanes - 1)) == 0",
        lambda design: _is_power_of_two(design.lanes),
        "lanes must be a power of two, for a byte's address tells its bank",
    ),
    _Rule(
        "kPanelLanes % kLanes == 0",
        lambda design: design.panel_lanes % design.lanes == 0,
        "panel_lanes must be a multiple of lanes, for gathered words are put together",
    ),
    _Rule(
        "kMaxRoutedValues % kPanelLanes == 0",
        lambda design: design.max_routed_values % design.panel_lanes == 0,
        "max_routed_values must be a multiple of panel_lanes, for they are kept in whole words",
    ),
    _Rule(
        "kReadPorts == 1 || kReadPorts == 2 || kReadPorts == 4",
        lambda design: design.read_ports in (1, 2, 4),
        "read_ports must be 1, 2 or 4, for they share lines of 64 bytes",
    ),
    _Rule(
        "(kArrayOutputs * kArrayInputs) % (16 * kReadPorts) == 0",
        lambda design: design.array_outputs * design.array_inputs % (16 * design.read_ports) == 0,
        "array_outputs x array_inputs must be a multiple of 16 x read_ports, for a tile of weights "
        "comes in whole words of memory",
    ),
    _Rule(
        "(8 * kLanes) % (16 * kReadPorts) == 0",
        lambda design: 8 * design.lanes % (16 * design.read_ports) == 0,
        "8 x lanes must be a multiple of 16 x read_ports, for so do words of parameters",
    ),
    _Rule(
        "(kWeightTiles & (kWeightTiles - 1)) == 0 && "
        "(kParameterWords & (kParameterWords - 1)) == 0",
        lambda design: (
            _is_power_of_two(design.weight_tiles) and _is_power_of_two(design.parameter_words)
        ),
        "weight_tiles and parameter_words must be powers of two, for addresses wrap around",
    ),
    _Rule(
        "(kMaxStripBytes & (kMaxStripBytes - 1)) == 0 && kMaxStripBytes % kLanes == 0",
        lambda design: (
            _is_power_of_two(design.max_strip_bytes) and design.max_strip_bytes % design.lanes == 0
        ),
        "max_strip_bytes must be a power of two and at least lanes, for addresses wrap around",
    ),
)
