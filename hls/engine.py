"""The whole accelerator of a design: the compiled core, its memory ports, control and registers.

The top module is plain Verilog with ports that Vivado takes for AXI interfaces by their names:
`s_axi_control`, and the masters `m_axi_program`, `m_axi_weights0`..., `m_axi_data`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from m3vit.files import atomic_path

from . import isa, register_module
from .compiler.interface import Stream, connected
from .compiler.library import needed
from .design import DesignConfig
from .kernels import compile_kernel
from .register_module import Port, signal
from .registers import BUS, COUNTERS, REGISTERS

TOP = "m3vit_engine"
"""Name of the top module."""

ADDRESS_BITS = 40
"""Of a byte in memory."""

_READ_PORTS = (
    ("araddr", "output", ADDRESS_BITS),
    ("arlen", "output", 8),
    ("arsize", "output", 3),
    ("arburst", "output", 2),
    ("arcache", "output", 4),
    ("arprot", "output", 3),
    ("arvalid", "output", 1),
    ("arready", "input", 1),
    ("rdata", "input", 128),
    ("rresp", "input", 2),
    ("rlast", "input", 1),
    ("rvalid", "input", 1),
    ("rready", "output", 1),
)
_WRITE_PORTS = (
    ("awaddr", "output", ADDRESS_BITS),
    ("awlen", "output", 8),
    ("awsize", "output", 3),
    ("awburst", "output", 2),
    ("awcache", "output", 4),
    ("awprot", "output", 3),
    ("awvalid", "output", 1),
    ("awready", "input", 1),
    ("wdata", "output", 128),
    ("wstrb", "output", 16),
    ("wlast", "output", 1),
    ("wvalid", "output", 1),
    ("wready", "input", 1),
    ("bresp", "input", 2),
    ("bvalid", "input", 1),
    ("bready", "output", 1),
)
_CONSTANT = {
    "arsize": "3'd4",  # beats of 16 bytes
    "arburst": "2'd1",  # at rising addresses
    "arcache": "4'd3",  # bufferable, and interconnects may merge beats
    "arprot": "3'd0",
    "awsize": "3'd4",
    "awburst": "2'd1",
    "awcache": "4'd3",
    "awprot": "3'd0",
    "wstrb": "16'hffff",
}


class Core(Protocol):
    """The network as hardware: a `compiler.Design`, or what another tool has made of it."""

    @property
    def top(self) -> str:
        """Name of its top module."""
        ...

    @property
    def modules(self) -> Mapping[str, str]:
        """Name -> SystemVerilog."""
        ...

    @property
    def streams(self) -> Sequence[Stream]:
        """Its ports, besides `clk` and `rst_n`."""
        ...


@dataclass(frozen=True)
class Engine:
    """An accelerator.

    Attributes:
        design: its sizes.
        core: the compiled network; its streams are those of `core_streams`.

    Raises:
        ValueError: the core has other streams.
    """

    design: DesignConfig
    core: Core

    def __post_init__(self) -> None:
        found = {item.name: (item.direction, item.width) for item in self.core.streams}
        wanted = core_streams(self.design)
        if found != wanted:
            different = sorted(set(found.items()) ^ set(wanted.items()))
            raise ValueError(
                f"the streams of {self.core.top} differ from the engine's: {different}"
            )

    @classmethod
    def compile(cls, design: DesignConfig) -> "Engine":
        """The engine that ships, for a design; compiled C++ comes from the cache if it is there."""
        return cls(design, compile_kernel("engine", design))

    def texts(self) -> dict[str, str]:
        """File name -> text of everything it needs, in an order that tools accept."""
        made = {
            f"{register_module.MODULE}.sv": register_module.text(),
            f"{TOP}.v": "\n".join(self._top()) + "\n",
        }
        library = needed([*self.core.modules.values(), *made.values()])
        return {
            **{f"{name}.sv": path.read_text() for name, path in library.items()},
            **{f"{name}.sv": text for name, text in self.core.modules.items()},
            **made,
        }

    def write(self, directory: str | Path) -> list[Path]:
        """Put all files into a directory of their own, in place of an earlier one."""
        texts = self.texts()
        with atomic_path(directory) as fresh:
            fresh.mkdir()
            for name, text in texts.items():
                (fresh / name).write_text(text)
        return [Path(directory) / name for name in texts]

    def memory_ports(self) -> dict[str, tuple[Port, ...]]:
        """Name of every AXI4 master -> its ports, without that name in front."""
        weights = [f"weights{port}" for port in range(self.design.read_ports)]
        reads = {f"m_axi_{name}": _READ_PORTS for name in ("program", *weights)}
        return {**reads, "m_axi_data": (*_READ_PORTS, *_WRITE_PORTS)}

    def ports(self) -> list[Port]:
        """All ports of the top module."""
        return [
            ("ap_clk", "input", 1),
            ("ap_rst_n", "input", 1),
            *register_module.bus_ports(),
            *(
                (f"{master}_{name}", direction, width)
                for master, ports in self.memory_ports().items()
                for name, direction, width in ports
            ),
            ("irq", "output", 1),
        ]

    # The text ------------------------------------------------------------------------------------

    def _top(self) -> Iterator[str]:
        yield f"// The accelerator of design '{self.design.name}', generated by m3vit.hls.engine."
        yield f"module {TOP} ("
        yield ",\n".join(
            f"    {self._attribute(name)}{_port(name, direction, width)}"
            for name, direction, width in self.ports()
        )
        yield ");"
        yield from self._wires()
        yield from self._registers()
        yield from self._control()
        yield from self._readers()
        yield from self._writer()
        yield from self._core()
        yield from self._counters()
        yield "endmodule"

    def _attribute(self, name: str) -> str:
        """What Vivado cannot guess from a port's name."""
        buses = ":".join([BUS, *self.memory_ports()])
        known = {
            "ap_clk": (
                "clock:1.0 ap_clk CLK",
                f"ASSOCIATED_BUSIF {buses}, ASSOCIATED_RESET ap_rst_n",
            ),
            "ap_rst_n": ("reset:1.0 ap_rst_n RST", "POLARITY ACTIVE_LOW"),
            "irq": ("interrupt:1.0 irq INTERRUPT", "SENSITIVITY LEVEL_HIGH"),
        }
        if name not in known:
            return ""
        kind, parameter = known[name]
        return (
            f'(* X_INTERFACE_INFO = "xilinx.com:signal:{kind}",\n'
            f'       X_INTERFACE_PARAMETER = "{parameter}" *)\n    '
        )

    def _wires(self) -> Iterator[str]:
        for name, direction, width in register_module.register_ports():
            if direction == "output":
                yield _wire(name, width)
        for name, width in (
            ("running", 1),
            ("done", 1),
            ("drain", 1),
            ("code", 8),
            ("position", 16),
            ("core_rst_n", 1),
            ("fetch_valid", 1),
            ("fetch_ready", 1),
            ("fetched_data", 128),
            ("fetched_valid", 1),
            ("fetched_ready", 1),
        ):
            yield _wire(name, width)
        for name, (_, width) in core_streams(self.design).items():
            yield _wire(f"{name}_data", width)
            yield _wire(f"{name}_valid")
            yield _wire(f"{name}_ready")
        for engine in ("fetch", "weights", "data", "store"):
            for state in ("outside", "error", "idle", "empty"):
                yield _wire(f"{engine}_{state}")
        yield "    wire [39:0] arena_address = {arena[39:6], 6'd0};"
        yield ""

    def _registers(self) -> Iterator[str]:
        given = {
            "locked": "running",
            "ctrl": "{drain, !running, done, running}",
            "status": "{position, code}",
            "design_id": f"32'h{self.design.design_id:08x}",
            "version": f"8'd{isa.VERSION}",
        }
        yield f"    {register_module.MODULE} registers ("
        yield connected(
            [
                ("clk", "ap_clk"),
                ("rst_n", "ap_rst_n"),
                *((name, name) for name, _, _ in register_module.bus_ports()),
                *((name, given.get(name, name)) for name, _, _ in register_module.register_ports()),
            ]
        )
        yield "    );"
        yield "    assign irq = irq_enable && done;"
        yield ""

    def _control(self) -> Iterator[str]:
        moves = [
            "heartbeat_valid",
            *(f"({name}_valid && {name}_ready)" for name in _BEATS),
            *(f"{master}_rvalid" for master in self.memory_ports()),
            "(m_axi_data_wvalid && m_axi_data_wready)",
            "m_axi_data_bvalid",
        ]
        engines = ("fetch", "weights", "data", "store")
        readers = ("fetch", "weights", "data")
        given = {
            "activity": " || ".join(moves),
            "outside": " || ".join(f"{name}_outside" for name in engines),
            "read_error": " || ".join(f"{name}_error" for name in readers),
            "write_error": "store_error",
            "memory_idle": " && ".join(f"{name}_idle" for name in engines),
            "memory_empty": " && ".join(f"{name}_empty" for name in engines),
        }
        same = (
            *("start", "instructions", "stall_limit", "cycle_limit"),
            *("running", "done", "drain", "code", "position"),
            *("fetch_valid", "fetch_ready", "fetched_data", "fetched_valid", "fetched_ready"),
            *("core_rst_n", "program_data", "program_valid", "program_ready"),
            *("ending_data", "ending_valid", "ending_ready"),
        )
        yield f"    engine_control #(.END_OPCODE(4'd{isa.BY_NAME['END'].opcode})) control ("
        yield connected(
            [
                ("clk", "ap_clk"),
                ("rst_n", "ap_rst_n"),
                *((name, name) for name in same),
                *given.items(),
            ]
        )
        yield "    );"
        yield "    assign heartbeat_ready = 1'b1;"
        yield "    wire unused = &{1'b0, heartbeat_data, arena[5:0]};"
        yield ""

    def _readers(self) -> Iterator[str]:
        weights = [f"m_axi_weights{port}" for port in range(self.design.read_ports)]
        yield from _reader(
            "fetch",
            ["m_axi_program"],
            (4, 1, "1'b0"),
            (
                "fetch_valid",
                "fetch_ready",
                signal(REGISTERS["PROGRAM"]),
                "{7'd0, instructions, 1'b0}",
            ),
            "fetched",
        )
        # While the memory owes data, weights come at the rate of two ports: the data would else get
        # one port's share of the bandwidth at the start of an image.
        slower = max(1, self.design.read_ports // 2)
        pace = (8, slower, "!data_idle" if slower > 1 else "1'b0")
        yield from _reader("weights", weights, pace, _request("weight_requests"), "weight_lines")
        pace = (8, 1, "1'b0")
        yield from _reader("data", ["m_axi_data"], pace, _request("data_requests"), "data_beats")
        for master, ports in self.memory_ports().items():
            yield from _constants(master, ports)

    def _writer(self) -> Iterator[str]:
        engine, stream = "store", "store_requests"
        channels = ("awaddr", "awlen", "awvalid", "awready", "wdata", "wlast", "wvalid", "wready")
        yield "    axi_writer #(.BURSTS(8)) store ("
        yield connected(
            [
                *_arena(engine),
                ("request_line", f"{stream}_data[25:0]"),
                ("request_beats", f"{stream}_data[49:26]"),
                ("request_valid", f"{stream}_valid"),
                ("request_ready", f"{stream}_ready"),
                *((f"beat_{part}", f"store_beats_{part}") for part in ("data", "valid", "ready")),
                ("response_valid", "store_responses_valid"),
                ("response_ready", "store_responses_ready"),
                *((name, f"m_axi_data_{name}") for name in channels),
                *((name, f"m_axi_data_{name}") for name in ("bresp", "bvalid", "bready")),
            ]
        )
        yield "    );"
        yield "    assign store_responses_data = 1'b1;"
        yield ""

    def _core(self) -> Iterator[str]:
        yield f"    {self.core.top} core ("
        yield connected(
            [
                ("clk", "ap_clk"),
                ("rst_n", "core_rst_n"),
                *(
                    (f"{name}_{part}", f"{name}_{part}")
                    for name in core_streams(self.design)
                    for part in ("data", "valid", "ready")
                ),
            ]
        )
        yield "    );"
        yield ""

    def _counters(self) -> Iterator[str]:
        port_bits = self.design.read_ports.bit_length() - 1
        events = {
            "CYCLES": "1'b1",
            "BLOCKS": "heartbeat_valid",
            "PROGRAM_BEATS": "program_valid && program_ready",
            "WEIGHT_BEATS": "weight_lines_valid && weight_lines_ready",
            "DATA_BEATS": "data_beats_valid && data_beats_ready",
            "STORE_BEATS": "store_beats_valid && store_beats_ready",
            "WEIGHT_STALL": "weight_lines_valid && !weight_lines_ready",
            "WEIGHT_WAIT": "!weight_lines_valid && !weights_empty",
            "DATA_WAIT": "!data_beats_valid && !data_empty",
            "STORE_WAIT": "store_beats_valid && !store_beats_ready",
        }
        for register in COUNTERS:
            name = signal(register)
            count = f"{name}_count"
            yield _wire(count, register.bits)
            yield f"    event_counter {name}_counter ("
            yield connected(
                [
                    ("clk", "ap_clk"),
                    ("clear", "!ap_rst_n || start"),
                    ("enable", "running"),
                    ("event_now", events[register.name]),
                    ("count", count),
                ]
            )
            yield "    );"
            # A line of weights is a beat from every port.
            shift = f" << {port_bits}" if register.name == "WEIGHT_BEATS" and port_bits else ""
            yield f"    wire [{register.bits - 1}:0] {name} = {count}{shift};"


_BEATS = ("program", "weight_lines", "data_beats", "store_beats")


def core_streams(design: DesignConfig) -> dict[str, tuple[str, int]]:
    """Name of every stream of the core -> its direction as the core sees it, and its width.

    The payloads are in `m3vit/engine/instruction.hpp`; beats and lines are rows of bytes.
    """
    return {
        "program": ("in", 128),
        "weight_requests": ("out", 46),
        "weight_lines": ("in", 128 * design.read_ports),
        "data_requests": ("out", 46),
        "data_beats": ("in", 128),
        "store_requests": ("out", 50),
        "store_beats": ("out", 128),
        "store_responses": ("in", 1),
        "heartbeat": ("out", 1),
        "ending": ("out", 24),
    }


# Pieces of text -----------------------------------------------------------------------------------


def _port(name: str, direction: str, width: int) -> str:
    bits = f"[{width - 1}:0] " if width > 1 else ""
    return f"{direction} wire {bits}{name}"


def _wire(name: str, width: int = 1) -> str:
    bits = f"[{width - 1}:0] " if width > 1 else ""
    return f"    wire {bits}{name};"


def _arena(engine: str) -> list[tuple[str, str]]:
    """What all AXI engines are connected to."""
    return [
        ("clk", "ap_clk"),
        ("rst_n", "core_rst_n"),
        ("drain", "drain"),
        ("arena_address", "arena_address"),
        ("arena_lines", "arena_lines"),
        *((state, f"{engine}_{state}") for state in ("outside", "error", "idle", "empty")),
    ]


def _request(stream: str) -> tuple[str, str, str, str]:
    """Valid, ready, line and beats of a ReadRequest, which counts lines of four beats."""
    return (
        f"{stream}_valid",
        f"{stream}_ready",
        f"{stream}_data[25:0]",
        f"{{2'd0, {stream}_data[45:26], 2'd0}}",
    )


def _reader(
    engine: str,
    masters: list[str],
    pace: tuple[int, int, str],
    request: tuple[str, str, str, str],
    lines: str,
) -> Iterator[str]:
    """`pace`: bursts of a port on their way, cycles per beat while it yields, and when it does."""
    bursts, yielding, yields = pace
    valid, ready, line, beats = request
    channels = (
        *("araddr", "arlen", "arvalid", "arready"),
        *("rdata", "rresp", "rlast", "rvalid", "rready"),
    )
    parameters = f".PORTS({len(masters)}), .BURSTS({bursts}), .YIELDING({yielding})"
    yield f"    axi_reader #({parameters}) {engine} ("
    yield connected(
        [
            *_arena(engine),
            ("yields", yields),
            ("request_line", line),
            ("request_beats", beats),
            ("request_valid", valid),
            ("request_ready", ready),
            *((f"line_{part}", f"{lines}_{part}") for part in ("data", "valid", "ready")),
            *((name, _joined(f"{master}_{name}" for master in masters)) for name in channels),
        ]
    )
    yield "    );"


def _joined(names: Iterable[str]) -> str:
    """Several signals as one, the first lowest."""
    listed = list(names)
    return f"{{{', '.join(reversed(listed))}}}" if len(listed) > 1 else listed[0]


def _constants(master: str, ports: Iterable[Port]) -> Iterator[str]:
    for name, _, _ in ports:
        if name in _CONSTANT:
            yield f"    assign {master}_{name} = {_CONSTANT[name]};"
    yield ""
