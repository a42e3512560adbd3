"""A DATAFLOW function as `ir.Network`: channels and calls, nothing else."""

from collections.abc import Mapping

from m3vit.hls.compiler import ir
from m3vit.hls.compiler.diagnostics import HlsError

from . import intrinsics
from .annotations import Annotations
from .llvm import layout, syntax
from .llvm.debug_info import DebugInfo
from .signature import KeptFunction, StreamBinding, stream_payloads

DEFAULT_DEPTH = 2


class NetworkReader:
    """Reads one network.

    Args:
        kept: all kept functions, by symbol. names: symbol -> name in the module.
    """

    def __init__(
        self,
        body: syntax.Function,
        symbol: str,
        kept: Mapping[str, KeptFunction],
        debug: DebugInfo,
        notes: Annotations,
        names: Mapping[str, str],
    ) -> None:
        self.body = body
        self.function = kept[symbol]
        self.kept = kept
        self.debug = debug
        self.notes = notes
        self.names = names
        self.network = ir.Network(
            names[symbol], list(self.function.arguments), [], [], location=self.function.location
        )
        self.places: dict[str, tuple[StreamBinding, int]] = {}
        self.scalars: dict[str, str] = {}
        self.taken = {argument.name for argument in self.function.arguments}

    def run(self) -> ir.Network:
        """Read everything.

        Raises:
            HlsError: the body does something else than calling processes.
        """
        for parameter, binding in zip(self.body.parameters, self.function.bindings, strict=True):
            if isinstance(binding, str):
                self.scalars[parameter.name] = binding
            else:
                self.places[parameter.name] = (binding, 0)
        for block in self.body.blocks:
            for instruction in block.instructions:
                self.read(instruction)
        return self.network

    def read(self, instruction: syntax.Instruction) -> None:
        opcode = instruction.opcode
        if opcode == "alloca":
            self.channel(instruction)
        elif opcode == "getelementptr":
            self.element(instruction)
        elif opcode == "call" and instruction.callee in self.names:
            self.instance(instruction)
        elif opcode == "ret" or (opcode == "call" and intrinsics.has_no_effect(instruction.callee)):
            pass
        else:
            raise self.error(instruction)

    def error(self, instruction: syntax.Instruction) -> HlsError:
        return HlsError(
            "dataflow-body",
            f"the DATAFLOW function {self.function.name} computes something itself: it may only "
            "declare streams and call processes, each once and unconditionally, with streams, its "
            "own scalars and constants",
            self.debug.location(instruction.debug) or self.function.location,
        )

    def channel(self, instruction: syntax.Instruction) -> None:
        """A declaration of a stream, or of an array of them."""
        assert instruction.result is not None
        declaration = self.body.declarations.get(instruction.result)
        if declaration is None:
            raise self.error(instruction)
        variable = self.debug.node(declaration.variable)
        of = self.debug.type(variable.reference("type"))
        location = self.debug.line_of(variable)
        innermost = of.innermost
        if innermost.kind != "stream":
            raise self.error(instruction)
        depth = innermost.depth or DEFAULT_DEPTH
        for note in self.notes.variables.get(self.debug.variable_key(declaration.variable), []):
            if note.pragma.name == "STREAM":
                depth = note.numbers["depth"]
                if depth < 1:
                    raise HlsError(
                        "pragma-option",
                        "#pragma HLS STREAM depth=0: give 1 or more",
                        note.pragma.location,
                    )
        ports = []
        for suffix, payload in stream_payloads(of, location):
            name = self.unique(variable.text("name") + suffix)
            self.network.channels.append(ir.Channel(name, payload, depth, location))
            ports.append(ir.StreamPort(name, payload, location))
        self.places[instruction.result] = (StreamBinding(ports, innermost.size // 8), 0)

    def element(self, instruction: syntax.Instruction) -> None:
        """The address of a stream in an array."""
        base, *indices = instruction.operands
        constants = [index.value for index in indices if isinstance(index, ir.Constant)]
        known = isinstance(base, ir.Local) and base.name in self.places
        if not known or len(constants) != len(indices):
            raise self.error(instruction)
        assert isinstance(base, ir.Local)
        assert instruction.element is not None and instruction.result is not None
        binding, offset = self.places[base.name]
        distance = layout.element_offset(instruction.element, tuple(constants))
        self.places[instruction.result] = (binding, offset + distance)

    def instance(self, instruction: syntax.Instruction) -> None:
        callee = self.kept[instruction.callee]
        connections: dict[str, str | int] = {}
        for binding, operand in zip(callee.bindings, instruction.operands, strict=True):
            if isinstance(binding, str):
                connections[binding] = self.scalar(operand, instruction)
                continue
            if not isinstance(operand, ir.Local) or operand.name not in self.places:
                raise self.error(instruction)
            streams, offset = self.places[operand.name]
            first = offset // streams.stride
            for index, port in enumerate(binding.ports):
                connections[port.name] = streams.ports[first + index].name
        function = self.names[instruction.callee]
        self.network.instances.append(
            ir.Instance(
                self.unique(function),
                function,
                connections,
                self.debug.location(instruction.debug),
            )
        )

    def scalar(self, operand: syntax.Operand, instruction: syntax.Instruction) -> str | int:
        if isinstance(operand, ir.Constant):
            return operand.value
        if isinstance(operand, ir.Local) and operand.name in self.scalars:
            return self.scalars[operand.name]
        raise self.error(instruction)

    def unique(self, name: str) -> str:
        base, count = name, 1
        while name in self.taken:
            count += 1
            name = f"{base}_{count}"
        self.taken.add(name)
        return name
