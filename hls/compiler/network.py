"""DATAFLOW functions as SystemVerilog: instances of processes, joined by queues.

A process takes all inputs of an iteration at once and needs a place for each of its outputs,
where C++ reads and writes one after the other. Two places more than `#pragma HLS STREAM` asks for
make up for it: the network cannot come to rest where the C++ with those depths does not. Every
process ends in queues of its own with at least two places. Where such a queue is deep enough, it
serves the channel; otherwise the channel has a queue as deep as asked.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath

from .diagnostics import HlsError
from .interface import (
    AP_CTRL,
    FEWEST_PLACES,
    Direction,
    Interface,
    Stream,
    connected,
    stream_ports,
)
from .ir import Channel, Instance, Location, Network, Scalar, StreamPort
from .names import Names, legal

_SPARE = 2  # places that a channel has beyond its depth


@dataclass(frozen=True)
class _End:
    """One end of a stream or channel: a stream of an instance."""

    instance: Instance
    stream: Stream


_Ends = Mapping[str, Mapping[Direction, list[_End]]]


def interface(network: Network, functions: Mapping[str, Interface]) -> Interface:
    """The ports of a network, after checking that its streams join its processes one to one.

    Args:
        network: what is called.
        functions: interfaces of everything that it instantiates, by name.

    Raises:
        HlsError: a stream without exactly one writer and one reader, a scalar of another width
            than the argument it goes to, or processes that never end in a network that shall.
    """
    ends = _ends(network, functions)
    for channel in network.channels:
        for does, users in zip(("reads", "writes"), ends[channel.name].values(), strict=True):
            if len(users) != 1:
                raise _not_one(f"channel `{channel.name}`", does, users, channel.location)
    streams = []
    for argument in network.arguments:
        if isinstance(argument, StreamPort):
            users = [end for side in ends[argument.name].values() for end in side]
            if len(users) != 1:
                raise _not_one(f"stream `{argument.name}`", "uses", users, argument.location)
            inner = users[0].stream
            streams.append(replace(inner, name=argument.name, location=argument.location))
    _check_scalars(network, functions)
    if not network.free_running and not _controlled(network, functions):
        raise HlsError(
            "never-done",
            f"no process of `{network.name}` ever ends, so that it would never be done: "
            "give it `#pragma HLS INTERFACE mode=ap_ctrl_none port=return`",
            network.location,
        )
    return Interface(
        network.name,
        tuple(streams),
        tuple(_scalars(network).values()),
        "free-running" if network.free_running else "ap_ctrl_hs",
        network.location,
    )


def queues(network: Network, functions: Mapping[str, Interface]) -> dict[str, int]:
    """Words in the queue of each channel that needs one."""
    ends = _ends(network, functions)
    return {
        channel.name: max(FEWEST_PLACES, channel.depth)
        for channel in network.channels
        if ends[channel.name]["out"][0].stream.places < channel.depth + _SPARE
    }


def emit(network: Network, functions: Mapping[str, Interface]) -> str:
    """The SystemVerilog module of a network; the arguments are those of `interface`."""
    return _Text(network, functions).text()


# Checks -----------------------------------------------------------------------------------------


def _ends(network: Network, functions: Mapping[str, Interface]) -> _Ends:
    """Per stream or channel, who reads it ("in", first) and who writes it ("out")."""
    ends: defaultdict[str, dict[Direction, list[_End]]] = defaultdict(lambda: {"in": [], "out": []})
    for instance in network.instances:
        for stream in functions[instance.function].streams:
            given = str(instance.connections[stream.name])
            ends[given][stream.direction].append(_End(instance, stream))
    return ends


def _not_one(what: str, does: str, users: list[_End], location: Location | None) -> HlsError:
    if users:
        who = " and ".join(f"`{user.instance.function}`" for user in users)
        fault = f"{what}: {who} {does.removesuffix('s')} it, and only one process may"
        remedy = "declare a stream for each"
    else:
        fault = f"{what}: no process {does} it"
        remedy = "add one, or remove the stream"
    return HlsError("one-writer-one-reader", f"{fault}: {remedy}", location)


def _check_scalars(network: Network, functions: Mapping[str, Interface]) -> None:
    scalars = _scalars(network)
    for instance in network.instances:
        for scalar in functions[instance.function].scalars:
            given = instance.connections[scalar.name]
            if isinstance(given, str) and scalars[given].width != scalar.width:
                raise HlsError(
                    "scalar-width",
                    f"`{given}` has {scalars[given].width} bits, but argument `{scalar.name}` of "
                    f"`{instance.function}` has {scalar.width}: declare both with one type",
                    instance.location,
                )


def _scalars(network: Network) -> dict[str, Scalar]:
    return {
        argument.name: argument for argument in network.arguments if isinstance(argument, Scalar)
    }


def _controlled(network: Network, functions: Mapping[str, Interface]) -> list[Instance]:
    """The instances that are started and say when they are done."""
    return [
        instance
        for instance in network.instances
        if functions[instance.function].control == "ap_ctrl_hs"
    ]


# Text -------------------------------------------------------------------------------------------

_CONTROL_WIRES = frozenset(
    ["start", "done", "idle", "finished", "unused_done", "unused_idle", "unused_ready"]
)


class _Text:
    """The module of one network."""

    def __init__(self, network: Network, functions: Mapping[str, Interface]) -> None:
        self.network = network
        self.functions = functions
        self.ports = list(interface(network, functions).ports())
        self.queues = queues(network, functions)
        self.controlled = _controlled(network, functions)
        self.names = Names(frozenset(port.name for port in self.ports) | _CONTROL_WIRES)
        self.channels = {
            channel.name: self.names.unique(channel.name) for channel in network.channels
        }

    def text(self) -> str:
        parts = [*self._channels(), *self._control(), *self._instances(), *self._unused()]
        lines = [
            f"// {self.network.name}: processes joined by queues{_place(self.network.location)}",
            f"module {self.network.name} (",
            ",\n".join(f"    {port}" for port in self.ports),
            ");",
            *(f"    {line}" if line else "" for part in parts for line in ("", *part)),
            "endmodule",
            "",
        ]
        return "\n".join(lines)

    def wire(self, stream: str, direction: Direction) -> str:
        """What the three wires behind a reader's ("in") or a writer's end are called."""
        if stream not in self.channels:
            return stream
        name = self.channels[stream]
        if stream not in self.queues:
            return name
        return f"{name}_from_queue" if direction == "in" else f"{name}_to_queue"

    def _channels(self) -> Iterator[list[str]]:
        for channel in self.network.channels:
            about = f"// {channel.payload.name} {channel.name}{_place(channel.location)}"
            if channel.name in self.queues:
                yield [about, *self._queue(channel, self.queues[channel.name])]
            else:
                yield [
                    f"{about}; its writer's queue is deep enough",
                    *_wires(self.channels[channel.name], channel.payload.width),
                ]

    def _queue(self, channel: Channel, depth: int) -> Iterator[str]:
        width = channel.payload.width
        before, behind = self.wire(channel.name, "out"), self.wire(channel.name, "in")
        yield from _wires(before, width)
        yield from _wires(behind, width)
        instance = self.names.unique(f"{channel.name}_queue")
        parts = ("data", "valid", "ready")
        yield from _instance(
            f"stream_fifo #(.WIDTH({width}), .DEPTH({depth})) {instance}",
            [
                *((f"in_{part}", f"{before}_{part}") for part in parts),
                *((f"out_{part}", f"{behind}_{part}") for part in parts),
            ],
        )

    def _control(self) -> Iterator[list[str]]:
        """Start all processes together, and be done when the last one is."""
        if not self.controlled:
            return
        count = len(self.controlled)
        bits = f"[{count - 1}:0] " if count > 1 else ""
        if self.network.free_running:
            yield [
                "// Processes that end start again at once.",
                f"wire {bits}start = '1;",
                f"logic {bits}unused_done, unused_idle, unused_ready;",
            ]
            return
        yield [
            "// All processes start together; each runs once, and the last one ends the network.",
            f"logic {bits}done, idle, unused_ready;",
            f"logic {bits}finished;  // done before this cycle",
            f"wire {bits}start = ap_start ? ~finished : '0;",
            "assign ap_done = ap_start && &(finished | done);",
            "assign ap_ready = ap_done;",
            "assign ap_idle = !ap_start && &idle;",
            "always_ff @(posedge clk) begin",
            "    if (!rst_n || ap_done) finished <= '0;",
            "    else finished <= finished | done;",
            "end",
        ]

    def _instances(self) -> Iterator[list[str]]:
        for instance in self.network.instances:
            callee = self.functions[instance.function]
            connections = [
                *self._handshake(instance),
                *self._numbers(instance, callee),
                *self._streams(instance, callee),
            ]
            heading = f"{callee.name} {self.names.unique(instance.name)}"
            yield list(_instance(heading, connections, instance.location))

    def _handshake(self, instance: Instance) -> Iterator[tuple[str, str]]:
        if instance not in self.controlled:
            return
        several = len(self.controlled) > 1
        bit = f"[{self.controlled.index(instance)}]" if several else ""
        spare = "unused_" if self.network.free_running else ""
        wires = ("start", f"{spare}done", f"{spare}idle", "unused_ready")
        for (port, _), wire in zip(AP_CTRL, wires, strict=True):
            yield port, f"{wire}{bit}"

    def _numbers(self, instance: Instance, callee: Interface) -> Iterator[tuple[str, str]]:
        for scalar in callee.scalars:
            given = instance.connections[scalar.name]
            if isinstance(given, int):
                bits = given & ((1 << scalar.width) - 1)
                yield legal(scalar.name), f"{scalar.width}'d{bits}"
            else:
                yield legal(scalar.name), legal(given)

    def _streams(self, instance: Instance, callee: Interface) -> Iterator[tuple[str, str]]:
        for stream in callee.streams:
            wire = self.wire(str(instance.connections[stream.name]), stream.direction)
            inner = stream_ports(stream.name, stream.width, stream.direction)
            outer = stream_ports(wire, stream.width, stream.direction)
            yield from ((port.name, given.name) for port, given in zip(inner, outer, strict=True))

    def _unused(self) -> Iterator[list[str]]:
        used = {
            given for instance in self.network.instances for given in instance.connections.values()
        }
        unused = [legal(name) for name in _scalars(self.network) if name not in used]
        if unused:
            name = self.names.unique("unused_arguments")
            yield [f"wire {name} = &{{1'b0, {', '.join(unused)}}};"]


def _wires(name: str, width: int) -> Iterator[str]:
    bits = f"[{width - 1}:0] " if width > 1 else ""
    yield f"logic {bits}{name}_data;"
    yield f"logic {name}_valid, {name}_ready;"


def _instance(
    heading: str, connections: list[tuple[str, str]], location: Location | None = None
) -> Iterator[str]:
    yield f"{heading} ({_place(location, '  // ')}"
    every = [("clk", "clk"), ("rst_n", "rst_n"), *connections]
    yield from connected(every, indent=4).split("\n")
    yield ");"


def _place(location: Location | None, opening: str = ", ") -> str:
    return f"{opening}{PurePath(location.file).name}:{location.line}" if location else ""
