"""AXI4-Lite registers in front of a function, laid out as Vitis HLS does.

The four control registers of ap_ctrl_hs are at 0x00 to 0x0c; arguments follow from 0x10 in their
order, each in as many 32-bit words as it needs and a reserved word after them.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from .interface import AP_CTRL, Direction, Interface, Port, connected, stream_ports
from .ir import Scalar
from .names import Names, legal

CONTROL = ("CTRL", "GIE", "IER", "ISR")
"""Registers at 0x00, 0x04, 0x08 and 0x0c; see `hls/rtl/axilite_control.sv`."""

BUS = "s_axi_control"
"""What the names of the bus's ports start with."""

_FIRST_ARGUMENT = 0x10
_CHANNELS: tuple[tuple[str, Direction, int], ...] = (
    ("awaddr", "in", 0),  # 0: as many bits as the addresses need
    ("awvalid", "in", 1),
    ("awready", "out", 1),
    ("wdata", "in", 32),
    ("wstrb", "in", 4),
    ("wvalid", "in", 1),
    ("wready", "out", 1),
    ("bresp", "out", 2),
    ("bvalid", "out", 1),
    ("bready", "in", 1),
    ("araddr", "in", 0),
    ("arvalid", "in", 1),
    ("arready", "out", 1),
    ("rdata", "out", 32),
    ("rresp", "out", 2),
    ("rvalid", "out", 1),
    ("rready", "in", 1),
)
_REGISTER_BUS = (
    "write_enable",
    "write_address",
    "write_data",
    "write_mask",
    "read_enable",
    "read_address",
)
_WIRES = frozenset([*_REGISTER_BUS, "read_data", "control_read_data", "unused"])


@dataclass(frozen=True)
class Register:
    """An argument in the address space: its lowest word is at byte `offset`."""

    name: str
    offset: int
    width: int
    signed: bool

    def words(self) -> Iterator[tuple[int, int, int]]:
        """Byte address, lowest and highest bit of every 32-bit word."""
        for low in range(0, self.width, 32):
            yield self.offset + low // 8, low, min(low + 31, self.width - 1)


def registers(scalars: Sequence[Scalar], chosen: Collection[str]) -> list[Register]:
    """Where the chosen arguments are."""
    result = []
    offset = _FIRST_ARGUMENT
    for scalar in scalars:
        if scalar.name in chosen:
            result.append(Register(scalar.name, offset, scalar.width, scalar.signed))
            offset += 4 * (-(-scalar.width // 32) + 1)
    return result


def interface(core: Interface, chosen: Collection[str]) -> Interface:
    """What is left of a module's interface beside the bus, under the wrapper's name.

    Args:
        core: the module.
        chosen: names of the scalars that become registers, and "return" if ap_start and its like
            shall, too.
    """
    return replace(
        core,
        name=f"{core.name}_axilite",
        scalars=tuple(scalar for scalar in core.scalars if scalar.name not in chosen),
        control="axilite" if "return" in chosen else core.control,
    )


def emit(core: Interface, chosen: Collection[str]) -> str:
    """The SystemVerilog module that puts registers around a module; arguments as `interface`."""
    return _Wrapper(core, chosen).text()


class _Wrapper:
    """The parts of the text, all of which need the same names."""

    def __init__(self, core: Interface, chosen: Collection[str]) -> None:
        self.core = core
        self.outside = interface(core, chosen)
        self.controlled = self.outside.control == "axilite"
        self.registers = registers(core.scalars, chosen)
        addresses = [address for register in self.registers for address, _, _ in register.words()]
        self.bits = max([*addresses, 4 * len(CONTROL) - 1]).bit_length()
        self.bus = [
            Port(f"{BUS}_{name}", direction, width or self.bits)
            for name, direction, width in _CHANNELS
        ]
        self.ports = [*self.outside.ports(), *self.bus]
        if self.controlled:
            self.ports.append(Port("irq", "out"))
        names = Names(_WIRES | {port.name for port in self.ports})
        self.held = {register.name: names.unique(register.name) for register in self.registers}
        self.instance = names.unique("core")

    def text(self) -> str:
        lines = [
            f"// {self.core.name} behind AXI4-Lite registers, laid out as Vitis HLS does:",
            *self._map(),
            f"module {self.outside.name} (",
            ",\n".join(f"    {port}" for port in self.ports),
            ");",
            *self._slave(),
            *(self._control() if self.controlled else ()),
            *(self._arguments() if self.registers else ()),
            *self._read(),
            *self._core(),
            "endmodule",
            "",
        ]
        return "\n".join(lines)

    def _map(self) -> Iterator[str]:
        if self.controlled:
            named = (f"0x{4 * number:02x} {name}" for number, name in enumerate(CONTROL))
            yield f"//   {', '.join(named)}"
        for register in self.registers:
            bits = "1 bit" if register.width == 1 else f"{register.width} bits"
            yield f"//   0x{register.offset:02x} {register.name}, {bits}"

    def _slave(self) -> Iterator[str]:
        yield f"    logic [{self.bits - 3}:0] write_address, read_address;"
        yield "    logic [31:0] write_data, write_mask, read_data;"
        yield "    logic write_enable, read_enable;"
        yield ""
        yield f"    axilite_slave #(.ADDRESS_BITS({self.bits})) slave ("
        names = [name for name, _, _ in _CHANNELS]
        yield connected(
            [("clk", "clk"), ("rst_n", "rst_n")]
            + [(name, f"{BUS}_{name}") for name in names]
            + [(name, name) for name in (*_REGISTER_BUS, "read_data")]
        )
        yield "    );"
        yield ""

    def _control(self) -> Iterator[str]:
        # In a larger address space the upper bits say whether the control registers are meant.
        upper = f"[{self.bits - 3}:2] == '0" if self.bits > 4 else ""
        yield "    logic ap_start, ap_done, ap_idle, ap_ready;"
        yield "    logic [31:0] control_read_data;"
        yield ""
        yield "    axilite_control control ("
        connections = [("clk", "clk"), ("rst_n", "rst_n")]
        for way in ("write", "read"):
            enable = f"{way}_enable && {way}_address{upper}" if upper else f"{way}_enable"
            connections += [
                (f"{way}_enable", enable),
                (f"{way}_address", f"{way}_address[1:0]"),
            ]
        connections += [
            ("write_data", "write_data"),
            ("write_mask", "write_mask"),
            ("read_data", "control_read_data"),
            *((name, name) for name, _ in AP_CTRL),
            ("irq", "irq"),
        ]
        yield connected(connections)
        yield "    );"
        yield ""

    def _arguments(self) -> Iterator[str]:
        for register in self.registers:
            bits = f"[{register.width - 1}:0] " if register.width > 1 else ""
            yield f"    logic {bits}{self.held[register.name]};"
        yield "    always_ff @(posedge clk) begin"
        yield "        if (!rst_n) begin"
        for name in self.held.values():
            yield f"            {name} <= '0;"
        yield "        end else if (write_enable) begin"
        yield "            case (write_address)"
        for register in self.registers:
            for address, low, high in register.words():
                part = self._part(register, low, high)
                bits = f"[{high - low}:0]"
                yield (
                    f"                {self._word(address)}: {part} <= "
                    f"(write_data{bits} & write_mask{bits}) | ({part} & ~write_mask{bits});"
                )
        yield "                default: ;"
        yield "            endcase"
        yield "        end"
        yield "    end"
        yield ""

    def _read(self) -> Iterator[str]:
        yield "    always_comb begin"
        yield "        case (read_address)"
        if self.controlled:
            words = ", ".join(self._word(4 * number) for number in range(len(CONTROL)))
            yield f"            {words}: read_data = control_read_data;"
        for register in self.registers:
            for address, low, high in register.words():
                part = self._part(register, low, high)
                yield f"            {self._word(address)}: read_data = 32'({part});"
        yield "            default: read_data = '0;"
        yield "        endcase"
        yield "    end"
        yield ""
        yield "    wire unused = &{1'b0, write_data, write_mask, read_enable};"
        yield ""

    def _core(self) -> Iterator[str]:
        yield f"    {self.core.name} {self.instance} ("
        connections = [("clk", "clk"), ("rst_n", "rst_n")]
        if self.core.control == "ap_ctrl_hs":
            connections += [(name, name) for name, _ in AP_CTRL]
        for scalar in self.core.scalars:
            port = legal(scalar.name)
            connections.append((port, self.held.get(scalar.name, port)))
        for stream in self.core.streams:
            ports = stream_ports(stream.name, stream.width, stream.direction)
            connections += [(port.name, port.name) for port in ports]
        yield connected(connections)
        yield "    );"

    def _word(self, address: int) -> str:
        return f"{self.bits - 2}'d{address // 4}"

    def _part(self, register: Register, low: int, high: int) -> str:
        name = self.held[register.name]
        return name if register.width == high - low + 1 else f"{name}[{high}:{low}]"
