"""The cycle model: walks through a program as the engine's units do, block by block.

Nothing is stepped: for every block it is worked out when its operands are there, when the array
takes it, and when its results can be read, from the same facts about the block in front.
"""

from dataclasses import dataclass

from m3vit.hls.isa import Instruction

from .mixture import Mixture
from .products import Products
from .rows import Rows
from .state import Step

END = "end"


@dataclass
class Walk(Rows, Products, Mixture):
    """A program in the cycle model. Call `run` once."""

    def run(self) -> list[Step]:
        """Costs of all instructions; `time` is the end of the program."""
        steps = []
        for position, instruction in enumerate(self.instructions):
            self.step = Step(position, instruction.name)
            self.issued += self.t.issue
            if instruction.name == "LOAD":
                self.issued = max(self.issued, self.stores.acknowledged)
            self.last_head = not self._goes_on(position)
            before = self.pipe.array
            getattr(self, f"_{instruction.name.lower()}")(instruction)
            self.step.begin, self.step.end = before, self.pipe.array
            steps.append(self.step)
        return steps

    def _goes_on(self, position: int) -> bool:
        """Logits of the next instruction may overtake contexts of this one."""
        present, *rest = self.instructions[position : position + 2]
        return (
            bool(rest)
            and present.name == rest[0].name == "ATTENTION"
            and rest[0]["domain"] != present["to_domain"]
        )

    def _end(self, _: Instruction) -> None:
        settled = max(access.settled for access in self.domains)
        end = max(self.time, settled, self.stores.acknowledged, self.pipe.array) + self.t.end
        self.step.usage.wait(END, end - self.pipe.array)
        self.time = self.pipe.array = end
