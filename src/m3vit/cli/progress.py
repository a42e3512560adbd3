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
    from m3vit.model.training.training_log import TrainingProgress


class LateBar(Progress):
    """A bar of one line that appears with its first news, so that a refusal stays one line."""

    def __init__(self, what: str) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}"),
            console=Console(stderr=True),
        )
        self.line = self.add_task(what, total=None, detail="")

    def show(self, **news: Any) -> None:
        """Change what the line says: `completed`, `total`, `detail`."""
        if not self.live.is_started:
            self.start()
        self.update(self.line, **news)

    def __enter__(self) -> "LateBar":
        return self

    def __exit__(self, *fault: object) -> None:
        if self.live.is_started:
            self.stop()


@contextlib.contextmanager
def counted(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that is told (done, in all)."""
    with LateBar(what) as bar:
        yield lambda done, total: bar.show(completed=done, total=total)


@contextlib.contextmanager
def training_bar() -> "Iterator[TrainingProgress]":
    """A bar over the steps of a run, with the loss of every task."""
    from m3vit.model.training.training_log import TrainingProgress

    with LateBar("steps") as bar:

        class Shown(TrainingProgress):
            def started(self, steps: int, first_step: int) -> None:
                bar.show(total=steps, completed=first_step)

            def stepped(self, step: int) -> None:
                bar.show(completed=step)

            def logged(self, row: Any) -> None:
                losses = [f"{task} {loss:.3f}" for task, loss in row.task_losses.items()]
                bar.show(detail=f"loss {row.loss:.3f} ({', '.join(losses)})")

            def evaluating(self, step: int, images: int) -> None:
                bar.console.print(f"step {step}: evaluating on {images} held-out images")

            def evaluated(self, step: int, metrics: Any) -> None:
                for task, numbers in metrics.items():
                    shown = ", ".join(f"{name} {value:.4f}" for name, value in numbers.items())
                    bar.console.print(f"step {step}: {task}: {shown}")

        yield Shown()


def quiet_transformers() -> None:
    """Switch off what transformers writes while it loads and saves; its errors still come."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
