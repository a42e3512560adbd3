"""Debug information: source lines, C++ types with their declared widths, variables, functions.

Metadata nodes are kept as text and read when somebody asks for them: a kernel's module has ten
thousand, of which a few hundred matter.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from m3vit.hls.compiler import ir

from .cpp_types import CppType

_FIELD = re.compile(r'(\w+): ("(?:[^"\\]|\\.)*"|!\w*\(.*?\)|[^,()]+(?:\([^()]*\))?)')
_REFERENCE = re.compile(r"!(\d+)")


@dataclass(frozen=True)
class Node:
    """A specialised metadata node such as DILocalVariable: its kind and its fields as text."""

    kind: str
    fields: dict[str, str]

    def text(self, key: str) -> str:
        """A string field without quotes, "" if absent."""
        return self.fields.get(key, "").strip('"')

    def number(self, key: str, default: int = 0) -> int:
        value = self.fields.get(key, "")
        return int(value) if re.fullmatch(r"-?\d+", value) else default

    def reference(self, key: str) -> int:
        """Number of the node that a field names, -1 if absent or null."""
        match = _REFERENCE.fullmatch(self.fields.get(key, ""))
        return int(match[1]) if match else -1


@dataclass(frozen=True)
class VariableKey:
    """Names a variable across passes that renumber metadata."""

    function: str
    name: str
    line: int


class DebugInfo:
    """Everything that metadata says, by node number.

    Args:
        metadata: text of the nodes.
        shorten: makes paths readable.
        is_user: says whether a file is the user's, for locations.
    """

    def __init__(
        self,
        metadata: dict[int, str],
        shorten: Callable[[str], str],
        is_user: Callable[[str], bool],
    ) -> None:
        self.metadata = metadata
        self.shorten = shorten
        self.is_user = is_user
        self.nodes: dict[int, Node] = {}
        self.types: dict[int, CppType] = {}
        self.locations: dict[int, ir.Location | None] = {}
        self.files: dict[int, str] = {}

    def node(self, number: int) -> Node:
        """A specialised node; an unspecialised or missing one has kind ""."""
        known = self.nodes.get(number)
        if known is None:
            text = self.metadata.get(number, "").removeprefix("distinct ")
            match = re.match(r"!(DI\w+)\((.*)\)$", text)
            fields = dict(_FIELD.findall(match[2])) if match else {}
            known = self.nodes[number] = Node(match[1] if match else "", fields)
        return known

    def items(self, number: int) -> list[int]:
        """Numbers in a list node; null entries are -1."""
        text = self.metadata.get(number, "").removeprefix("distinct ")
        if not text.startswith("!{"):
            return []
        return [
            int(entry[1:]) if entry.startswith("!") else -1
            for entry in re.findall(r"!\d+|null", text[2:])
        ]

    # Places -------------------------------------------------------------------------------------

    def file(self, number: int) -> str:
        """Path of a DIFile."""
        if number not in self.files:
            node = self.node(number)
            name, directory = node.text("filename"), node.text("directory")
            path = name if name.startswith("/") or not directory else f"{directory}/{name}"
            self.files[number] = self.shorten(path)
        return self.files[number]

    def scope_file(self, scope: int) -> str:
        """File of a scope or of what encloses it."""
        while scope >= 0:
            node = self.node(scope)
            if (file := node.reference("file")) >= 0:
                return self.file(file)
            scope = node.reference("scope")
        return ""

    def location(self, number: int) -> ir.Location | None:
        """The user's line of a DILocation: the innermost one, looking out of inlined headers."""
        if number not in self.locations:
            node = self.node(number)
            found = None
            if node.kind == "DILocation":
                file = self.scope_file(node.reference("scope"))
                line = node.number("line")
                # What the compiler adds to a class has the line of the class.
                written = not self.is_artificial(node.reference("scope"))
                if line and written and self.is_user(file):
                    found = ir.Location(file, line)
                else:
                    found = self.location(node.reference("inlinedAt"))
            self.locations[number] = found
        return self.locations[number]

    def is_artificial(self, scope: int) -> bool:
        """The function around a scope was written by the compiler."""
        return "DIFlagArtificial" in self.subprogram(scope).fields.get("flags", "")

    def chain(self, number: int) -> tuple[ir.Location, ...]:
        """All the user's lines of a DILocation, from the innermost inlined function outwards."""
        found = []
        while number >= 0:
            node = self.node(number)
            file = self.scope_file(node.reference("scope"))
            if node.number("line") and self.is_user(file):
                found.append(ir.Location(file, node.number("line")))
            number = node.reference("inlinedAt")
        return tuple(found)

    def loop_location(self, number: int) -> ir.Location | None:
        """First line of the loop that an `!llvm.loop` node describes."""
        for item in self.items(number)[1:]:
            if self.node(item).kind == "DILocation":
                return self.location(item)
        return None

    def line_of(self, node: Node) -> ir.Location | None:
        """Where a variable or function is declared."""
        file = self.file(node.reference("file")) if node.reference("file") >= 0 else ""
        line = node.number("line")
        return ir.Location(file, line) if line and self.is_user(file) else None

    # Functions and variables --------------------------------------------------------------------

    def subprogram(self, scope: int) -> Node:
        """The function around a scope."""
        while scope >= 0 and self.node(scope).kind != "DISubprogram":
            scope = self.node(scope).reference("scope")
        return self.node(scope)

    def variable_key(self, number: int) -> VariableKey:
        """Identity of a DILocalVariable."""
        node = self.node(number)
        function = self.subprogram(node.reference("scope"))
        return VariableKey(
            function.text("linkageName") or function.text("name"),
            node.text("name"),
            node.number("line"),
        )

    def parameter_types(self, subprogram: Node) -> tuple[CppType | None, tuple[CppType, ...]]:
        """Type that a function returns (None for void) and those of its parameters."""
        signature = self.node(subprogram.reference("type"))
        first, *rest = self.items(signature.reference("types"))
        returned = self.type(first) if first >= 0 else None
        return returned, tuple(self.type(number) for number in rest)

    def parameters(self, subprogram: Node) -> dict[int, Node]:
        """Named parameters by position, from 1."""
        found = {}
        for item in self.items(subprogram.reference("retainedNodes")):
            node = self.node(item)
            if node.kind == "DILocalVariable" and node.number("arg"):
                found[node.number("arg")] = node
        return found

    # Types --------------------------------------------------------------------------------------

    def type(self, number: int) -> CppType:
        """The C++ type of a node, behind typedefs and qualifiers."""
        if number not in self.types:
            self.types[number] = self._type(number)
        return self.types[number]

    def _type(self, number: int) -> CppType:
        node = self.node(number)
        if node.kind == "DIBasicType":
            return _basic(node)
        if node.kind == "DIDerivedType":
            return self._derived(node)
        if node.kind == "DICompositeType":
            tag = node.fields.get("tag", "")
            if tag == "DW_TAG_array_type":
                return self._array(node)
            if tag == "DW_TAG_enumeration_type":
                base = self.type(node.reference("baseType"))
                return CppType("integer", node.text("name"), base.size, base.width, base.signed)
            if tag in ("DW_TAG_structure_type", "DW_TAG_class_type"):
                return self._structure(node)
        return CppType("other", node.text("name") or node.kind, node.number("size"))

    def _derived(self, node: Node) -> CppType:
        tag = node.fields.get("tag", "")
        base = node.reference("baseType")
        if tag in ("DW_TAG_pointer_type", "DW_TAG_reference_type", "DW_TAG_rvalue_reference_type"):
            if base < 0:
                return CppType("other", "void*", 64)
            constant = self._is_constant(base)
            target = self.type(base)
            return CppType("pointer", f"{target.name}&", 64, element=target, constant=constant)
        if base < 0:
            return CppType("other", node.text("name") or tag, node.number("size"))
        return self.type(base)  # typedef, const, volatile

    def _is_constant(self, number: int) -> bool:
        """The type is const, seen through typedefs and arrays."""
        node = self.node(number)
        if node.fields.get("tag") == "DW_TAG_const_type":
            return True
        if node.fields.get("tag") in ("DW_TAG_typedef", "DW_TAG_array_type"):
            return self._is_constant(node.reference("baseType"))
        return False

    def _array(self, node: Node) -> CppType:
        of = self.type(node.reference("baseType"))
        counts = [
            self.node(item).number("count", -1) for item in self.items(node.reference("elements"))
        ]
        for count in reversed(counts):
            of = CppType("array", f"{of.name}[]", max(count, 0) * of.size, element=of, count=count)
        return of

    def _structure(self, node: Node) -> CppType:
        name = node.text("name")
        arguments = self._template_arguments(node)
        if name.startswith("ssdm_int<"):
            width, signed = (value for _, value in arguments)
            assert isinstance(width, int)
            size = node.number("size")
            return CppType("integer", name, size, width, bool(signed))
        if name.startswith("stream<") and self.node(node.reference("scope")).text("name") == "hls":
            payload, depth = arguments[0][1], arguments[1][1]
            assert isinstance(payload, CppType) and isinstance(depth, int)
            return CppType("stream", name, node.number("size"), element=payload, depth=depth)
        members = tuple(self._members(node))
        if name.startswith(("ap_int", "ap_uint", "ap_fixed", "ap_ufixed")) and len(members) == 1:
            inner = members[0][2]
            return CppType("integer", _readable(name), inner.size, inner.width, inner.signed)
        return CppType("struct", _readable(name), node.number("size"), members=members)

    def _members(self, node: Node) -> Iterator[tuple[str, int, CppType]]:
        for item in self.items(node.reference("elements")):
            member = self.node(item)
            tag = member.fields.get("tag")
            static = "DIFlagStaticMember" in member.fields.get("flags", "")
            if tag not in ("DW_TAG_member", "DW_TAG_inheritance") or static:
                continue
            of = self.type(member.reference("baseType"))
            if "DIFlagBitField" in member.fields.get("flags", ""):
                of = CppType("other", "bit-field", member.number("size"))
            if tag == "DW_TAG_inheritance" and of.kind == "struct" and not of.members:
                continue
            yield member.text("name"), member.number("offset"), of

    def _template_arguments(self, node: Node) -> list[tuple[str, int | CppType]]:
        arguments: list[tuple[str, int | CppType]] = []
        for item in self.items(node.reference("templateParams")):
            parameter = self.node(item)
            if parameter.kind == "DITemplateValueParameter":
                value = parameter.fields.get("value", "i32 0").split()[-1]
                number = {"true": 1, "false": 0}.get(value)
                arguments.append((parameter.text("name"), int(value) if number is None else number))
            else:
                arguments.append((parameter.text("name"), self.type(parameter.reference("type"))))
        return arguments


def _basic(node: Node) -> CppType:
    name, size = node.text("name"), node.number("size")
    encoding = node.fields.get("encoding", "")
    if encoding == "DW_ATE_boolean":
        return CppType("integer", name, size, 1, False)
    if encoding in ("DW_ATE_signed", "DW_ATE_signed_char"):
        return CppType("integer", name, size, node.number("dataSize", size), True)
    if encoding in ("DW_ATE_unsigned", "DW_ATE_unsigned_char", "DW_ATE_UTF"):
        return CppType("integer", name, size, node.number("dataSize", size), False)
    return CppType("other", name, size, floating=encoding == "DW_ATE_float")


def _readable(name: str) -> str:
    """A type's name without namespaces and enumerators' numbers."""
    modes = {
        "(ap_q_mode)": ["RND", "RND_ZERO", "RND_MIN_INF", "RND_INF", "RND_CONV", "TRN", "TRN_ZERO"],
        "(ap_o_mode)": ["SAT", "SAT_ZERO", "SAT_SYM", "WRAP", "WRAP_SM"],
    }
    for cast, words in modes.items():
        for number, word in enumerate(words):
            name = name.replace(f"{cast}{number}", f"AP_{word}")
    return re.sub(r"\b\w+::", "", name).removesuffix(", 0>") + (
        ">" if name.endswith(", 0>") else ""
    )
