"""Programs of the engine for a compiled model, and the memory that they run in.

`build_plan` lays parameters, image, results and programs out in one arena. All tasks share the
parameters; each has a program for a whole image and, for several tasks on one image, a suffix
behind the prefix that all have in common.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.hls.fit import check_fits
from m3vit.hls.isa import Instruction
from m3vit.hls.isa_checks import row_bytes
from m3vit.model.compiled import CompiledModel
from m3vit.model.fixed import Codes
from m3vit.model.reference import TaskRun

from .arena import Arena, Region
from .buffers import AS_LITTLE_AS_POSSIBLE, Division, plan_buffers
from .instructions import Surroundings
from .packing import ceiling, pack_bytes
from .placement import PlacedModel, Placement
from .results import Outputs, read_outputs, read_rows, reserve_outputs
from .tiling import Tile
from .walk import SLOTS, Walk, attended_name, output_name


@dataclass(frozen=True)
class Program:
    """Instructions and where they lie.

    Attributes:
        instructions: from BEGIN to END.
        line: of the arena, at which they begin.
        parts: of the network, "embedding", "layers.0.attention" ..., of every instruction; empty
            if not known.
        kept: trace name -> where the program stores that residual stream.
    """

    instructions: tuple[Instruction, ...]
    line: int
    parts: tuple[str, ...] = ()
    kept: Mapping[str, Region] = field(default_factory=dict)


@dataclass(frozen=True)
class Slot:
    """Memory of one image under way; while one is computed, the host uses another.

    Attributes:
        image: where the pixels go. outputs: where results come, by task.
        programs: from pixels to output, by task.
    """

    image: Region
    outputs: Mapping[str, Outputs]
    programs: Mapping[str, Program]


@dataclass(frozen=True)
class Plan:
    """Everything that the engine needs for a model.

    Attributes:
        model: that it runs. design: of the hardware.
        arena_bytes: of memory.
        content: (offset, bytes) of what lies there before the first run.
        slots: for streams of images, two; single images use the first one.
        placed: parameters.
        tiles: of tokens, that are worked on one after another.
        traced: the same, with a STORE behind embedding, every attention and every block.
        prefix: from pixels to the first gate; leaves a snapshot for suffixes.
        suffixes: from the snapshot to the output, by task.
    """

    model: CompiledModel
    design: DesignConfig
    arena_bytes: int
    content: tuple[tuple[int, NDArray[np.uint8]], ...]
    slots: tuple[Slot, Slot]
    placed: PlacedModel
    tiles: tuple[Tile, ...]
    traced: Mapping[str, Program]
    prefix: Program
    suffixes: Mapping[str, Program]

    @property
    def image(self) -> Region:
        """Where the pixels go."""
        return self.slots[0].image

    @property
    def outputs(self) -> Mapping[str, Outputs]:
        """Where results come, by task."""
        return self.slots[0].outputs

    @property
    def programs(self) -> Mapping[str, Program]:
        """From pixels to output, by task."""
        return self.slots[0].programs

    @cached_property
    def content_bytes(self) -> int:
        """How much must be written before the first run."""
        return sum(piece.size for _, piece in self.content)

    def write_to(self, arena: NDArray[np.uint8]) -> None:
        """Put the initial content into an arena of at least `arena_bytes`."""
        for offset, piece in self.content:
            arena[offset : offset + piece.size] = piece

    def memory(self) -> NDArray[np.uint8]:
        """A fresh arena."""
        arena = np.zeros(self.arena_bytes, np.uint8)
        self.write_to(arena)
        return arena

    def place_image(self, pixels: NDArray[np.uint8]) -> bytes:
        """The bytes that belong into the region `image`.

        Raises:
            UserError: another image size or type.
        """
        network = self.model.network
        expected = (network.image_height, network.image_width, network.channels)
        if pixels.shape != expected or pixels.dtype != np.uint8:
            raise UserError(
                f"the image is {pixels.dtype} {pixels.shape} and this model takes uint8 "
                f"{expected}: resize or convert it first"
            )
        return pixels.tobytes()

    def read_run(self, arena: NDArray[np.uint8], task: str) -> TaskRun:
        """What the last program of a task left in an arena.

        The engine does not store logits of gates: `routing` has none, (T, 0).
        """
        outputs = self.outputs[self.model.task(task).name]
        return self.unpack_run(arena[outputs.start : outputs.stop], task)

    def unpack_run(self, content: NDArray[np.uint8], task: str) -> TaskRun:
        """The same from the bytes of `outputs[task]` of any slot."""
        outputs = self.outputs[task]
        return read_outputs(
            self.model, self.design, self.tiles, self.placed, outputs, content, task
        )

    def read_trace(self, arena: NDArray[np.uint8], program: Program) -> dict[str, Codes]:
        """Residual streams that a program stored, by the reference's trace names."""
        return {
            name: self.unpack_rows(arena[region.start : region.stop])
            for name, region in program.kept.items()
        }

    def unpack_rows(self, content: NDArray[np.uint8]) -> Codes:
        """(T, D) int16 residual stream out of the bytes that a STORE left."""
        network = self.model.network
        return read_rows(content, network.num_tokens, network.width)


def build_plan(
    model: CompiledModel, design: DesignConfig, division: Division = AS_LITTLE_AS_POSSIBLE
) -> Plan:
    """Programs and memory for a model on a design.

    Args:
        model: that runs. design: of the hardware.
        division: of tokens and heads; the results do not depend on it.

    Raises:
        UserError: the network exceeds the design or the instruction set.
    """
    network = model.network
    check_fits(network, design)
    if len(network.moe_layers) > SLOTS:
        raise UserError(
            f"this network has {len(network.moe_layers)} layers with experts, "
            f"{len(network.moe_layers) - SLOTS} more than the engine's {SLOTS}: "
            "use experts in fewer layers"
        )
    buffers = plan_buffers(network, design, division)
    arena = Arena()
    placed = Placement(model, design, buffers, arena).place()
    pixels = network.image_height * network.image_width * network.channels

    def memory() -> tuple[Region, dict[str, Outputs]]:
        """Of one slot."""
        image = arena.reserve(ceiling(pixels, design.lanes) * design.lanes)
        outputs = {
            task.name: reserve_outputs(model, design, buffers, placed, arena, task.name)
            for task in model.tasks
        }
        return image, outputs

    (image, outputs), (other_image, other_outputs) = memory(), memory()
    rows = row_bytes(design, network.num_tokens, buffers.residual_words)
    streamed = rows if buffers.tiling.streamed else 0
    traces = {name: arena.reserve(rows) for name in _trace_names(model)}
    around = Surroundings(
        model,
        design,
        buffers,
        placed,
        image,
        outputs,
        final_rows=arena.reserve(rows),
        block_input=arena.reserve(rows),
        attended=arena.reserve(rows),
        stream=(arena.reserve(streamed), arena.reserve(streamed)),
    )
    snapshot = {}
    if network.moe_layers:
        snapshot[attended_name(network.first_gate)] = around.attended
    if network.gate_input_ahead or not network.moe_layers:
        snapshot[output_name(network.first_gate - 1)] = around.block_input

    def program(walk: Walk, instructions: tuple[Instruction, ...]) -> Program:
        encoded = b"".join(instruction.encode() for instruction in instructions)
        region = arena.place(pack_bytes(np.frombuffer(encoded, np.uint8)))
        return Program(instructions, region.line, walk.parts, walk.kept)

    def images(place: Surroundings, kept: Mapping[str, Region] | None = None) -> dict[str, Program]:
        """A program for each task."""
        walks = {task.name: Walk(place, kept) for task in model.tasks}
        return {name: program(walk, walk.image(model.task(name))) for name, walk in walks.items()}

    other = replace(around, image=other_image, outputs=other_outputs)
    prefix = Walk(around, snapshot)
    suffixes = {task.name: Walk(around) for task in model.tasks}
    slots = (
        Slot(image, outputs, images(around)),
        Slot(other_image, other_outputs, images(other)),
    )
    traced = images(around, traces)
    start = program(prefix, prefix.prefix())
    ends = {name: program(walk, walk.suffix(model.task(name))) for name, walk in suffixes.items()}
    return Plan(
        model,
        design,
        arena.size,
        arena.content(),
        slots,
        placed,
        buffers.tiling.tiles,
        traced,
        start,
        ends,
    )


def _trace_names(model: CompiledModel) -> list[str]:
    blocks = range(model.network.num_layers)
    return [
        output_name(-1),
        *(name(index) for index in blocks for name in (attended_name, output_name)),
    ]
