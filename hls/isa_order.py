"""Which instruction may follow which.

Rows on their way to a gate need their GATE next, for the array would wait for it; and what a GATE
chose needs its EXPERTS. The same in C++ is `ProgramOrder` in check_program.hpp.
"""

from dataclasses import dataclass

from .design import DesignConfig
from .isa import WIDE_GATE, Instruction
from .isa_checks import panel_words


@dataclass
class ProgramOrder:
    """What must still come.

    Attributes:
        design: sizes of words.
        begun: between BEGIN and END.
        rows_wait: the NORM whose int16 rows wait for their GATE.
        choice_waits: the GATE that waits for its EXPERTS.
    """

    design: DesignConfig
    begun: bool = False
    rows_wait: Instruction | None = None
    choice_waits: Instruction | None = None

    def broken_frame(self, instruction: Instruction) -> str | None:
        """What is wrong about BEGIN, or None."""
        begins = instruction.name == "BEGIN"
        if begins == self.begun:
            return "BEGIN comes once" if begins else "BEGIN is missing"
        return None

    def broken_pair(self, instruction: Instruction) -> str | None:
        """What is wrong about the instructions that belong together, or None."""
        norm, gate = self.rows_wait, self.choice_waits
        if instruction.name == "GATE":
            if norm is None:
                return "GATE has no NORM with wide = 1 in front"
            if gate is not None:
                return "a GATE waits for its EXPERTS already"
            words = panel_words(self.design, norm["words"])
            if (instruction["rows"], instruction["words"]) != (norm["rows"], words):
                return f"the NORM in front has {norm['rows']} rows of {words} panel words"
        elif instruction.name == "EXPERTS":
            if norm is not None or gate is None:
                return "EXPERTS has no GATE in front"
            expected = gate["rows"], gate["first"], gate["last"] - gate["first"]
            if tuple(instruction[name] for name in ("rows", "first", "experts")) != expected:
                return "rows, first and experts are not those of the GATE in front"
        elif instruction.name in ("MATMUL", "ATTENTION"):
            if norm is not None:
                return f"{instruction.name} comes between a NORM with wide = 1 and its GATE"
        elif instruction.name == "END" or (
            instruction.name == "NORM" and instruction["wide"] == WIDE_GATE
        ):
            if norm is not None:
                return "a NORM with wide = 1 waits for its GATE"
            if gate is not None:
                return "a GATE waits for its EXPERTS"
        return None

    def step(self, instruction: Instruction) -> None:
        """Behind an instruction that is in order."""
        match instruction.name:
            case "BEGIN":
                self.begun = True
            case "END":
                self.begun = False
            case "NORM" if instruction["wide"] == WIDE_GATE:
                self.rows_wait = instruction
            case "GATE":
                self.rows_wait, self.choice_waits = None, instruction
            case "EXPERTS":
                self.choice_waits = None
