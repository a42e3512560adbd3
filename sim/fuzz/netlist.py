"""A design as gates, registers and memories, which yosys makes of its SystemVerilog."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m3vit.hls.compiler import yosys

Bit = int | str
"""A wire by its number, or a constant: "0", "1", or "x" for either."""

FAULT_SOURCE = "fault_source"
"""Name of the module whose output `fault` says whether a fault is there. Its instances' names end
in the number of the fault."""

_PINS = {
    "$_NOT_": "A",
    "$_AND_": "AB",
    "$_OR_": "AB",
    "$_XOR_": "AB",
    "$_XNOR_": "AB",
    "$_MUX_": "ABS",
}
_TIME_LIMIT = 300


@dataclass(frozen=True)
class Gate:
    """NOT, AND, OR, XOR, XNOR, or MUX: the first input, or the second where the third is 1."""

    kind: str
    inputs: tuple[Bit, ...]
    output: int

    @property
    def outputs(self) -> tuple[int, ...]:
        """All that it drives."""
        return (self.output,)


@dataclass(frozen=True)
class Product:
    """A multiplier as a whole."""

    left: tuple[Bit, ...]
    right: tuple[Bit, ...]
    outputs: tuple[int, ...]

    @property
    def inputs(self) -> tuple[Bit, ...]:
        """All that it depends on."""
        return self.left + self.right


@dataclass(frozen=True)
class Read:
    """A read port, without a register, of a memory.

    Attributes:
        inputs: the address.
        columns: numbers, beside those of the wires, for all first bits of the memory's words,
            all second ones, and so on.
        outputs: the word.
    """

    inputs: tuple[Bit, ...]
    columns: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Write:
    """A write port of a memory; `enable`, `columns` and `data` have an entry per bit of a word."""

    enable: tuple[Bit, ...]
    address: tuple[Bit, ...]
    columns: tuple[int, ...]
    data: tuple[Bit, ...]


@dataclass(frozen=True)
class Register:
    """A flip-flop; all have the same clock."""

    next: Bit
    output: int


Cell = Gate | Product | Read


@dataclass(frozen=True)
class Netlist:
    """A flat design.

    Attributes:
        inputs, outputs: bits of every port.
        cells: each one behind those that drive it.
        registers, writes: its state.
        faults: number of a fault -> bits that are 1 where the design has it, and 0 otherwise.
    """

    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[Bit, ...]]
    cells: tuple[Cell, ...]
    registers: tuple[Register, ...]
    writes: tuple[Write, ...]
    faults: Mapping[int, tuple[int, ...]]


def read_netlist(top: str, names: Sequence[str], directory: Path) -> Netlist:
    """Take a design apart.

    Args:
        top: its top module.
        names: of its files.
        directory: where they are; yosys may write to it.

    Raises:
        ValueError: gates drive each other in a circle.
    """
    script = [
        f"read_verilog -sv {' '.join(names)}",
        f"hierarchy -top {top}",
        "proc",
        "flatten",
        "opt",
        "memory_collect",
        "dffunmap",
        "techmap t:$* t:$mul %d t:$mem_v2 %d",
        "dffunmap",
        "simplemap",
        "opt_expr",
        "opt_merge",
        "opt_clean",
        "write_json netlist.json",
    ]
    yosys.run("\n".join(script), directory, _TIME_LIMIT)
    module = json.loads((directory / "netlist.json").read_text())["modules"][top]
    ports: dict[str, dict[str, tuple[Any, ...]]] = {"input": {}, "output": {}}
    for name, port in module["ports"].items():
        ports[port["direction"]][name] = tuple(port["bits"])
    return _netlist(ports["input"], ports["output"], module["cells"])


def _netlist(
    inputs: Mapping[str, tuple[int, ...]],
    outputs: Mapping[str, tuple[Bit, ...]],
    found: Mapping[str, Any],
) -> Netlist:
    cells: list[Cell] = []
    registers: list[Register] = []
    writes: list[Write] = []
    faults: dict[int, tuple[int, ...]] = {}
    products: dict[tuple[tuple[Bit, ...], ...], tuple[int, ...]] = {}
    column = -1
    for name, cell in found.items():
        kind, pins = cell["type"], {pin: tuple(bits) for pin, bits in cell["connections"].items()}
        if kind in _PINS:
            operands = tuple(pins[pin][0] for pin in _PINS[kind])
            cells.append(Gate(kind.strip("$_"), operands, pins["Y"][0]))
        elif kind == "$_DFF_P_":
            registers.append(Register(pins["D"][0], pins["Q"][0]))
        elif kind == "$mul":
            factors = _factors(cell["parameters"], pins)
            same = products.setdefault(factors, pins["Y"])
            if same is pins["Y"]:
                cells.append(Product(*factors, pins["Y"]))
            else:
                pairs = zip(same, pins["Y"], strict=True)
                cells += [Gate("OR", (bit, "0"), output) for bit, output in pairs]
        elif kind == "$mem_v2":
            sizes = {key: int(text, 2) for key, text in cell["parameters"].items() if key in _SIZES}
            columns = tuple(range(column, column - sizes["WIDTH"], -1))
            column -= sizes["WIDTH"]
            cells += _reads(sizes, pins, columns)
            writes += _writes(sizes, pins, columns)
        elif kind == FAULT_SOURCE:
            number = int(re.findall(r"\d+", name)[-1])
            faults[number] = faults.get(number, ()) + pins["fault"]
        elif kind != "$scopeinfo":
            raise ValueError(f"no cell of type {kind} was expected")
    return Netlist(
        inputs, outputs, tuple(_in_order(cells)), tuple(registers), tuple(writes), faults
    )


def _factors(
    parameters: Mapping[str, str], pins: Mapping[str, tuple[Bit, ...]]
) -> tuple[tuple[Bit, ...], tuple[Bit, ...]]:
    """Both factors of a product as wide as itself; so equal products are seen to be equal."""
    width = len(pins["Y"])
    signed = int(parameters["A_SIGNED"], 2) and int(parameters["B_SIGNED"], 2)
    first, second = (
        (*pins[pin], *(pins[pin][-1] if signed else "0" for _ in range(width)))[:width]
        for pin in "AB"
    )
    return first, second


_SIZES = ("WIDTH", "ABITS", "RD_PORTS", "WR_PORTS", "RD_CLK_ENABLE")


def _reads(
    sizes: Mapping[str, int], pins: Mapping[str, tuple[Any, ...]], columns: tuple[int, ...]
) -> list[Read]:
    if sizes["RD_CLK_ENABLE"]:
        raise ValueError("no memory with a register inside was expected")
    width, address = sizes["WIDTH"], sizes["ABITS"]
    return [
        Read(
            pins["RD_ADDR"][port * address : (port + 1) * address],
            columns,
            pins["RD_DATA"][port * width : (port + 1) * width],
        )
        for port in range(sizes["RD_PORTS"])
    ]


def _writes(
    sizes: Mapping[str, int], pins: Mapping[str, tuple[Any, ...]], columns: tuple[int, ...]
) -> list[Write]:
    width, address = sizes["WIDTH"], sizes["ABITS"]
    return [
        Write(
            pins["WR_EN"][port * width : (port + 1) * width],
            pins["WR_ADDR"][port * address : (port + 1) * address],
            columns,
            pins["WR_DATA"][port * width : (port + 1) * width],
        )
        for port in range(sizes["WR_PORTS"])
    ]


def _in_order(cells: Sequence[Cell]) -> list[Cell]:
    """Each cell behind those that drive it."""
    drivers = {bit: place for place, cell in enumerate(cells) for bit in cell.outputs}
    ordered: list[Cell] = []
    placed, entered = set[int](), set[int]()
    for first in range(len(cells)):
        waiting = [first]
        while waiting:
            place = waiting[-1]
            needed = [drivers[bit] for bit in cells[place].inputs if bit in drivers]
            missing = [driver for driver in needed if driver not in placed]
            if place in placed or not missing:
                waiting.pop()
                if place not in placed:
                    ordered.append(cells[place])
                    placed.add(place)
            elif place in entered:
                raise ValueError("gates drive each other in a circle")
            else:
                entered.add(place)
                waiting += missing
    return ordered
