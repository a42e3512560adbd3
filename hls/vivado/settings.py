"""What a Tcl script is told: a file that fills its array `settings`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from m3vit.files import write_atomically

VARIABLE = "M3VIT_SETTINGS"
"""Environment variable with the file's name."""

Value = str | int | float | Path | Sequence["Value"]


def write_settings(path: Path, settings: Mapping[str, Value]) -> None:
    """Write `set settings(name) value` lines; sequences become lists.

    Raises:
        ValueError: text that braces cannot quote.
    """
    lines = [f"set settings({name}) {quoted(value)}" for name, value in settings.items()]
    write_atomically(path, "\n".join(lines) + "\n")


def quoted(value: Value) -> str:
    """A value as one word of Tcl."""
    if not isinstance(value, str) and isinstance(value, Sequence):
        return f"{{{' '.join(quoted(item) for item in value)}}}"
    text = str(value)
    if re.fullmatch(r"[\w./:*+,=-]+", text):
        return text
    if re.search(r"[{}\\\n]", text):
        raise ValueError(f"{text!r} cannot be a word of Tcl")
    return f"{{{text}}}"
