"""Whether ports are what Vivado takes for AXI: names, directions, widths; and what it has taken.

A bus that lacks a signal, or that Vivado has mapped in another way, shows here in seconds and in
Vivado after an hour, or on the board not at all.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree

from m3vit.errors import UserError
from m3vit.hls.engine import Engine
from m3vit.hls.register_module import Port
from m3vit.hls.registers import BUS, REGISTERS

from .names import VLNV

# Signals of a master and their widths, 0: any; a slave has the other directions (AMBA AXI4).
_READ = {
    "araddr": ("output", 0),
    "arvalid": ("output", 1),
    "arready": ("input", 1),
    "rdata": ("input", 0),
    "rresp": ("input", 2),
    "rvalid": ("input", 1),
    "rready": ("output", 1),
}
_WRITE = {
    "awaddr": ("output", 0),
    "awvalid": ("output", 1),
    "awready": ("input", 1),
    "wdata": ("output", 0),
    "wstrb": ("output", 0),
    "wvalid": ("output", 1),
    "wready": ("input", 1),
    "bresp": ("input", 2),
    "bvalid": ("input", 1),
    "bready": ("output", 1),
}
_READ_BURST = {
    "arlen": ("output", 8),
    "arsize": ("output", 3),
    "arburst": ("output", 2),
    "arcache": ("output", 4),
    "arprot": ("output", 3),
    "rlast": ("input", 1),
}
_WRITE_BURST = {
    "awlen": ("output", 8),
    "awsize": ("output", 3),
    "awburst": ("output", 2),
    "awcache": ("output", 4),
    "awprot": ("output", 3),
    "wlast": ("output", 1),
}
_OTHER = {"input": "output", "output": "input"}

SINGLE = {"ap_clk": "clock", "ap_rst_n": "reset", "irq": "interrupt"}
"""Ports that are an interface of their own."""


def faults(ports: Iterable[Port]) -> Iterator[str]:
    """What is wrong with the top module's ports, a sentence each."""
    found = {name: (direction, width) for name, direction, width in ports}
    buses: dict[str, dict[str, tuple[str, int]]] = {}
    for name, port in found.items():
        if name in SINGLE:
            continue
        bus, _, signal = name.rpartition("_")
        buses.setdefault(bus, {})[signal] = port
    for name in SINGLE:
        if name not in found:
            yield f"there is no {name}"
    for bus, signals in buses.items():
        if bus == BUS:
            wanted = {
                name: (_OTHER[way], width) for name, (way, width) in {**_READ, **_WRITE}.items()
            }
        elif bus.startswith("m_axi_"):
            writes = {**_WRITE, **_WRITE_BURST} if "awvalid" in signals else {}
            wanted = {**_READ, **_READ_BURST, **writes}
        else:
            yield f"{', '.join(signals)} of {bus} belong to no interface"
            continue
        yield from _differences(bus, signals, wanted)


def _differences(
    bus: str, signals: Mapping[str, tuple[str, int]], wanted: Mapping[str, tuple[str, int]]
) -> Iterator[str]:
    for name in sorted(signals.keys() ^ wanted.keys()):
        yield f"{bus} {'lacks' if name in wanted else 'has an unknown'} {name}"
    for name in sorted(signals.keys() & wanted.keys()):
        direction, width = signals[name]
        way, bits = wanted[name]
        if direction != way or bits not in (0, width):
            yield f"{bus}_{name} is an {direction} of {width} bits"
    for data, strobe in (("wdata", "wstrb"),):
        if strobe in signals and data in signals and signals[data][1] != 8 * signals[strobe][1]:
            yield f"{bus}_{strobe} has not a bit for every byte"


def check_component(path: Path, engine: Engine) -> None:
    """Compare the component.xml that Vivado has packaged with the engine.

    Raises:
        UserError: it is missing, or a name, an interface, a port or a register differs.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise UserError(f"{path} is no packaged IP ({error}): run `m3vit build ip` again") from None
    wrong = [*_wrong_names(root), *_wrong_buses(root, engine), *_wrong_registers(root)]
    if wrong:
        raise UserError(f"Vivado has packaged something else in {path}: {'; '.join(wrong)}")


def _wrong_names(root: ElementTree.Element) -> Iterator[str]:
    found = ":".join(_text(root, part) for part in ("vendor", "library", "name", "version"))
    if found != VLNV:
        yield f"it is called {found}, not {VLNV}"


def _wrong_buses(root: ElementTree.Element, engine: Engine) -> Iterator[str]:
    found = {}
    for interface in root.iter(_tag(root, "busInterface")):
        mapped = {}
        for pair in interface.iter(_tag(root, "portMap")):
            logical = pair.find(f"{_tag(root, 'logicalPort')}/{_tag(root, 'name')}")
            physical = pair.find(f"{_tag(root, 'physicalPort')}/{_tag(root, 'name')}")
            if logical is not None and physical is not None:
                mapped[physical.text or ""] = logical.text or ""
        found[_text(interface, "name")] = mapped
    wanted: dict[str, dict[str, str]] = {}
    for name, _, _ in engine.ports():
        bus, _, signal = (name, "", "") if name in SINGLE else name.rpartition("_")
        wanted.setdefault(bus, {})[name] = signal.upper()
    for bus, ports in wanted.items():
        if bus not in found:
            yield f"no interface {bus}"
        elif bus in SINGLE:
            if list(found[bus]) != [bus]:
                yield f"{bus} is mapped to {', '.join(found[bus]) or 'nothing'}"
        elif found[bus] != ports:
            different = dict(set(found[bus].items()) ^ set(ports.items()))
            yield f"other ports of {bus}: {', '.join(sorted(different))}"


def _wrong_registers(root: ElementTree.Element) -> Iterator[str]:
    found = {
        _text(register, "name"): int(_text(register, "addressOffset"), 0)
        for register in root.iter(_tag(root, "register"))
    }
    wanted = {name: address for name, address, *_ in register_words()}
    for name in sorted(found.keys() ^ wanted.keys()):
        yield f"{'no' if name in wanted else 'unknown'} register {name}"
    for name in sorted(found.keys() & wanted.keys()):
        if found[name] != wanted[name]:
            yield f"register {name} is at {found[name]:#x}"


def _tag(element: ElementTree.Element, name: str) -> str:
    """`name` in the namespace of an element."""
    space, closing, _ = element.tag.rpartition("}")
    return f"{space}{closing}{name}"


def _text(element: ElementTree.Element, name: str) -> str:
    return element.findtext(_tag(element, name)) or ""


def register_words() -> Iterator[tuple[str, int, str, str, int]]:
    """Name, address, access, meaning and bits of every 32-bit word of the registers.

    A register of more than 32 bits appears as NAME_1 and NAME_2, as Vitis HLS calls such words.
    """
    for register in REGISTERS.values():
        access = "read-only" if register.access == "read" else "read-write"
        words = list(register.words())
        for number, (address, low, high) in enumerate(words, 1):
            name = register.name if len(words) == 1 else f"{register.name}_{number}"
            yield name, address, access, register.meaning, high - low + 1
