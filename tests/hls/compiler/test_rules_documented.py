"""Every rule that the compiler names is in the manual."""

import ast
import re
from pathlib import Path

import m3vit.hls.compiler

SOURCES = Path(m3vit.hls.compiler.__file__).parent
MANUAL = Path(__file__).parents[3] / "docs" / "hls-rules.md"


def rules_in_python():
    """First arguments of all calls of HlsError and of functions that pass them on."""
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                value = node.args[0].value
                if name in ("HlsError", "error") and isinstance(value, str):
                    yield value


def rules_in_tables():
    """Rules of forbidden words and of messages in headers."""
    from m3vit.hls.compiler.front_end import source

    yield from (rule for rule, _ in source.FORBIDDEN.values())
    for path in (SOURCES / "headers").glob("*.h"):
        yield from re.findall(r'"\[([a-z-]+)\]', path.read_text())
    yield from re.findall(r"\[([a-z]+-[a-z-]+)\]", (SOURCES / "vendor_headers.py").read_text())


def test_every_rule_is_described():
    rules = {*rules_in_python(), *rules_in_tables()}
    assert len(rules) > 40
    described = set(re.findall(r"`([a-z+-]+)`", MANUAL.read_text()))
    assert sorted(rules - described) == []
