"""Runs single kernels natively: streams are NumPy arrays of structured types.

    outputs = kernels.run("route", design, {"commands": commands, "picks": picks})

A stream whose payload is a C++ struct is an array of a structured type with the struct's field
names; `stream_types` says which. What a kernel gets here and answers here is also what drives and
checks its RTL.
"""

import ctypes
import functools
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.hls.kernels import source_of
from m3vit.sim.csim.build import library, stream_names

Items = NDArray[Any]


class SimulationError(RuntimeError):
    """The kernel did something that hardware could not: a deadlock, a read without data."""


@dataclass(frozen=True)
class Number:
    """One number of a payload, or an array of them.

    Attributes:
        path: names of the fields that lead to it.
        width: bits, as declared in C++.
        signed: it is a signed type.
    """

    path: tuple[str, ...]
    width: int
    signed: bool


@dataclass(frozen=True)
class StreamType:
    """The payload of a stream: as a NumPy type, and what that cannot say."""

    dtype: np.dtype[Any]
    numbers: tuple[Number, ...]


def stream_types(kernel: str, design: DesignConfig) -> dict[str, StreamType]:
    """What each stream of a kernel carries, in the order of its arguments."""
    return _load_named(kernel, design).streams


def prepare(names: Iterable[str], design: DesignConfig) -> None:
    """Compile and load kernels, several at a time; otherwise that happens at their first use."""
    with ThreadPoolExecutor(max((os.cpu_count() or 1) // 2, 1)) as pool:
        for _ in pool.map(lambda name: _load_named(name, design), names):
            pass


def run(
    kernel: str,
    design: DesignConfig,
    inputs: Mapping[str, Items],
    threads: bool = False,
    depth: int = 2,
) -> dict[str, Items]:
    """Run a kernel until everything in its input streams is used up.

    Args:
        kernel: its name; `hls/src/<kernel>_top.cpp` instantiates it.
        design: sizes it is compiled for.
        inputs: stream -> (n,) payloads. All streams that are missing here are outputs.
        threads: every process in its own thread, joined by bounded streams, which shows
            deadlocks; otherwise processes run one after another.
        depth: of the streams that declare none; only with `threads`.

    Returns:
        Output stream -> (n,) payloads.

    Raises:
        SimulationError: a deadlock, a read from an empty stream, or inputs left unread.
        ValueError: a number that its field cannot hold.
        UserError: no such kernel or no compiler.
    """
    return _load_named(kernel, design, threads).run(inputs, depth)


@functools.cache
def _load_named(kernel: str, design: DesignConfig, threads: bool = False) -> "Kernel":
    return load(source_of(kernel), design, threads)


@functools.cache
def load(source: Path, design: DesignConfig, threads: bool = False) -> "Kernel":
    """Compile a kernel of any source file `<name>_top.cpp`, if need be, and load it."""
    return Kernel(library(source, design, threads), stream_names(source))


class Kernel:
    """A kernel in a shared library.

    Args:
        path: the library.
        names: of its streams.
    """

    def __init__(self, path: Path, names: list[str]) -> None:
        self.name = path.name
        self._library = ctypes.CDLL(str(path))
        self._library.m3vit_describe.restype = ctypes.c_char_p
        self._library.m3vit_run.restype = ctypes.c_void_p
        self._library.m3vit_error.restype = ctypes.c_char_p
        self._library.m3vit_left.restype = ctypes.c_size_t
        self._library.m3vit_bytes.restype = ctypes.c_size_t
        layouts = json.loads(self._library.m3vit_describe())
        self.streams = {
            name: StreamType(_dtype(layout), tuple(_numbers(layout)))
            for name, layout in zip(names, layouts, strict=True)
        }

    def run(self, inputs: Mapping[str, Items], depth: int = 2) -> dict[str, Items]:
        """See `run` of the module."""
        unknown = set(inputs) - set(self.streams)
        if unknown:
            raise ValueError(f"{self.name} has no stream {', '.join(sorted(unknown))}")
        ports = (_Port * len(self.streams))()
        kept = []  # the arrays stay alive until the kernel has ended
        for port, (name, stream) in zip(ports, self.streams.items(), strict=True):
            if name in inputs:
                items = _payloads(inputs[name], stream, name)
                kept.append(items)
                port.items, port.count = items.ctypes.data, items.size
        outcome = ctypes.c_void_p(
            self._library.m3vit_run(ports, ctypes.c_size_t(depth), ctypes.c_size_t(TIMEOUT_MS))
        )
        try:
            self._check(outcome, inputs)
            return {
                name: self._drained(outcome, index, stream.dtype)
                for index, (name, stream) in enumerate(self.streams.items())
                if name not in inputs
            }
        finally:
            self._library.m3vit_release(outcome)

    def _check(self, outcome: ctypes.c_void_p, inputs: Mapping[str, Items]) -> None:
        error = self._library.m3vit_error(outcome).decode()
        if error:
            raise SimulationError(f"{self.name}: {error}")
        for index, name in enumerate(self.streams):
            left = self._library.m3vit_left(outcome, ctypes.c_size_t(index))
            if left:
                raise SimulationError(
                    f"{self.name}: {left} of {inputs[name].size} items of '{name}' are left unread"
                )

    def _drained(self, outcome: ctypes.c_void_p, index: int, dtype: np.dtype[Any]) -> Items:
        position = ctypes.c_size_t(index)
        items = np.empty(self._library.m3vit_bytes(outcome, position) // dtype.itemsize, dtype)
        self._library.m3vit_copy(outcome, position, ctypes.c_void_p(items.ctypes.data))
        return items


TIMEOUT_MS = 20_000
"""How long nothing may move in a threaded simulation before it counts as stuck."""


class _Port(ctypes.Structure):
    """`m3vit::csim::Port`."""

    _fields_ = (("items", ctypes.c_void_p), ("count", ctypes.c_size_t))


def _dtype(layout: dict[str, Any]) -> np.dtype[Any]:
    """The NumPy type of a layout that hls/csim/payload.hpp describes."""
    if "fields" in layout:
        return np.dtype(
            {
                "names": [field["name"] for field in layout["fields"]],
                "formats": [_dtype(field["type"]) for field in layout["fields"]],
                "offsets": [field["offset"] for field in layout["fields"]],
                "itemsize": layout["bytes"],
            }
        )
    if "count" in layout:
        element = _dtype(layout["element"])
        return np.dtype((element.base, (layout["count"], *element.shape)))
    return np.dtype(f"{'i' if layout['signed'] else 'u'}{layout['bytes']}")


def _numbers(layout: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[Number]:
    """Every number of a layout; those of an array once."""
    if "fields" in layout:
        for field in layout["fields"]:
            yield from _numbers(field["type"], (*path, field["name"]))
    elif "count" in layout:
        yield from _numbers(layout["element"], path)
    else:
        yield Number(path, layout["width"], layout["signed"])


def _payloads(items: Items, stream: StreamType, name: str) -> Items:
    """`items` as the stream's own type, every number checked against its declared width."""
    if items.ndim != 1:
        raise ValueError(f"stream '{name}' takes an array of one axis, got shape {items.shape}")
    if items.dtype.names != stream.dtype.names:
        raise ValueError(f"stream '{name}' carries {stream.dtype}, got {items.dtype}")
    for number in stream.numbers:
        values = items
        for field in number.path:
            values = values[field]
        kind = "i" if number.signed else "u"
        if values.dtype.kind == kind and 8 * values.dtype.itemsize <= number.width:
            continue
        low = -(1 << (number.width - 1)) if number.signed else 0
        high = (1 << (number.width - number.signed)) - 1
        if values.size and (int(values.min()) < low or int(values.max()) > high):
            raise ValueError(
                f"stream '{name}': {'.'.join(number.path) or 'a value'} goes from {values.min()} "
                f"to {values.max()} and holds {low} to {high}"
            )
    return np.ascontiguousarray(items, stream.dtype)
