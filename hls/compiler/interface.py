"""The ports of a generated module, as whoever instantiates or drives it sees them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from . import graph
from .diagnostics import HlsError
from .ir import Location, Payload, Scalar
from .names import legal

Control = Literal["free-running", "ap_ctrl_hs", "axilite"]
Direction = Literal["in", "out"]

FEWEST_PLACES = 2
"""Words in the smallest queue that passes one in every cycle."""

AP_CTRL = (("ap_start", "in"), ("ap_done", "out"), ("ap_idle", "out"), ("ap_ready", "out"))
"""Ports that start a function and tell its end; each is one bit wide."""


@dataclass(frozen=True)
class Stream:
    """A stream of a module.

    Attributes:
        direction: "in" is read by the module, "out" is written.
        places: words that fit into the module's own queue behind an output; 0 for an input.
    """

    name: str
    payload: Payload
    direction: Direction
    location: Location | None = None
    places: int = 0

    @property
    def width(self) -> int:
        """Bits of a word."""
        return self.payload.width


@dataclass(frozen=True)
class Port:
    """One port of a module, `width` bits."""

    name: str
    direction: Direction
    width: int = 1

    def __str__(self) -> str:
        """Its declaration in an ANSI port list."""
        bits = f"[{self.width - 1}:0] " if self.width > 1 else ""
        return f"{self.direction}put logic {bits}{self.name}"


@dataclass(frozen=True)
class Interface:
    """What a generated module looks like from outside.

    Attributes:
        name: of the module.
        streams, scalars: in order of the C++ arguments.
        control: "free-running": no control ports. "ap_ctrl_hs": started and awaited by ports.
            "axilite": by registers, which also hold the scalars.
    """

    name: str
    streams: tuple[Stream, ...]
    scalars: tuple[Scalar, ...]
    control: Control
    location: Location | None = None

    def ports(self) -> Iterator[Port]:
        """All ports of a module without registers, in order.

        Raises:
            HlsError: two arguments lead to ports of one name.
        """
        seen: set[str] = set()
        for port in self._ports():
            if port.name in seen:
                raise HlsError(
                    "port-names",
                    f"two arguments of `{self.name}` become ports called `{port.name}`: "
                    "rename one of them",
                    self.location,
                )
            seen.add(port.name)
            yield port

    def _ports(self) -> Iterator[Port]:
        yield Port("clk", "in")
        yield Port("rst_n", "in")
        if self.control == "ap_ctrl_hs":
            for name, direction in AP_CTRL:
                yield Port(name, "in" if direction == "in" else "out")
        for scalar in self.scalars:
            yield Port(legal(scalar.name), "in", scalar.width)
        for stream in self.streams:
            yield from stream_ports(stream.name, stream.width, stream.direction)


def stream_ports(name: str, width: int, direction: Direction) -> Iterator[Port]:
    """The three ports of a stream; `ready` goes against its direction."""
    yield Port(f"{name}_data", direction, width)
    yield Port(f"{name}_valid", direction)
    yield Port(f"{name}_ready", "out" if direction == "in" else "in")


def connected(connections: Iterable[tuple[str, str]], indent: int = 8) -> str:
    """Lines of an instance's port list, one per (port, expression)."""
    blanks = " " * indent
    return ",\n".join(f"{blanks}.{port}({expression})" for port, expression in connections)


def of_process(process: graph.Process, places: Mapping[str, int] | None = None) -> Interface:
    """The interface of a process.

    Args:
        process: what it is of.
        places: output -> words in its queue; what is left out counts as the fewest possible.

    Raises:
        HlsError: a stream argument that the process neither reads nor writes.
    """
    streams = []
    for name, port in process.streams.items():
        if name not in process.inputs and name not in process.outputs:
            raise HlsError(
                "unused-stream",
                f"`{process.name}` neither reads nor writes its stream `{name}`: remove it",
                port.location or process.location,
            )
        if name in process.inputs:
            streams.append(Stream(name, port.payload, "in", port.location))
        else:
            own = (places or {}).get(name, FEWEST_PLACES)
            streams.append(Stream(name, port.payload, "out", port.location, own))
    return Interface(
        process.name,
        tuple(streams),
        tuple(process.scalars.values()),
        "free-running" if process.free_running else "ap_ctrl_hs",
        process.location,
    )
