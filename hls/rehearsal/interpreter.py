"""A Tcl interpreter whose unknown commands are methods of a Python object."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from m3vit.errors import UserError
from m3vit.hls.vivado.settings import VARIABLE

PRELUDE = """
proc stand_in {command arguments} {
    lassign [m3vit_call $command {*}$arguments] refused answer
    if {$refused} {
        error $answer
    }
    return $answer
}
rename file tcl_file
proc file {action args} {
    if {$action in {copy mkdir delete}} {
        return [stand_in "file $action" $args]
    }
    uplevel 1 [list tcl_file $action {*}$args]
}
proc exit {args} {
    return
}
"""


class RefusedError(Exception):
    """A command that the tool would refuse, or that names what is not there."""


class Tool:
    """A vendor's program: the method `do_create_project` plays the command `create_project`.

    Two colons of a command are two underscores of the method, and a blank is one.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []

    def call(self, command: str, arguments: Sequence[str]) -> str:
        """Play a command.

        Raises:
            RefusedError: it cannot be done.
        """
        self.calls.append((command, *arguments))
        return str(getattr(self, self.method(command))(list(arguments)) or "")

    def commands(self) -> list[str]:
        """All commands that it plays."""
        names = [name.removeprefix("do_") for name in dir(self) if name.startswith("do_")]
        return [name.replace("ipx__", "ipx::") for name in names if not name.startswith("file_")]

    @staticmethod
    def method(command: str) -> str:
        """Name of the method that plays a command."""
        return "do_" + command.replace("::", "__").replace(" ", "_")


def run(tool: Tool, script: Path, settings: Path | None) -> str | None:
    """Run a script against a tool.

    Args:
        settings: the file that M3VIT_SETTINGS names.

    Returns:
        None, or what was refused and where.

    Raises:
        UserError: Python has no Tcl.
    """
    try:
        import tkinter
    except ImportError:
        raise UserError(
            "the rehearsal of the build scripts needs Python's tkinter: install your system's "
            "package for it, such as python3-tk"
        ) from None

    interpreter = tkinter.Tcl()

    def play(command: str, *arguments: str) -> tuple[bool, str]:
        try:
            return False, tool.call(command, arguments)
        except RefusedError as refusal:
            return True, f"{command}: {refusal}"

    interpreter.createcommand("m3vit_call", play)
    interpreter.eval(PRELUDE)
    for command in tool.commands():
        interpreter.eval("namespace eval ipx {}")
        interpreter.eval(f"proc {command} {{args}} {{stand_in {command} $args}}")
    interpreter.call("array", "set", "::env", [VARIABLE, str(settings or os.devnull)])
    try:
        interpreter.call("source", str(script))
    except tkinter.TclError as error:
        return f"{error} ({_place(interpreter, script)})"
    return None


def _place(interpreter: Any, script: Path) -> str:
    """Where in the script, from Tcl's own account."""
    account = str(interpreter.eval("set ::errorInfo")).splitlines()
    lines = [line.strip(" ()") for line in account if "line" in line and '"file' not in line]
    return lines[-1] if lines else script.name


# What several tools share ------------------------------------------------------------------------


def options(
    arguments: Sequence[str], flags: Sequence[str] = ()
) -> tuple[dict[str, str], list[str]]:
    """Split `-name value` and the flags that have no value from what else is said."""
    named: dict[str, str] = {}
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word in flags:
            named[word] = "1"
        elif word.startswith("-") and len(word) > 1 and waiting and not _is_number(word):
            named[word] = waiting.pop(0)
        else:
            rest.append(word)
    return named, rest


def elements(text: str) -> list[str]:
    """The words of a Tcl list."""
    import tkinter

    return [str(word) for word in tkinter.Tcl().splitlist(text)]


def properties(arguments: Sequence[str]) -> tuple[dict[str, str], str]:
    """What `set_property` sets, and of what."""
    words = list(arguments)
    if words and words[0] == "-dict":
        pairs = elements(words[1])
        return dict(zip(pairs[::2], pairs[1::2], strict=True)), words[2]
    if len(words) != 3:
        raise RefusedError(f"set_property {' '.join(words)} is not name, value, object")
    return {words[0]: words[1]}, words[2]


def existing(paths: Sequence[str]) -> None:
    """Check that files are there.

    Raises:
        RefusedError: one is not.
    """
    for path in paths:
        if not Path(path).exists():
            raise RefusedError(f"there is no {path}")


def _is_number(word: str) -> bool:
    return word.lstrip("-").replace(".", "", 1).isdigit()
