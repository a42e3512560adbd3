"""The training loop: steps, evaluations, checkpoints, and how it stops.

A step is a function of the recipe, its number, and the weights and optimiser state before it:
learning rate, order of samples and random numbers are derived from seed, epoch and step. A run
that was interrupted and resumed therefore ends with the very weights of one that was not.
"""

import contextlib
import math
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from accelerate import Accelerator, skip_first_batches
from accelerate.state import AcceleratorState, GradientState
from torch import Tensor, nn
from torch.utils.data import DataLoader

from m3vit.errors import UserError
from m3vit.model.dense_prediction import ViTMoEForDensePrediction
from m3vit.model.evaluation.evaluate import score
from m3vit.model.evaluation.predictors import FloatPredictor
from m3vit.model.tasks import TASKS
from m3vit.model.training.checkpoint import Checkpoint, save_weights
from m3vit.model.training.optimizer import build_optimizer, learning_rate_factor, set_learning_rate
from m3vit.model.training.recipe import Recipe, RunSection
from m3vit.model.training.sampling import Collate, EpochSampler, evenly_spread, seed_from
from m3vit.model.training.training_log import LogRow, Metrics, TrainingLog, TrainingProgress


@dataclass(frozen=True)
class Best:
    """The best evaluation of a run: `overall_score`, when, and its numbers."""

    score: float
    step: int
    metrics: Metrics


class Trainer:
    """One run of a recipe on this process's device.

    Args:
        recipe: what to do.
        network: starts with the weights it has; trained in place.
        train_set, held_out: map-style data sets as `m3vit.model.data.open_dataset` gives.
        output: directory of the run.
        progress: told what happens, in the main process only.
        checkpoint: of the same recipe, to continue behind it.

    Attributes:
        step, steps: done, and in all.
        metrics: of the last evaluation.
        seconds: wall time of all parts of the run.
        best: the best evaluation so far; None before the first.
        held_out_indices: which held-out images evaluations use.
    """

    def __init__(
        self,
        recipe: Recipe,
        network: ViTMoEForDensePrediction,
        train_set: Any,
        held_out: Any,
        output: Path,
        progress: TrainingProgress,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.recipe, self.network, self.held_out, self.output = recipe, network, held_out, output
        self.tasks = recipe.data.tasks
        run = recipe.run
        self.accelerator = open_accelerator(run)
        self.progress = progress if self.accelerator.is_main_process else TrainingProgress()
        distributed_gpu = (
            self.accelerator.num_processes > 1 and self.accelerator.device.type == "cuda"
        )
        if distributed_gpu:
            nn.SyncBatchNorm.convert_sync_batchnorm(network)
        # Before the optimiser is built: loading makes Brevitas create its parameters anew.
        if checkpoint is not None:
            self._load(network, checkpoint.network)
        indices = evenly_spread(len(train_set), recipe.data.train_images)
        self.sampler = EpochSampler(indices, run.seed)
        loader = DataLoader(
            train_set,
            batch_size=run.batch_size,
            sampler=self.sampler,
            collate_fn=Collate(self.tasks),
            num_workers=run.workers,
            drop_last=True,
            pin_memory=self.accelerator.device.type == "cuda",
        )
        optimizer = build_optimizer(network, recipe.optim)
        self.module, self.optimizer, self.loader = self.accelerator.prepare(
            LossModule(network, self.tasks), optimizer, loader
        )
        if not len(self.loader):
            raise UserError(
                f"The training split has {len(indices)} images, fewer than a batch of "
                f"{run.batch_size} per process: lower run.batch_size."
            )
        self.steps_per_epoch = math.ceil(len(self.loader) / run.gradient_accumulation)
        self.steps = recipe.schedule.steps or (recipe.schedule.epochs or 0) * self.steps_per_epoch
        if recipe.schedule.warmup_steps >= self.steps:
            raise UserError(
                f"schedule.warmup_steps {recipe.schedule.warmup_steps} is not below the "
                f"{self.steps} steps of the run: lower it."
            )
        self.step = 0
        self.seconds = 0.0
        self.best: Best | None = None
        self.metrics: Metrics = {}
        self.held_out_indices = evenly_spread(len(held_out), recipe.data.held_out_images)
        self.loss_count = 0
        self.loss_sums = torch.zeros(2 + len(self.tasks), device=self.accelerator.device)
        if checkpoint is not None:
            self._restore(checkpoint)

    @property
    def last_path(self) -> Path:
        """Checkpoint to resume from."""
        return self.output / "checkpoints" / "last.pt"

    @property
    def best_path(self) -> Path:
        """Weights of the best evaluation."""
        return self.output / "checkpoints" / "best.pt"

    def _restore(self, checkpoint: Checkpoint) -> None:
        """Take over all but the weights."""
        self._load(self.optimizer, checkpoint.optimizer)
        if checkpoint.scaler is not None and self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(checkpoint.scaler)
        self.step, self.seconds = checkpoint.step, checkpoint.seconds
        self.best = None if checkpoint.best is None else Best(**checkpoint.best)
        self.metrics = checkpoint.metrics
        self.loss_sums = checkpoint.loss_sums.to(self.accelerator.device)
        self.loss_count = checkpoint.loss_count

    def _load(self, target: Any, state: dict[str, Any]) -> None:
        try:
            target.load_state_dict(state)
        except (RuntimeError, ValueError, KeyError) as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"{self.last_path} does not fit the recipe ({reason}): start the run again."
            ) from error

    def run(self) -> bool:
        """Train to the end, or until SIGINT.

        Returns:
            Whether the end was reached. If not, a checkpoint of the last step was written.

        Raises:
            UserError: the loss or a weight is no longer finite; older checkpoints are kept.
        """
        self.progress.started(self.steps, self.step)
        with contextlib.ExitStack() as stack:
            log = None
            if self.accelerator.is_main_process:
                log = stack.enter_context(TrainingLog(self.output, self.tasks, self.step))
            stack.enter_context(self._stop_on_interrupt())
            self._row_started = time.perf_counter()
            self._started = self._row_started - self.seconds
            self.network.train()
            while self.step < self.steps:
                if not self._train_epoch(log):
                    return False
        return True

    def _train_epoch(self, log: TrainingLog | None) -> bool:
        """Steps up to the end of the epoch or of the run; False if interrupted."""
        accumulation = self.recipe.run.gradient_accumulation
        epoch, steps_done = divmod(self.step, self.steps_per_epoch)
        loader = self.loader
        if steps_done:
            loader = skip_first_batches(loader, steps_done * accumulation)
        self.sampler.epoch = epoch
        # Reaches the data set's own set_epoch; workers are started anew and inherit it.
        loader.set_epoch(epoch)
        passes = 0
        for batch in loader:
            updated = self._forward_backward(batch, passes)
            passes += 1
            if not updated:
                continue
            passes = 0
            self.step += 1
            self.progress.stepped(self.step)
            self._log_if_due(log)
            self._evaluate_if_due(log)
            stopping = self.accelerator.check_trigger()
            if stopping or self._is_due(self.recipe.run.checkpoint_every):
                self.save()
            if stopping:
                return False
            if self.step == self.steps:
                break
        return True

    def _forward_backward(self, batch: dict[str, Tensor], passes: int) -> bool:
        """One forward and backward pass; True if it completed a step."""
        recipe, accelerator = self.recipe, self.accelerator
        seed_from(recipe.run.seed, self.step, passes, accelerator.process_index)
        set_learning_rate(self.optimizer, self._learning_rate(self.step))
        with accelerator.accumulate(self.module):
            parts = self.module(batch)
            if not torch.isfinite(parts["loss"]):
                self._refuse_loss(parts)
            accelerator.backward(parts["loss"])
            if accelerator.sync_gradients and recipe.optim.max_grad_norm is not None:
                accelerator.clip_grad_norm_(self.module.parameters(), recipe.optim.max_grad_norm)
            self.optimizer.step()
            self.optimizer.zero_grad()
        self.loss_sums += torch.stack([parts[key].detach().float() for key in self._loss_keys()])
        self.loss_count += 1
        return bool(accelerator.sync_gradients)

    def _learning_rate(self, step: int) -> float:
        factor = learning_rate_factor(self.recipe.schedule, step, self.steps)
        return self.recipe.optim.learning_rate * factor

    def _loss_keys(self) -> list[str]:
        return ["loss", *self.tasks, "aux_loss"]

    def _refuse_loss(self, parts: dict[str, Tensor]) -> None:
        values = ", ".join(f"{key} {parts[key].item():.4g}" for key in self._loss_keys())
        kept = f"{self.last_path} can be resumed" if self.last_path.exists() else "nothing was kept"
        raise UserError(
            f"The loss is not finite at step {self.step + 1} ({values}): lower "
            f"optim.learning_rate or set optim.max_grad_norm; {kept}."
        )

    def _is_due(self, every: int | None) -> bool:
        """Whether something happens after this step; the last step is always due."""
        return self.step % (every or self.steps_per_epoch) == 0 or self.step == self.steps

    def _log_if_due(self, log: TrainingLog | None) -> None:
        if not self._is_due(self.recipe.run.log_every):
            return
        sums = self.accelerator.reduce(self.loss_sums, reduction="mean")
        loss, *task_losses, aux_loss = (sums / self.loss_count).tolist()
        now = time.perf_counter()
        self.seconds = now - self._started
        images = self.loss_count * self.recipe.run.batch_size
        row = LogRow(
            step=self.step,
            learning_rate=self._learning_rate(self.step - 1),
            loss=loss,
            task_losses=dict(zip(self.tasks, task_losses, strict=True)),
            aux_loss=aux_loss,
            seconds=self.seconds,
            images_per_second=images / (now - self._row_started),
        )
        self._row_started = now
        self.loss_sums, self.loss_count = torch.zeros_like(self.loss_sums), 0
        if log is not None:
            log.write(row)
        self.progress.logged(row)

    def _evaluate_if_due(self, log: TrainingLog | None) -> None:
        if not self._is_due(self.recipe.run.evaluate_every):
            return
        paused = time.perf_counter()
        accelerator, indices = self.accelerator, self.held_out_indices
        self.progress.evaluating(self.step, len(indices))
        self.metrics = score(
            FloatPredictor(self.network, accelerator.device),
            self.held_out,
            self.tasks,
            indices[accelerator.process_index :: accelerator.num_processes],
            self.recipe.run.batch_size,
        )
        self._row_started += time.perf_counter() - paused
        if log is not None:
            log.write_metrics(self.step, self.metrics)
        self.progress.evaluated(self.step, self.metrics)
        value = overall_score(self.metrics)
        if math.isfinite(value) and (self.best is None or value > self.best.score):
            self.best = Best(value, self.step, self.metrics)
            if accelerator.is_main_process:
                save_weights(self.network.state_dict(), self.best_path)

    def save(self) -> None:
        """Write the checkpoint to resume from."""
        self.seconds = time.perf_counter() - self._started
        scaler = self.accelerator.scaler
        if self.accelerator.is_main_process:
            Checkpoint(
                step=self.step,
                recipe=self.recipe.as_dict(),
                network=self.network.state_dict(),
                optimizer=self.optimizer.state_dict(),
                scaler=None if scaler is None else scaler.state_dict(),
                loss_sums=self.loss_sums,
                loss_count=self.loss_count,
                seconds=self.seconds,
                best=None if self.best is None else asdict(self.best),
                metrics=self.metrics,
            ).save(self.last_path)
            self.progress.saved(self.last_path)
        self.accelerator.wait_for_everyone()

    @contextlib.contextmanager
    def _stop_on_interrupt(self) -> Iterator[None]:
        """Let the first SIGINT end the run after the current step, the second one at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = signal.getsignal(signal.SIGINT)

        def interrupted(number: int, frame: FrameType | None) -> None:
            self.accelerator.set_trigger()
            signal.signal(signal.SIGINT, previous)

        signal.signal(signal.SIGINT, interrupted)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)


class LossModule(nn.Module):
    """The network with its losses behind one forward pass that returns a plain dictionary.

    `accelerate` rebuilds whatever a prepared module returns when it converts half precision
    back, which keeps the items of a dictionary but not the attributes of the model's output.
    """

    def __init__(self, network: ViTMoEForDensePrediction, tasks: list[str]) -> None:
        super().__init__()
        self.network, self.tasks = network, tasks

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Batch of images and labels -> loss, loss per task, aux_loss (0 without gates)."""
        labels = {task: batch[task] for task in self.tasks}
        outputs = self.network(batch["pixel_values"], labels=labels)
        aux_loss = outputs.aux_loss
        if aux_loss is None:
            aux_loss = torch.zeros_like(outputs.loss)
        return {"loss": outputs.loss, "aux_loss": aux_loss, **outputs.losses}


def open_accelerator(run: RunSection) -> Accelerator:
    """An accelerator for the recipe's precision and accumulation.

    Raises:
        UserError: this device cannot do the precision.
    """
    # Accelerate keeps process-wide state: a second run in one process may differ in precision.
    AcceleratorState._reset_state()
    GradientState._reset_state()
    try:
        return Accelerator(
            mixed_precision=run.mixed_precision,
            gradient_accumulation_steps=run.gradient_accumulation,
        )
    except ValueError as error:
        raise UserError(
            f"run.mixed_precision {run.mixed_precision} does not work here ({error}): use 'no'."
        ) from error


def overall_score(metrics: Metrics) -> float:
    """Mean over tasks of ±ln(headline number): its differences are mean relative gains."""
    logs = []
    for task, numbers in metrics.items():
        value = math.log(max(numbers[TASKS[task].metric], 1e-9))
        logs.append(value if TASKS[task].higher_is_better else -value)
    return sum(logs) / len(logs)
