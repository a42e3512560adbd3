"""The engine's registers: the one table of their addresses.

A register of more than 32 bits takes two words, the lower first. `docs/isa.md` has the same table.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

ADDRESS_BITS = 8
"""Of a register's byte address."""

BUS = "s_axi_control"
"""What the names of the AXI4-Lite ports start with."""


@dataclass(frozen=True)
class Register:
    """A register.

    Attributes:
        name: in capitals.
        offset: of its lowest byte.
        bits: width, at most 64.
        access: "read" only; "write": also written, which has no effect while a program runs;
            "control": writing starts the engine.
        meaning: a phrase.
        reset: value after reset; of a "read" register what the hardware says.
    """

    name: str
    offset: int
    bits: int
    access: Literal["read", "write", "control"]
    meaning: str
    reset: int = 0

    def words(self) -> Iterator[tuple[int, int, int]]:
        """Byte address, lowest and highest bit of every 32-bit word."""
        for low in range(0, self.bits, 32):
            yield self.offset + low // 8, low, min(low + 31, self.bits - 1)


START, DONE, IDLE, DRAINING = (1 << bit for bit in range(4))
"""Bits of CTRL."""

COUNTER_BITS = 48

_SETTINGS = (
    Register(
        "CTRL",
        0x00,
        4,
        "control",
        "bit 0: write 1 to start, reads 1 while a program runs; 1: the program has ended, until "
        "the next start; 2: idle; 3: after an error, memory still owes answers",
    ),
    Register(
        "STATUS",
        0x04,
        24,
        "read",
        "bits 7..0: error code of the last program, 0 if it ended well; 23..8: position of the "
        "instruction",
    ),
    Register("DESIGN_ID", 0x08, 32, "read", "the hardware's sizes as one number"),
    Register("VERSION", 0x0C, 8, "read", "of the instruction set and of these registers"),
    Register(
        "ARENA",
        0x10,
        40,
        "write",
        "address of the arena's first byte in memory; a multiple of 64, lower bits are ignored",
    ),
    Register("ARENA_LINES", 0x18, 27, "write", "size of the arena in lines of 64 bytes"),
    Register("PROGRAM", 0x1C, 26, "write", "line of the arena at which the program begins"),
    Register("INSTRUCTIONS", 0x20, 16, "write", "length of the program"),
    Register(
        "STALL_LIMIT",
        0x24,
        32,
        "write",
        "cycles without any activity after which a program is given up, 0: never",
        reset=1 << 20,
    ),
    Register(
        "CYCLE_LIMIT", 0x28, 32, "write", "cycles after which a program is given up, 0: never"
    ),
    Register("IRQ_ENABLE", 0x2C, 1, "write", "1: the interrupt is high while CTRL says done"),
)


def _counters(first: int, *counters: tuple[str, str]) -> Iterator[Register]:
    for number, (name, meaning) in enumerate(counters):
        yield Register(name, first + 8 * number, COUNTER_BITS, "read", meaning)


COUNTERS = tuple(
    _counters(
        0x40,
        ("CYCLES", "from start to done"),
        ("BLOCKS", "blocks of rows that went through the array"),
        ("PROGRAM_BEATS", "of 16 bytes, given to the core"),
        ("WEIGHT_BEATS", "likewise"),
        ("DATA_BEATS", "likewise"),
        ("STORE_BEATS", "of 16 bytes, that the core gave"),
        ("WEIGHT_STALL", "cycles in which weights were there and the core did not take them"),
        ("WEIGHT_WAIT", "cycles in which weights had been asked for and none were there"),
        ("DATA_WAIT", "cycles in which data had been asked for and none were there"),
        ("STORE_WAIT", "cycles in which the core had something to store and memory was not ready"),
    )
)
"""Counts of the last program; they start at zero and are complete when it has ended."""

REGISTERS: Mapping[str, Register] = MappingProxyType(
    {register.name: register for register in (*_SETTINGS, *COUNTERS)}
)
"""Name -> register, by address."""


def documentation() -> str:
    """The table of `docs/isa.md`."""
    lines = ["| address | register | bits | access | meaning |", "|---|---|---|---|---|"]
    for register in REGISTERS.values():
        access = "read" if register.access == "read" else "read, write"
        default = f"; {register.reset} after reset" if register.reset else ""
        lines.append(
            f"| 0x{register.offset:02x} | `{register.name}` | {register.bits} | {access} | "
            f"{register.meaning}{default} |"
        )
    return "\n".join(lines) + "\n"
