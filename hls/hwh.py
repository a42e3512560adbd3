"""The hardware handoff (.hwh) that PYNQ reads beside a bitstream, and the names of its blocks.

Vivado writes such a file for the block design; this one says the same of the engine (registers,
addresses, interrupt, clock), so the host's software runs on a simulated board as on a real one.
"""

from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from .design import DesignConfig
from .engine import TOP
from .registers import ADDRESS_BITS, BUS, DONE, DRAINING, IDLE, REGISTERS, START, Register

VLNV = f"m3vit:m3vit:{TOP}:1.0"
"""Vendor, library, name and version of the engine as an IP block."""

ENGINE, PROCESSOR, INTERRUPTS = "engine_0", "zynq_ultra_ps_e_0", "axi_intc_0"
"""Instances of the block design."""

BASE_ADDRESS = 0xA000_0000
"""Of the engine's registers."""

INTERRUPTS_ADDRESS = 0xA000_1000
"""Of the interrupt controller's registers."""

REGION_BYTES = 0x1000
"""Addresses of either; PYNQ maps whole pages."""

PLL_MHZ = 1500
"""Of IOPLL, from which the ZCU104 derives the clocks of the programmable logic."""

_CONTROL_BITS = {"START": START, "DONE": DONE, "IDLE": IDLE, "DRAINING": DRAINING}
_CONTROL_PORT, _AXI, _CLOCKS = "M_AXI_HPM0_FPD", "xilinx.com:interface:aximm:1.0", 4


def memory_ports(design: DesignConfig) -> dict[str, str]:
    """Every AXI master of the engine -> the port of the processing system that it reaches."""
    weights = {f"m_axi_weights{port}": f"S_AXI_HP{port}_FPD" for port in range(design.read_ports)}
    return {**weights, "m_axi_program": "S_AXI_HPC0_FPD", "m_axi_data": "S_AXI_HPC0_FPD"}


def hardware_handoff(design: DesignConfig, interrupt: bool = True) -> str:
    """The text of the .hwh file.

    Args:
        design: of the engine.
        interrupt: whether the engine's interrupt reaches the processor.
    """
    root = Element("EDKSYSTEM", EDWVERSION="1.2", VIVADOVERSION="none", TIMESTAMP="none")
    device, package, speed = _part(design.part)
    SubElement(
        root,
        "SYSTEMINFO",
        ARCH="zynquplus",
        BOARD="xilinx.com:zcu104:part0:1.1",
        DEVICE=device,
        NAME="m3vit",
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
    module = _module(modules, ENGINE, VLNV)
    block = SubElement(
        SubElement(module, "ADDRESSBLOCKS"),
        "ADDRESSBLOCK",
        ACCESS="read-write",
        INTERFACE=BUS,
        NAME="registers",
        RANGE=str(1 << ADDRESS_BITS),
        USAGE="register",
    )
    registers = SubElement(block, "REGISTERS")
    for register in REGISTERS.values():
        _register(registers, register)
    parameters = SubElement(module, "PARAMETERS")
    _parameter(parameters, "DESIGN_ID", f"0x{design.design_id:08x}")
    ports = SubElement(module, "PORTS")
    _port(ports, "ap_clk", "I", "clk", [(PROCESSOR, "pl_clk0")])
    _port(ports, "irq", "O", "INTERRUPT", [(INTERRUPTS, "intr")] if interrupt else [])
    buses = SubElement(module, "BUSINTERFACES")
    _bus(buses, BUS, "SLAVE", 32)
    memory = SubElement(module, "MEMORYMAP")
    for master, port in memory_ports(design).items():
        _bus(buses, master, "MASTER", 128)
        _range(memory, PROCESSOR, master, port, 0, 1 << 31, "MEMORY")


def _interrupt_controller(modules: Element) -> None:
    module = _module(modules, INTERRUPTS, "xilinx.com:ip:axi_intc:4.1")
    ports = SubElement(module, "PORTS")
    _port(ports, "intr", "I", "INTERRUPT", [(ENGINE, "irq")])
    _port(ports, "irq", "O", "INTERRUPT", [(PROCESSOR, "pl_ps_irq0")])
    _bus(SubElement(module, "BUSINTERFACES"), "s_axi", "SLAVE", 32)


def _processor(modules: Element, design: DesignConfig, interrupt: bool) -> None:
    module = _module(modules, PROCESSOR, "xilinx.com:ip:zynq_ultra_ps_e:3.4")
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
    _port(ports, "pl_clk0", "O", "clk", [(ENGINE, "ap_clk")])
    if interrupt:
        _port(ports, "pl_ps_irq0", "I", "INTERRUPT", [(INTERRUPTS, "irq")])
    buses = SubElement(module, "BUSINTERFACES")
    _bus(buses, _CONTROL_PORT, "MASTER", 128)
    for port in dict.fromkeys(memory_ports(design).values()):
        _bus(buses, port, "SLAVE", 128)
    memory = SubElement(module, "MEMORYMAP")
    places = [(ENGINE, BUS, BASE_ADDRESS)]
    if interrupt:
        places.append((INTERRUPTS, "s_axi", INTERRUPTS_ADDRESS))
    for instance, bus, base in places:
        _range(memory, instance, _CONTROL_PORT, bus, base, REGION_BYTES, "REGISTER")


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


def _register(registers: Element, register: Register) -> None:
    """One of up to 32 bits as it is; a wider one as two words, NAME_LOW and NAME_HIGH."""
    words = list(register.words())
    suffixes = ("",) if len(words) == 1 else ("_LOW", "_HIGH")
    access = "read-only" if register.access == "read" else "read-write"
    for (offset, low, high), suffix in zip(words, suffixes, strict=True):
        element = SubElement(registers, "REGISTER", NAME=register.name + suffix)
        _properties(
            element,
            DESCRIPTION=register.meaning,
            ADDRESS_OFFSET=str(offset),
            SIZE="32",
            ACCESS=access,
            IS_ENABLED="true",
            RESET_VALUE=str(register.reset >> low & 0xFFFF_FFFF),
        )
        fields = SubElement(element, "FIELDS")
        for name, place, width in _fields(register, high - low + 1):
            _properties(
                SubElement(fields, "FIELD", NAME=name),
                DESCRIPTION=name,
                ADDRESS_OFFSET=str(place),
                ACCESS="read-write" if name == "START" else "read-only",
                BIT_OFFSET=str(place),
                BIT_WIDTH=str(width),
            )


def _fields(register: Register, bits: int) -> Iterator[tuple[str, int, int]]:
    """Name, lowest bit and width of the parts of a word; none if it is one number."""
    if register.name == "CTRL":
        for name, bit in _CONTROL_BITS.items():
            yield name, bit.bit_length() - 1, 1
    elif register.name == "STATUS":
        yield from (("CODE", 0, 8), ("POSITION", 8, bits - 8))


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
