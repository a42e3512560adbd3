"""DATAFLOW functions as SystemVerilog: instances of processes, a queue for every channel.

A process takes all inputs of an iteration at once and needs a place for each of its outputs,
where C++ reads and writes one after the other. Two places more than `#pragma HLS STREAM` asks for
make up for it: the network cannot come to rest where the C++ with those depths does not. Every
process ends in a queue of at least two places of its own, so a channel's queue is as deep as asked.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import PurePath

from .diagnostics import HlsError
from .interface import AP_CTRL, Direction, Interface, Stream, connected, stream_ports
from .ir import Channel, Instance, Location, Network, Scalar, StreamPort
from .names import Names, legal

SHALLOWEST = 2
"""Places of the smallest queue that passes a word in every cycle."""

_CONTROL_WIRES = frozenset(
    {"start", "done", "idle", "finished", "unused_done", "unused_idle", "unused_ready"}
)
_Ends = Mapping[str, Mapping[Direction, list[Instance]]]


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
            of_stream = ends[argument.name]
            users = of_stream["in"] + of_stream["out"]
            if len(users) != 1:
                raise _not_one(f"stream `{argument.name}`", "uses", users, argument.location)
            direction: Direction = "in" if of_stream["in"] else "out"
            streams.append(Stream(argument.name, argument.payload, direction, argument.location))
    _check_scalars(network, functions)
    if not network.free_running and not any(
        functions[instance.function].control == "ap_ctrl_hs" for instance in network.instances
    ):
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


def emit(network: Network, functions: Mapping[str, Interface]) -> str:
    """The SystemVerilog module of a network; the arguments are those of `interface`."""
    ports = list(interface(network, functions).ports())
    names = Names(frozenset(port.name for port in ports) | _CONTROL_WIRES)
    channels = {channel.name: names.unique(channel.name) for channel in network.channels}
    lines = [
        f"// {network.name}: processes joined by queues{_place(network.location)}",
        f"module {network.name} (",
        ",\n".join(f"    {port}" for port in ports),
        ");",
    ]
    for channel in network.channels:
        lines += _queue(channel, channels[channel.name], names)
    controlled = [
        instance
        for instance in network.instances
        if functions[instance.function].control == "ap_ctrl_hs"
    ]
    handshakes = {
        instance.name: f"[{number}]" if len(controlled) > 1 else ""
        for number, instance in enumerate(controlled)
    }
    if controlled:
        lines += _control(network, len(controlled))
    unused = set(_scalars(network))
    for instance in network.instances:
        lines += _instance(
            network, instance, functions[instance.function], channels, handshakes, names
        )
        unused -= set(instance.connections.values())
    if unused:
        words = ", ".join(legal(name) for name in sorted(unused))
        lines += [f"    wire {names.unique('unused_arguments')} = &{{1'b0, {words}}};", ""]
    if not lines[-1]:
        lines.pop()
    return "\n".join([*lines, "endmodule", ""])


# Checks -----------------------------------------------------------------------------------------


def _ends(network: Network, functions: Mapping[str, Interface]) -> _Ends:
    """Per stream or channel, who reads it ("in", first) and who writes it ("out")."""
    ends: defaultdict[str, dict[Direction, list[Instance]]] = defaultdict(
        lambda: {"in": [], "out": []}
    )
    for instance in network.instances:
        for stream in functions[instance.function].streams:
            ends[str(instance.connections[stream.name])][stream.direction].append(instance)
    return ends


def _not_one(what: str, does: str, users: list[Instance], location: Location | None) -> HlsError:
    if users:
        who = " and ".join(f"`{user.function}`" for user in users)
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


# Text -------------------------------------------------------------------------------------------


def _place(location: Location | None, opening: str = ", ") -> str:
    return f"{opening}{PurePath(location.file).name}:{location.line}" if location else ""


def _queue(channel: Channel, name: str, names: Names) -> Iterator[str]:
    """A channel: its queue between the wires `<name>_to_queue_...` and `<name>_from_queue_...`."""
    width = channel.payload.width
    depth = max(SHALLOWEST, channel.depth)
    bits = f"[{width - 1}:0] " if width > 1 else ""
    yield ""
    yield f"    // {channel.payload.name} {channel.name}{_place(channel.location)}"
    for side in ("to", "from"):
        yield f"    logic {bits}{name}_{side}_queue_data;"
        yield f"    logic {name}_{side}_queue_valid, {name}_{side}_queue_ready;"
    yield f"    stream_fifo #(.WIDTH({width}), .DEPTH({depth})) {names.unique(f'{name}_queue')} ("
    connections = [("clk", "clk"), ("rst_n", "rst_n")]
    for side, way in (("in", "to"), ("out", "from")):
        connections += [
            (f"{side}_{part}", f"{name}_{way}_queue_{part}") for part in ("data", "valid", "ready")
        ]
    yield connected(connections)
    yield "    );"


def _control(network: Network, count: int) -> Iterator[str]:
    """Start all processes together, and be done when the last one is."""
    bits = f"[{count - 1}:0] " if count > 1 else ""
    yield ""
    if network.free_running:
        yield "    // Processes that end start again at once."
        yield f"    wire {bits}start = '1;"
        yield f"    logic {bits}unused_done, unused_idle, unused_ready;"
        return
    yield "    // All processes start together; each runs once, and the last one ends the network."
    yield f"    logic {bits}done, idle, unused_ready;"
    yield f"    logic {bits}finished;  // done before this cycle"
    yield f"    wire {bits}start = ap_start ? ~finished : '0;"
    yield "    assign ap_done = ap_start && &(finished | done);"
    yield "    assign ap_ready = ap_done;"
    yield "    assign ap_idle = !ap_start && &idle;"
    yield "    always_ff @(posedge clk) begin"
    yield "        if (!rst_n || ap_done) finished <= '0;"
    yield "        else finished <= finished | done;"
    yield "    end"


def _instance(
    network: Network,
    instance: Instance,
    callee: Interface,
    channels: Mapping[str, str],
    handshakes: Mapping[str, str],
    names: Names,
) -> Iterator[str]:
    yield ""
    connections = [("clk", "clk"), ("rst_n", "rst_n")]
    if callee.control == "ap_ctrl_hs":
        bit = handshakes[instance.name]
        spare = "unused_" if network.free_running else ""
        wires = ("start", f"{spare}done", f"{spare}idle", "unused_ready")
        connections += [
            (port, f"{wire}{bit}") for (port, _), wire in zip(AP_CTRL, wires, strict=True)
        ]
    for scalar in callee.scalars:
        given = instance.connections[scalar.name]
        if isinstance(given, int):
            mask = (1 << scalar.width) - 1
            connections.append((legal(scalar.name), f"{scalar.width}'d{given & mask}"))
        else:
            connections.append((legal(scalar.name), legal(given)))
    for stream in callee.streams:
        given = str(instance.connections[stream.name])
        if given in channels:
            way = "from" if stream.direction == "in" else "to"
            given = f"{channels[given]}_{way}_queue"
        inner = stream_ports(stream.name, stream.width, stream.direction)
        outer = stream_ports(given, stream.width, stream.direction)
        connections += [(port.name, wire.name) for port, wire in zip(inner, outer, strict=True)]
    location = _place(instance.location, "  // ")
    yield f"    {instance.function} {names.unique(instance.name)} ({location}"
    yield connected(connections)
    yield "    );"
