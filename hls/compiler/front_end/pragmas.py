"""`#pragma HLS` lines: which ones there are, what they may say, how they reach the IR.

A pragma becomes a call of a marker function in the text that clang compiles. C++ itself then says
which function, variable and template instance it belongs to, and computes its numbers. Pragmas
that change nothing here are dropped; unknown ones are refused, so none is ignored by mistake.
"""

import re
from dataclasses import dataclass, field

from m3vit.hls.compiler.diagnostics import HlsError
from m3vit.hls.compiler.ir import Location

_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Pragma:
    """One line `#pragma HLS <name> <options>`.

    Attributes:
        name: upper case.
        options: key -> value, keys in lower case; a bare word `w` that is not the value of a key
            by position is `w: ""`.
        index: its number in the translation unit, which the marker carries.
    """

    name: str
    options: dict[str, str]
    index: int
    location: Location

    def __getitem__(self, key: str) -> str:
        return self.options.get(key, "")


@dataclass(frozen=True)
class _Rule:
    """What a pragma may say.

    Attributes:
        choices: key -> values it may have (lower case); () for anything.
        bare: bare word -> the key that it is the value of; the old syntax without `key=`.
        numbers: keys whose values are constant expressions; they are arguments of the marker.
        variable: key that names a variable, or "".
        required: keys that must be there.
        effect: False where the pragma is accepted and changes nothing.
        only_in: "loop": needs an enclosing loop.
    """

    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)
    bare: dict[str, str] = field(default_factory=dict)
    numbers: tuple[str, ...] = ()
    variable: str = ""
    required: tuple[str, ...] = ()
    effect: bool = True
    only_in: str = ""


_RAMS = ("ram_1p", "ram_s2p", "ram_2p", "ram_t2p", "ram_1wnr")
_ROMS = ("rom_1p", "rom_2p", "rom_np")
_STORAGE_IMPLEMENTATIONS = ("auto", "lutram", "bram", "uram", "register")
_MODES = ("axis", "ap_ctrl_none", "ap_ctrl_hs", "s_axilite", "ap_none", "ap_stable", "m_axi")

_RULES: dict[str, _Rule] = {
    "PIPELINE": _Rule(
        choices={"ii": (), "style": ("frp", "flp", "stp"), "rewind": ("",)},
        numbers=("ii",),
    ),
    "UNROLL": _Rule(choices={"factor": (), "skip_exit_check": ("",)}, only_in="loop"),
    "INLINE": _Rule(choices={"off": ("",), "recursive": ("",)}),
    "DATAFLOW": _Rule(choices={"disable_start_propagation": ("",)}),
    "INTERFACE": _Rule(
        choices={
            "mode": _MODES,
            "port": (),
            "bundle": (),
            "register": ("",),
            "register_mode": ("both", "forward", "reverse", "off"),
            "depth": (),
            "offset": ("direct", "slave", "off"),
        },
        bare=dict.fromkeys(_MODES, "mode"),
        required=("mode", "port"),
    ),
    "ARRAY_PARTITION": _Rule(
        choices={
            "variable": (),
            "type": ("complete", "cyclic", "block"),
            "factor": (),
            "dim": (),
            "off": (),
        },
        bare={"complete": "type", "cyclic": "type", "block": "type"},
        numbers=("factor", "dim"),
        variable="variable",
        required=("variable",),
    ),
    "BIND_STORAGE": _Rule(
        choices={
            "variable": (),
            "type": _RAMS + _ROMS,  # the ports that are needed follow from the accesses
            "impl": _STORAGE_IMPLEMENTATIONS,
            "latency": (),
        },
        numbers=("latency",),
        variable="variable",
        required=("variable", "type"),
    ),
    "RESOURCE": _Rule(
        choices={"variable": (), "core": (), "latency": ()},
        numbers=("latency",),
        variable="variable",
        required=("variable", "core"),
    ),
    "BIND_OP": _Rule(
        choices={"variable": (), "op": ("mul",), "impl": ("dsp", "fabric")},
        variable="variable",
        required=("variable", "op", "impl"),
    ),
    "DEPENDENCE": _Rule(
        choices={
            "variable": (),
            "type": ("inter", "intra"),
            "dependent": ("false", "true"),
            "distance": (),
            "direction": ("raw", "war", "waw"),
        },
        bare={
            "inter": "type",
            "intra": "type",
            "false": "dependent",
            "true": "dependent",
            "raw": "direction",
            "war": "direction",
            "waw": "direction",
        },
        numbers=("distance",),
        variable="variable",
        required=("variable", "type", "dependent"),
    ),
    "STREAM": _Rule(
        choices={"variable": (), "depth": (), "type": ("fifo",)},
        numbers=("depth",),
        variable="variable",
        required=("variable",),
    ),
    "AGGREGATE": _Rule(
        choices={"variable": (), "compact": ("bit", "auto")},
        variable="variable",
        effect=False,
    ),
    "LOOP_TRIPCOUNT": _Rule(choices={"min": (), "max": (), "avg": ()}, effect=False),
    "LOOP_FLATTEN": _Rule(choices={"off": ("",)}, required=("off",), effect=False),
}

_REMEDIES = {
    "ALLOCATION": "operators are not shared; write one multiplication and select its operands",
    "ARRAY_RESHAPE": "use an array of structs, whose elements are the words",
    "DISAGGREGATE": "use separate variables",
    "LATENCY": "the compiler chooses the latency from the clock; leave it out",
    "EXPRESSION_BALANCE": "write the order of operations with parentheses",
    "STABLE": "scalars of a process are stable by definition; leave it out",
    "RESET": "state starts with its initial values after power-on and reset; leave it out",
    "FUNCTION_INSTANTIATE": "use a template parameter",
    "LOOP_MERGE": "merge the loops in the source",
    "OCCURRENCE": "use a condition",
    "PROTOCOL": "use streams",
    "TOP": "name the top function when calling the compiler",
}

DROPPED = frozenset(name for name, rule in _RULES.items() if not rule.effect)
"""Pragmas that are checked and have no effect."""


def parse(text: str, index: int, location: Location) -> Pragma | None:
    """The pragma of a line, checked against its rule; None if the line is no HLS pragma.

    Raises:
        HlsError: unknown pragma, option or value.
    """
    match = re.match(r"\s*#\s*pragma\s+HLS\b(.*)", text, re.IGNORECASE)
    if not match:
        return None
    words = _split(match[1])
    if not words:
        raise HlsError("unknown-pragma", "#pragma HLS says nothing: delete the line", location)
    name = words[0].upper()
    rule = _RULES.get(name)
    if rule is None:
        remedy = _REMEDIES.get(name, "delete it, or see the list in docs/hls-rules.md")
        raise HlsError("unknown-pragma", f"#pragma HLS {name} is not supported: {remedy}", location)
    options: dict[str, str] = {}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        key = key.lower()
        if not equals and key in rule.bare:
            key, value = rule.bare[key], key
        if key not in rule.choices or key in options:
            raise _option(name, f"'{word}' is not understood", rule, location)
        allowed = rule.choices[key]
        if allowed:
            value = value.lower()
        elif not value:
            raise _option(name, f"'{key}' needs a value", rule, location)
        if allowed and value not in allowed:
            raise _option(name, f"{key} cannot be '{value}'", rule, location, key)
        options[key] = value
    missing = [key for key in rule.required if key not in options]
    if missing:
        raise _option(name, f"'{missing[0]}' is missing", rule, location)
    pragma = Pragma(name, options, index, location)
    _check(pragma)
    return pragma


def marker(pragma: Pragma) -> str:
    """C++ statement that carries the pragma into the IR; "" where it has no effect."""
    rule = _RULES[pragma.name]
    if not rule.effect or (pragma.name == "INLINE" and "off" not in pragma.options):
        return ""
    if pragma.name == "PIPELINE":
        return f"__hls_pipeline(__hls_constant<({pragma['ii'] or 0})>);"
    about = "nullptr, 0L"
    if rule.variable:
        name = pragma[rule.variable]
        about = f"__builtin_addressof({name}), static_cast<long>(sizeof({name}))"
    numbers = "".join(f", __hls_constant<({pragma[key] or 0})>" for key in rule.numbers)
    return f"__hls_pragma({pragma.index}, {about}{numbers});"


def numbers(pragma: Pragma, values: tuple[int, ...]) -> dict[str, int]:
    """Names of the numbers that the marker's call carries; those that are left out are absent."""
    rule = _RULES[pragma.name]
    return {
        key: value for key, value in zip(rule.numbers, values, strict=True) if key in pragma.options
    }


def needs_loop(pragma: Pragma) -> bool:
    """The pragma is about the loop that it stands in."""
    return _RULES[pragma.name].only_in == "loop"


def storage_of_core(pragma: Pragma) -> str:
    """Implementation that the old `RESOURCE core=RAM_2P_BRAM` names, or "" for a choice."""
    core = pragma["core"].upper()
    match = re.fullmatch(
        r"(?:RAM_1P|RAM_2P|RAM_S2P|RAM_T2P|ROM_1P|ROM_2P|ROM_NP)(?:_(LUTRAM|BRAM|URAM|1S))?|XPM_MEMORY",
        core,
    )
    if not match:
        raise HlsError(
            "pragma-option",
            f"#pragma HLS RESOURCE core={pragma['core']} is not supported: name a memory such as "
            "RAM_2P_BRAM, or use BIND_STORAGE or BIND_OP",
            pragma.location,
        )
    implementation = (match[1] or "").lower()
    return "lutram" if implementation == "1s" else implementation


def _split(text: str) -> list[str]:
    """Words of a pragma, `key = value` joined; spaces inside brackets do not split."""
    text = re.sub(r"\s*=\s*", "=", text.strip())
    words, depth, start = [], 0, 0
    for position, letter in enumerate(text):
        if letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter.isspace() and depth == 0:
            words.append(text[start:position])
            start = position + 1
    words.append(text[start:])
    return [word for word in words if word]


def _option(name: str, what: str, rule: _Rule, location: Location, key: str = "") -> HlsError:
    allowed = ", ".join(rule.choices[key] if key else rule.choices)
    return HlsError("pragma-option", f"#pragma HLS {name}: {what} (known: {allowed})", location)


def _check(pragma: Pragma) -> None:
    """What the table cannot say."""
    sentence = ""
    if pragma.name == "UNROLL" and "factor" in pragma.options:
        sentence = "UNROLL factor= is not supported: unroll the loop completely, or write two loops"
    elif pragma.name == "ARRAY_PARTITION":
        kind = pragma["type"] or "complete"
        if kind != "complete" and "factor" not in pragma.options:
            sentence = f"ARRAY_PARTITION type={kind} needs factor="
        elif kind == "complete" and "factor" in pragma.options:
            sentence = "ARRAY_PARTITION type=complete has no factor"
        elif "off" in pragma.options:
            sentence = "ARRAY_PARTITION off is not supported: leave it out"
    elif pragma.name == "DEPENDENCE":
        if (pragma["dependent"] == "true") != ("distance" in pragma.options):
            sentence = "DEPENDENCE is either dependent=false, or dependent=true with distance="
        elif "distance" in pragma.options and pragma["type"] != "inter":
            sentence = "DEPENDENCE distance= is about iterations: write type=inter"
    elif pragma.name == "STREAM" and "depth" not in pragma.options:
        sentence = "STREAM needs depth="
    elif pragma.name == "INTERFACE" and not _WORD.fullmatch(pragma["port"]):
        sentence = f"INTERFACE port={pragma['port']} is not the name of an argument"
    if pragma.name == "INTERFACE" and pragma["mode"] == "m_axi":
        raise HlsError(
            "m-axi",
            "pointers to memory are not supported: send {address, beats} to a request stream and "
            "move the data on streams, see docs/hls-rules.md",
            pragma.location,
        )
    if sentence:
        raise HlsError("pragma-option", f"#pragma HLS {sentence}", pragma.location)
