"""The hardware handoff (.hwh) that PYNQ reads beside a bitstream, without Vivado.

Vivado writes such a file for the block design of `hls/tcl/block_design.tcl`; this one says the same
of what PYNQ uses: registers, addresses, interrupt, clock. The simulated board needs it.
"""

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from .design import DesignConfig
from .registers import BUS, DONE, DRAINING, IDLE, START
from .vivado.interface import register_words
from .vivado.names import (
    CONTROL_ADDRESS,
    CONTROL_BYTES,
    ENGINE_CELL,
    OVERLAY,
    VLNV,
    processor_ports,
)

INTERRUPTS_ADDRESS = CONTROL_ADDRESS + CONTROL_BYTES
"""Of the interrupt controller's registers; they take as many bytes as the engine's."""

PLL_MHZ = 1500
"""Of IOPLL, from which the ZCU104 derives the clocks of the programmable logic."""

_PROCESSOR_CELL, _INTERRUPTS_CELL = "ps", "interrupts"
_CONTROL_BITS = {"START": START, "DONE": DONE, "IDLE": IDLE, "DRAINING": DRAINING}
_CONTROL_PORT, _AXI, _CLOCKS = "M_AXI_HPM0_FPD", "xilinx.com:interface:aximm:1.0", 4


def hardware_handoff(design: DesignConfig, interrupt: bool = True) -> str:
    """The text of the .hwh file.

    Args:
        design: of the engine.
        interrupt: whether the engine's interrupt goes to an interrupt controller (axi_intc), as
            PYNQ demands it; otherwise to the processor itself, where PYNQ does not find it.
    """
    root = Element("EDKSYSTEM", EDWVERSION="1.2", VIVADOVERSION="none", TIMESTAMP="none")
    device, package, speed = _part(design.part)
    SubElement(
        root,
        "SYSTEMINFO",
        ARCH="zynquplus",
        BOARD="xilinx.com:zcu104:part0:1.1",
        DEVICE=device,
        NAME=OVERLAY,
        PACKAGE=package,
        SPEEDGRADE=speed,
    )
    SubElement(root, "EXTERNALPORTS")
    SubElement(root, "EXTERNALINTERFACES")
    modules = SubElement(root, "MODULES")
    _engine(modules, design, interrupt)
    if interrupt:
        _interrupt_controller(modules)
    _processor(modules, design, interrupt)
    ElementTree.indent(root)
    return ElementTree.tostring(root, "unicode", xml_declaration=True) + "\n"


def _engine(modules: Element, design: DesignConfig, interrupt: bool) -> None:
    module = _module(modules, ENGINE_CELL, VLNV)
    block = SubElement(
        SubElement(module, "ADDRESSBLOCKS"),
        "ADDRESSBLOCK",
        ACCESS="read-write",
        INTERFACE=BUS,
        NAME="reg0",
        RANGE=str(CONTROL_BYTES),
        USAGE="register",
    )
    registers = SubElement(block, "REGISTERS")
    for name, address, access, meaning, bits in register_words():
        _register(registers, name, address, access, meaning, bits)
    parameters = SubElement(module, "PARAMETERS")
    _parameter(parameters, "DESIGN_ID", f"0x{design.design_id:08x}")
    ports = SubElement(module, "PORTS")
    _port(ports, "ap_clk", "I", "clk", [(_PROCESSOR_CELL, "pl_clk0")])
    taker = (_INTERRUPTS_CELL, "intr") if interrupt else (_PROCESSOR_CELL, "pl_ps_irq0")
    _port(ports, "irq", "O", "INTERRUPT", [taker])
    buses = SubElement(module, "BUSINTERFACES")
    _bus(buses, BUS, "SLAVE", 32)
    memory = SubElement(module, "MEMORYMAP")
    for master, port in processor_ports(design).items():
        _bus(buses, master, "MASTER", 128)
        _range(memory, _PROCESSOR_CELL, master, port, 0, 1 << 31, "MEMORY")


def _interrupt_controller(modules: Element) -> None:
    module = _module(modules, _INTERRUPTS_CELL, "xilinx.com:ip:axi_intc:4.1")
    ports = SubElement(module, "PORTS")
    _port(ports, "intr", "I", "INTERRUPT", [(ENGINE_CELL, "irq")])
    _port(ports, "irq", "O", "INTERRUPT", [(_PROCESSOR_CELL, "pl_ps_irq0")])
    _bus(SubElement(module, "BUSINTERFACES"), "s_axi", "SLAVE", 32)


def _processor(modules: Element, design: DesignConfig, interrupt: bool) -> None:
    module = _module(modules, _PROCESSOR_CELL, "xilinx.com:ip:zynq_ultra_ps_e:3.4")
    parameters = SubElement(module, "PARAMETERS")
    divisor = round(PLL_MHZ / design.clock_mhz)
    for clock in range(_CLOCKS):
        control = f"PSU__CRL_APB__PL{clock}_REF_CTRL__"
        _parameter(parameters, f"PSU__FPGA_PL{clock}_ENABLE", str(int(clock == 0)))
        _parameter(parameters, f"{control}DIVISOR0", str(divisor))
        _parameter(parameters, f"{control}DIVISOR1", "1")
        _parameter(parameters, f"{control}SRCSEL", "IOPLL")
        _parameter(parameters, f"{control}FREQMHZ", str(design.clock_mhz))
        _parameter(parameters, f"{control}ACT_FREQMHZ", f"{PLL_MHZ / divisor:.6f}")
    ports = SubElement(module, "PORTS")
    _port(ports, "pl_clk0", "O", "clk", [(ENGINE_CELL, "ap_clk")])
    source = (_INTERRUPTS_CELL if interrupt else ENGINE_CELL, "irq")
    _port(ports, "pl_ps_irq0", "I", "INTERRUPT", [source])
    buses = SubElement(module, "BUSINTERFACES")
    _bus(buses, _CONTROL_PORT, "MASTER", 32)
    for port in dict.fromkeys(processor_ports(design).values()):
        _bus(buses, port, "SLAVE", 128)
    memory = SubElement(module, "MEMORYMAP")
    places = [(ENGINE_CELL, BUS, CONTROL_ADDRESS)]
    if interrupt:
        places.append((_INTERRUPTS_CELL, "s_axi", INTERRUPTS_ADDRESS))
    for instance, bus, base in places:
        _range(memory, instance, _CONTROL_PORT, bus, base, CONTROL_BYTES, "REGISTER")


def _part(part: str) -> tuple[str, str, str]:
    """Device, package and speed grade of a part number as Vivado spells it."""
    device, _, rest = part.partition("-")
    package, _, grade = rest.partition("-")
    return device, package, f"-{grade.split('-')[0]}"


def _module(modules: Element, instance: str, vlnv: str) -> Element:
    return SubElement(
        modules,
        "MODULE",
        FULLNAME=f"/{instance}",
        HWVERSION=vlnv.rpartition(":")[2],
        INSTANCE=instance,
        IPTYPE="PERIPHERAL",
        IS_ENABLE="1",
        MODCLASS="PERIPHERAL",
        MODTYPE=vlnv.split(":")[2],
        VLNV=vlnv,
    )


def _register(
    registers: Element, name: str, address: int, access: str, meaning: str, bits: int
) -> None:
    element = SubElement(registers, "REGISTER", NAME=name)
    _properties(
        element,
        DESCRIPTION=meaning,
        ADDRESS_OFFSET=str(address),
        SIZE="32",
        ACCESS=access,
        IS_ENABLED="true",
    )
    fields = SubElement(element, "FIELDS")
    parts = [(name, 0, bits, access)]
    if name == "CTRL":
        parts = [
            (part, bit.bit_length() - 1, 1, access if bit == START else "read-only")
            for part, bit in _CONTROL_BITS.items()
        ]
    for part, lowest, width, how in parts:
        _properties(
            SubElement(fields, "FIELD", NAME=part),
            DESCRIPTION=part,
            ADDRESS_OFFSET=str(lowest),
            ACCESS=how,
            BIT_OFFSET=str(lowest),
            BIT_WIDTH=str(width),
        )


def _properties(element: Element, **values: str) -> None:
    for name, value in values.items():
        SubElement(element, "PROPERTY", NAME=name, VALUE=value)


def _parameter(parameters: Element, name: str, value: str) -> None:
    SubElement(parameters, "PARAMETER", NAME=name, VALUE=value)


def _port(
    ports: Element, name: str, direction: str, kind: str, connections: list[tuple[str, str]]
) -> None:
    port = SubElement(ports, "PORT", DIR=direction, NAME=name, SIGIS=kind)
    joined = SubElement(port, "CONNECTIONS")
    for instance, other in connections:
        SubElement(joined, "CONNECTION", INSTANCE=instance, PORT=other)


def _bus(buses: Element, name: str, kind: str, bits: int) -> None:
    SubElement(buses, "BUSINTERFACE", DATAWIDTH=str(bits), NAME=name, TYPE=kind, VLNV=_AXI)


def _range(
    memory: Element, instance: str, master: str, slave: str, base: int, size: int, kind: str
) -> None:
    SubElement(
        memory,
        "MEMRANGE",
        ADDRESSBLOCK=slave,
        BASEVALUE=f"0x{base:X}",
        HIGHVALUE=f"0x{base + size - 1:X}",
        INSTANCE=instance,
        MASTERBUSINTERFACE=master,
        MEMTYPE=kind,
        SLAVEBUSINTERFACE=slave,
    )
