"""Options that several commands share, and the spelling `--tasks semseg depth`."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from m3vit.errors import UserError
from m3vit.files import write_atomically

JsonOption = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Also write the numbers to this file."),
]
TasksOption = Annotated[
    list[str] | None,
    typer.Option("--tasks", metavar="TASK...", help="One or several tasks; default: all."),
]


class SeveralTasks(TyperCommand):
    """A command whose `--tasks` takes all the task names that follow it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, repeat_tasks(args))


def repeat_tasks(arguments: Sequence[str]) -> list[str]:
    """Turn `--tasks a b` into `--tasks a --tasks b`.

    After the first value, words that could be names of tasks belong to the option; a word that
    names an existing file does not, so that `--tasks depth photo` works where photo is a file.
    """
    result: list[str] = []
    open_option = 0  # 2: the value comes next; 1: more values may follow
    for word in arguments:
        if open_option == 1 and re.fullmatch(r"[a-z_,]+", word) and not Path(word).exists():
            result += ["--tasks", word]
            continue
        open_option = (
            2 if word == "--tasks" else 1 if word.startswith("--tasks=") else open_option - 1
        )
        result.append(word)
    return result


def chosen_tasks(wanted: Iterable[str] | None, available: Sequence[str]) -> list[str]:
    """The tasks to run, in the model's order; words may hold several, with commas or blanks.

    Raises:
        UserError: one that the model does not have, or one named twice.
    """
    names = [name for word in wanted or () for name in re.split(r"[\s,]+", word) if name]
    for name in names:
        if name not in available:
            raise UserError(f"no task '{name}': this model has {', '.join(available)}")
        if names.count(name) > 1:
            raise UserError(f"task '{name}' is named twice: name each task once")
    return [name for name in available if name in names or not names]


def write_json(path: Path | None, content: Mapping[str, Any]) -> None:
    """Write a report for machines, if a file was named; whole or not at all."""
    if path is not None:
        write_atomically(path, json.dumps(content, indent=1) + "\n")
