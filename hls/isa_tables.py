"""The tables of docs/isa.md. `python -m m3vit.hls.isa_tables docs/isa.md` writes them anew."""

import re
import sys
from pathlib import Path

from m3vit.files import write_atomically

from .isa import ENDINGS, INSTRUCTIONS, MEANINGS, OPCODE_BITS, Field, Kind
from .registers import documentation as registers_table


def with_tables(text: str) -> str:
    """The text with what stands between `<!-- table NAME -->` and `<!-- end -->` written anew."""
    tables = {kind.name: _fields_table(kind) for kind in INSTRUCTIONS}
    tables |= {
        "instructions": _instructions_table(),
        "endings": _endings_table(),
        "registers": registers_table().rstrip(),
    }
    return re.sub(
        r"<!-- table (\w+) -->\n.*?<!-- end -->",
        lambda found: f"<!-- table {found[1]} -->\n{tables[found[1]]}\n<!-- end -->",
        text,
        flags=re.DOTALL,
    )


def _instructions_table() -> str:
    lines = ["| opcode | instruction | what it does |", "|---:|---|---|"]
    lines += [f"| {kind.opcode} | `{kind.name}` | {kind.meaning} |" for kind in INSTRUCTIONS]
    return "\n".join(lines)


def _fields_table(kind: Kind) -> str:
    lines = [f"{kind.meaning}", "", "| bits | field | unit | meaning |", "|---:|---|---|---|"]
    lines.append(f"| 0–{OPCODE_BITS - 1} | | | {kind.opcode} |")
    for field in kind.fields:
        low, high = kind.positions[field.name], kind.positions[field.name] + field.bits - 1
        bits = str(low) if low == high else f"{low}–{high}"
        lines.append(f"| {bits} | `{field.name}` | {_unit(field)} | {field.meaning} |")
    return "\n".join(lines)


def _unit(field: Field) -> str:
    if field.name in MEANINGS:
        return "choice"
    return f"{field.unit} (signed)".strip() if field.signed else field.unit


def _endings_table() -> str:
    lines = ["| code | meaning |", "|---:|---|"]
    return "\n".join([*lines, *(f"| {code} | {meaning} |" for code, meaning in ENDINGS.items())])


def main() -> None:
    """Rewrite the files named on the command line."""
    for name in sys.argv[1:]:
        path = Path(name)
        write_atomically(path, with_tables(path.read_text()))


if __name__ == "__main__":
    main()
