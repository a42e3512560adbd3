"""Which values of a function point into its streams, and which stream of an array is meant."""

from m3vit.hls.compiler import ir
from m3vit.hls.compiler.diagnostics import HlsError

from .llvm import layout, syntax
from .signature import KeptFunction, StreamBinding


class StreamAddresses:
    """The addresses of streams in one function.

    Attributes:
        ports: LLVM argument -> port whose name the address gets; the first one of an array.
    """

    def __init__(self, body: syntax.Function, kept: KeptFunction) -> None:
        self.ports: dict[str, str] = {}
        self._elements: dict[str, tuple[StreamBinding, int]] = {}
        for parameter, binding in zip(body.parameters, kept.bindings, strict=True):
            if isinstance(binding, StreamBinding):
                self.ports[parameter.name] = binding.ports[0].name
                if len(binding.ports) > 1:
                    self._elements[parameter.name] = (binding, 0)
        self._inside = _closure(body, set(self.ports))

    def check(self, instruction: syntax.Instruction, location: ir.Location | None) -> None:
        """Streams are accessed by their methods, and nothing else is.

        Raises:
            HlsError: a stream that is no argument, or a plain access to one.
        """
        if instruction.opcode not in ("load", "store"):
            return
        address = instruction.operands[1 if instruction.opcode == "store" else 0]
        known = isinstance(address, ir.Local) and address.name in self._inside
        if known != instruction.volatile:
            raise HlsError(
                "stream-place",
                "a stream is declared outside a DATAFLOW function or copied: pass streams by "
                "reference, and call their methods",
                location,
            )

    def step(
        self, instruction: syntax.Instruction, location: ir.Location | None
    ) -> tuple[str, int] | None:
        """(port, bytes into it) that a getelementptr leads to, if it starts in an array of streams.

        Raises:
            HlsError: a variable index.
        """
        if instruction.opcode != "getelementptr":
            return None
        address, *indices = instruction.operands
        if not isinstance(address, ir.Local) or address.name not in self._elements:
            return None
        constants = tuple(index.value for index in indices if isinstance(index, ir.Constant))
        if len(constants) < len(indices):
            raise HlsError(
                "stream-index",
                "an array of streams is indexed by a variable: unroll the loop, or use conditions",
                location,
            )
        assert instruction.element is not None and instruction.result is not None
        binding, offset = self._elements[address.name]
        offset += layout.element_offset(instruction.element, constants)
        self._elements[instruction.result] = (binding, offset)
        index, inside = divmod(offset, binding.stride)
        return binding.ports[index].name, inside


def _closure(body: syntax.Function, roots: set[str]) -> set[str]:
    """Values that step from `roots` or choose between such values."""
    makers = [
        (instruction.result, _sources(instruction))
        for block in body.blocks
        for instruction in block.instructions
        if instruction.result is not None
        and isinstance(instruction.type, ir.PointerType)
        and instruction.opcode in ("getelementptr", "phi", "select", "freeze")
    ]
    found = set(roots)
    size = 0
    while size < len(found):
        size = len(found)
        found |= {name for name, sources in makers if sources & found}
    return found


def _sources(instruction: syntax.Instruction) -> set[str]:
    """Values whose address an instruction passes on."""
    operands = instruction.operands
    if instruction.opcode == "getelementptr":
        operands = operands[:1]
    return {operand.name for operand in operands if isinstance(operand, ir.Local)}
