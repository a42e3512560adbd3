"""What a training run tells: to whoever watches it, to CSV files and to TensorBoard."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from m3vit.files import write_atomically

Metrics = dict[str, dict[str, float]]
"""Task -> name of the number -> value."""


@dataclass(frozen=True)
class LogRow:
    """Means over the steps since the previous row.

    Attributes:
        step: steps done.
        learning_rate: of the last of them.
        loss: weighted sum that was minimised.
        task_losses: unweighted, per task.
        aux_loss: unweighted balance loss of the gates.
        seconds: since the start, interruptions left out.
        images_per_second: of this process since the previous row.
    """

    step: int
    learning_rate: float
    loss: float
    task_losses: dict[str, float]
    aux_loss: float
    seconds: float
    images_per_second: float


class TrainingProgress:
    """Told about a run as it goes on; this one does nothing, override what you want to show."""

    def started(self, steps: int, first_step: int) -> None:
        """The run has `steps` steps; `first_step` of them were done before (resuming)."""

    def stepped(self, step: int) -> None:
        """`step` steps are done."""

    def logged(self, row: LogRow) -> None:
        """A row was written to the log."""

    def evaluating(self, step: int, images: int) -> None:
        """The evaluation on held-out images begins."""

    def evaluated(self, step: int, metrics: Metrics) -> None:
        """The evaluation ended."""

    def saved(self, path: Path) -> None:
        """A checkpoint or the final model was written."""


class TrainingLog:
    """`log.csv`, `metrics.csv` and `tensorboard/` in the output directory.

    Rows of steps after `first_step`, left by a run that was cut off later than its last
    checkpoint, are removed, so that a resumed run's log equals an uninterrupted one's.
    """

    METRIC_COLUMNS = ("step", "task", "metric", "value")

    def __init__(self, output: Path, tasks: list[str], first_step: int) -> None:
        self.rows = output / "log.csv"
        self.metrics = output / "metrics.csv"
        columns = ["step", "learning_rate", "loss", *(f"loss_{task}" for task in tasks)]
        columns += ["aux_loss", "seconds", "images_per_second"]
        _cut_after(self.rows, columns, first_step)
        _cut_after(self.metrics, self.METRIC_COLUMNS, first_step)
        self.board = SummaryWriter(output / "tensorboard", purge_step=first_step + 1)

    def __enter__(self) -> "TrainingLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.board.close()

    def write(self, row: LogRow) -> None:
        """Append one row."""
        numbers = [row.learning_rate, row.loss, *row.task_losses.values(), row.aux_loss]
        timing = [f"{row.seconds:.1f}", f"{row.images_per_second:.2f}"]
        _append(self.rows, [row.step, *(f"{number:.6g}" for number in numbers), *timing])
        scalars = {f"loss/{task}": loss for task, loss in row.task_losses.items()}
        scalars |= {"loss/total": row.loss, "loss/aux": row.aux_loss}
        scalars |= {"learning_rate": row.learning_rate, "images_per_second": row.images_per_second}
        self._scalars(scalars, row.step)

    def write_metrics(self, step: int, metrics: Metrics) -> None:
        """Append one row per number of an evaluation."""
        for task, numbers in metrics.items():
            for name, value in numbers.items():
                _append(self.metrics, [step, task, name, f"{value:.6g}"])
            self._scalars({f"{task}/{name}": value for name, value in numbers.items()}, step)

    def _scalars(self, scalars: Mapping[str, float], step: int) -> None:
        for name, value in scalars.items():
            self.board.add_scalar(name, value, step)


def _append(path: Path, row: list[Any]) -> None:
    with path.open("a", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow(row)


def _cut_after(path: Path, columns: list[str] | tuple[str, ...], step: int) -> None:
    """Keep the header and the complete rows up to `step`."""
    kept = [",".join(columns)]
    if step and path.is_file():
        for line in path.read_text().splitlines()[1:]:
            fields = line.split(",")
            if len(fields) == len(columns) and fields[0].isdigit() and int(fields[0]) <= step:
                kept.append(line)
    write_atomically(path, "\n".join(kept) + "\n")
