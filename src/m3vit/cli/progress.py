"""Progress bars on standard error, so that standard output stays a report."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from m3vit.model.training_log import TrainingProgress


def progress_bar() -> Progress:
    """An empty bar."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}"),
        console=Console(stderr=True),
    )


@contextlib.contextmanager
def counted(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that is told (done, in all)."""
    with progress_bar() as bar:
        line = bar.add_task(what, total=None, detail="")

        def advance(done: int, total: int) -> None:
            bar.update(line, completed=done, total=total)

        yield advance


@contextlib.contextmanager
def training_bar() -> "Iterator[TrainingProgress]":
    """A bar over the steps of a run, with the loss of every task."""
    from m3vit.model.training_log import TrainingProgress

    with progress_bar() as bar:
        line = bar.add_task("steps", total=None, detail="")

        class Shown(TrainingProgress):
            def started(self, steps: int, first_step: int) -> None:
                bar.update(line, total=steps, completed=first_step)

            def stepped(self, step: int) -> None:
                bar.update(line, completed=step)

            def logged(self, row: Any) -> None:
                losses = [f"{task} {loss:.3f}" for task, loss in row.task_losses.items()]
                bar.update(line, detail=f"loss {row.loss:.3f} ({', '.join(losses)})")

            def evaluating(self, step: int, images: int) -> None:
                bar.console.print(f"step {step}: evaluating on {images} held-out images")

            def evaluated(self, step: int, metrics: Any) -> None:
                for task, numbers in metrics.items():
                    shown = ", ".join(f"{name} {value:.4f}" for name, value in numbers.items())
                    bar.console.print(f"step {step}: {task}: {shown}")

        yield Shown()
