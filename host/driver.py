"""Runs a compiled model on the engine: memory, registers, and what a run has cost.

The engine is behind a `Port`: a board, or a simulation. All addresses of memory are relative to the
arena, which the port provides.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.hls import registers
from m3vit.hls.isa import ENDINGS, LINE_BYTES, VERSION
from m3vit.hls.registers import COUNTERS, REGISTERS
from m3vit.model.fixed import Codes
from m3vit.model.reference import TaskRun

from .packing import ceiling
from .program import Plan, Program
from .stream import Frame, Throughput, stream

CODE_BITS = 8
WORD_BITS = 32


class Port(Protocol):
    """Access to an engine and its arena."""

    @property
    def arena_address(self) -> int:
        """Of the arena's first byte, as the engine addresses memory; a multiple of 64."""
        ...

    @property
    def arena_bytes(self) -> int:
        """Size of the arena."""
        ...

    def read_register(self, offset: int) -> int:
        """The 32 bits at a byte address."""
        ...

    def write_register(self, offset: int, value: int) -> None:
        """Set the 32 bits at a byte address."""
        ...

    def read(self, offset: int, count: int) -> bytes:
        """Bytes of the arena."""
        ...

    def write(self, offset: int, content: bytes) -> None:
        """Put bytes into the arena."""
        ...


class EngineError(RuntimeError):
    """A program that did not end well; the next one may be started.

    One that did not end in time may still be running; the next one waits for it.

    Attributes:
        code: of STATUS. position: of the instruction in the program.
    """

    def __init__(self, sentence: str, code: int, position: int) -> None:
        super().__init__(sentence)
        self.code, self.position = code, position


class EngineDriver:
    """One engine with a model in its memory.

    Args:
        port: to the engine; its arena is written at once.
        plan: of the model, for the engine's design.
        timeout: seconds that a program may take.

    Raises:
        UserError: the engine is of another design or version, or the arena is too small.
    """

    overlapped = True
    """Whether the arena may be written and read while a program runs."""

    def __init__(self, port: Port, plan: Plan, timeout: float = 60.0) -> None:
        self.port, self.plan, self.timeout = port, plan, timeout
        self._check()
        for offset, piece in plan.content:
            port.write(offset, piece.tobytes())

    def run(self, pixels: NDArray[np.uint8], task: str) -> TaskRun:
        """Run one task on one image, as `Reference.run`; without logits of gates.

        Raises:
            UserError: another image size or type, or an unknown task.
            EngineError: the program did not end well, or not in time.
        """
        name = self.plan.model.task(task).name
        self._send(pixels)
        self.execute(self.plan.programs[name])
        return replace(self._result(name), cycles=self.statistic("CYCLES"))

    def run_all(self, pixels: NDArray[np.uint8], tasks: Iterable[str]) -> dict[str, TaskRun]:
        """Run several tasks on one image; what precedes the first gate runs once."""
        names = [self.plan.model.task(task).name for task in tasks]
        self._send(pixels)
        self.execute(self.plan.prefix)
        runs = {}
        for name in names:
            self.execute(self.plan.suffixes[name])
            runs[name] = self._result(name)
        return runs

    def run_traced(self, pixels: NDArray[np.uint8], task: str) -> tuple[TaskRun, dict[str, Codes]]:
        """Run one task, and bring back the residual stream behind every attention and block."""
        name = self.plan.model.task(task).name
        program = self.plan.traced[name]
        self._send(pixels)
        self.execute(program)
        trace = {}
        for part, region in program.kept.items():
            content = np.frombuffer(self.port.read(region.start, region.size), np.uint8)
            trace[part] = self.plan.unpack_rows(content)
        return self._result(name), trace

    def stream(
        self, frames: Iterable[Frame], throughput: Throughput | None = None
    ) -> Iterator[TaskRun]:
        """Run one task on each of many images, in their order.

        The image behind and the result in front are on their way while the engine computes: a
        result comes when the next frame has been started, or when there are no more.

        Args:
            frames: images of the model's size, and the task of each.
            throughput: a fresh one counts what this takes.

        Raises:
            UserError: another image size or type, or an unknown task.
            EngineError: a program did not end well, or not in time.
        """
        return stream(self, frames, throughput if throughput is not None else Throughput())

    def execute(self, program: Program) -> None:
        """Start a program and wait until it has ended.

        Raises:
            EngineError: it did not end well, or not in time.
        """
        self.start(program)
        self.finish(program)

    def start(self, program: Program) -> None:
        """Start a program, once the engine has ended what it was running.

        That may be a program that was given up, or one of another driver. While it runs registers
        cannot be written, and its end would be taken for that of the new one.

        Raises:
            EngineError: it does not end in time.
        """
        if not self.await_idle():
            raise EngineError(
                f"the engine has been busy with an earlier program for {self.timeout:g} s: load "
                "its bitstream again, which resets it",
                0,
                0,
            )
        self._set("ARENA", self.port.arena_address)
        self._set("ARENA_LINES", ceiling(self.plan.arena_bytes, LINE_BYTES))
        self._set("PROGRAM", program.line)
        self._set("INSTRUCTIONS", len(program.instructions))
        self._set("CTRL", registers.START)

    def finish(self, program: Program) -> None:
        """Wait for the end of the program that was started.

        Raises:
            EngineError: it did not end well, or not in time.
        """
        if not self.await_done():
            raise EngineError(
                f"the engine did not end its program within {self.timeout:g} s: give a longer "
                "timeout, or load its bitstream again, which resets it",
                0,
                0,
            )
        status = self._get("STATUS")
        code, position = status & ((1 << CODE_BITS) - 1), status >> CODE_BITS
        if code:
            raise EngineError(self._sentence(program, code, position), code, position)

    def await_done(self, seconds: float | None = None) -> bool:
        """Wait until CTRL says done, at most for the time-out or so long; whether it does."""
        return self._await(registers.DONE, seconds)

    def await_idle(self) -> bool:
        """Wait until the engine runs nothing, at most for the time-out; whether it does."""
        return self._await(registers.IDLE)

    def _await(self, bit: int, seconds: float | None = None) -> bool:
        """Look at CTRL until a bit is set, at most for the time-out or so long."""
        deadline = time.monotonic() + (self.timeout if seconds is None else seconds)
        while not self._get("CTRL") & bit:
            if time.monotonic() > deadline:
                return False
        return True

    def statistic(self, name: str) -> int:
        """A counter of the last program, by its name in `hls.registers.COUNTERS`."""
        return self._get(name)

    def statistics(self) -> dict[str, int]:
        """Counters of the last program, by the names in lower case of `hls.registers.COUNTERS`."""
        return {register.name.lower(): self._get(register.name) for register in COUNTERS}

    def _check(self) -> None:
        plan, found = self.plan, self._get("DESIGN_ID")
        if found != plan.design.design_id:
            raise UserError(
                f"the engine is of the design 0x{found:08x} and the programs are for "
                f"'{plan.design.name}', 0x{plan.design.design_id:08x}: build them for the design "
                "that is loaded, or load the other one"
            )
        if (version := self._get("VERSION")) != VERSION:
            raise UserError(
                f"the engine has version {version} of the instruction set and the programs have "
                f"{VERSION}: build the hardware again"
            )
        if plan.arena_bytes > self.port.arena_bytes:
            raise UserError(
                f"this model takes an arena of {plan.arena_bytes} bytes, "
                f"{plan.arena_bytes - self.port.arena_bytes} more than the "
                f"{self.port.arena_bytes} that there are: provide a larger one"
            )

    def _send(self, pixels: NDArray[np.uint8]) -> None:
        self.port.write(self.plan.image.start, self.plan.place_image(pixels))

    def _result(self, task: str) -> TaskRun:
        outputs = self.plan.outputs[task]
        content = self.port.read(outputs.start, outputs.stop - outputs.start)
        return self.plan.unpack_run(np.frombuffer(content, np.uint8), task)

    def _sentence(self, program: Program, code: int, position: int) -> str:
        what = ENDINGS.get(code, "this version does not know the code")
        where = f"at instruction {position}"
        if position < len(program.instructions):
            where += f" ({program.instructions[position].name})"
        return f"the engine stopped with code {code} {where}: {what}"

    def _get(self, name: str) -> int:
        """A register; all its words, the lower first."""
        return sum(
            self.port.read_register(offset) << low for offset, low, _ in REGISTERS[name].words()
        )

    def _set(self, name: str, value: int) -> None:
        for offset, low, _ in REGISTERS[name].words():
            self.port.write_register(offset, (value >> low) & ((1 << WORD_BITS) - 1))
