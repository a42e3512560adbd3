"""Train a recipe: data, network, loop, and the directory that remains."""

import json
import platform
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import accelerate
import torch
import transformers

import m3vit
from m3vit.errors import UserError
from m3vit.files import atomic_path, write_atomically
from m3vit.model.data import open_dataset
from m3vit.model.dense_prediction import ViTMoEForDensePrediction
from m3vit.model.evaluation.baselines import LabelStatistics
from m3vit.model.evaluation.evaluate import constant_answers
from m3vit.model.image_processor import image_processor
from m3vit.model.loading import load_dense_prediction
from m3vit.model.training.checkpoint import Checkpoint, load_tensors
from m3vit.model.training.recipe import Recipe, load_recipe
from m3vit.model.training.sampling import seed_from
from m3vit.model.training.trainer import Trainer
from m3vit.model.training.training_log import Metrics, TrainingProgress

# Fields of a recipe that may differ between a run and its resumption: they change no weight.
FREE_ON_RESUME = {"run.workers", "run.checkpoint_every", "data.root"}


@dataclass(frozen=True)
class TrainingResult:
    """What a run came to.

    Attributes:
        output: its directory.
        finished: False if it was interrupted; resume it then.
        step, steps: done, and in all.
        metrics: of the last evaluation; empty if there was none yet.
        seconds: wall time of all parts of the run.
    """

    output: Path
    finished: bool
    step: int
    steps: int
    metrics: Metrics
    seconds: float


def train(
    recipe: str | Path | Recipe,
    output: str | Path,
    resume: bool = False,
    qat: bool = False,
    overrides: Iterable[str] = (),
    progress: TrainingProgress | None = None,
) -> TrainingResult:
    """Train a model.

    The output directory then holds `model/` (`save_pretrained` with the image processor),
    `training.json` (command, recipe, versions, time, metrics), `recipe.toml` (all defaults
    written out), `log.csv`, `metrics.csv`, `tensorboard/` and `checkpoints/`.

    Args:
        recipe: TOML file, name of a shipped recipe, or a recipe.
        output: directory of the run.
        resume: continue an interrupted run of the same recipe.
        qat: quantisation-aware fine-tuning; the recipe's `run.init_from` names the model.
        overrides: "section.field=value", as in `m3vit.model.training.recipe.load_recipe`.
        progress: told what happens.

    Raises:
        UserError: recipe, data, output directory or loss are wrong.
    """
    overrides = list(overrides)
    plan = load_recipe(recipe, overrides)
    if qat and plan.run.init_from is None:
        raise UserError(
            "Quantisation-aware training starts from a trained model: "
            "set run.init_from to its directory."
        )
    directory = Path(output)
    last = directory / "checkpoints" / "last.pt"
    if not resume and (last.exists() or (directory / "model").exists()):
        raise UserError(
            f"{directory} already holds a run: resume it or choose another output directory."
        )
    checkpoint = Checkpoint.load(last) if resume else None
    if checkpoint is not None:
        _check_same_recipe(checkpoint.recipe, plan.as_dict())

    train_set, held_out = open_split(plan, "train"), open_split(plan, "held_out")
    network = build_network(plan, train_set)
    if qat:
        from m3vit.model.quantization.dataset_images import images_of
        from m3vit.model.quantization.qat import prepare

        prepare(network, images_of(train_set, 64))
    progress = progress or TrainingProgress()
    trainer = Trainer(plan, network, train_set, held_out, directory, progress, checkpoint)
    is_main = trainer.accelerator.is_main_process
    if checkpoint is None and is_main:
        write_atomically(directory / "recipe.toml", plan.as_toml())
    finished = trainer.run()
    if finished and is_main:
        command = ["m3vit", "train", "RECIPE" if isinstance(recipe, Recipe) else str(recipe)]
        command += ["--output", str(output), *(["--qat"] if qat else [])]
        command += [part for override in overrides for part in ("--set", override)]
        export(trainer, qat, shlex.join(command))
        trainer.progress.saved(directory / "model")
    trainer.accelerator.wait_for_everyone()
    return TrainingResult(
        directory, finished, trainer.step, trainer.steps, trainer.metrics, trainer.seconds
    )


def open_split(plan: Recipe, part: Literal["train", "held_out"], **changes: Any) -> Any:
    """The recipe's training or held-out data; `changes` go before its options."""
    data = plan.data
    split = data.train_split if part == "train" else data.held_out_split
    root = None if data.root is None else Path(data.root)
    options = {**data.options, **changes}
    return open_dataset(data.name, split, root, data.tasks, data.image_size, **options)


def build_network(plan: Recipe, train_set: Any) -> ViTMoEForDensePrediction:
    """The recipe's network with its first weights: random ones, or those of `run.init_from`.

    Raises:
        UserError: the weights do not fit the recipe.
    """
    known = {"image_mean": list(train_set.mean), "image_std": list(train_set.std)}
    if "semseg" in plan.data.tasks:
        known["class_names"] = list(train_set.class_names)
    seed_from(plan.run.seed)
    network = ViTMoEForDensePrediction(plan.network(train_set.channels, **known))
    if plan.run.init_from is not None:
        start = load_dense_prediction(plan.run.init_from)
        try:
            network.load_state_dict(start.state_dict())
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"run.init_from {plan.run.init_from} does not fit [model] and data.tasks "
                f"({reason}): use the recipe that it was trained with."
            ) from error
    return network


def export(trainer: Trainer, qat: bool, command: str) -> None:
    """Write the final model and the summary of the run."""
    plan, network, directory = trainer.recipe, trainer.network, trainer.output
    step, metrics = trainer.step, trainer.metrics
    if plan.run.keep == "best" and trainer.best is not None:
        network.load_state_dict(load_tensors(trainer.best_path))
        step, metrics = trainer.best.step, trainer.best.metrics
    if qat:
        from m3vit.model.quantization.qat import finish

        finish(network)
    with atomic_path(directory / "model") as fresh:
        network.save_pretrained(fresh)
        image_processor(network.config).save_pretrained(fresh)

    tasks, held_out = plan.data.tasks, trainer.held_out
    labels = LabelStatistics.of(
        (held_out[index] for index in trainer.held_out_indices), held_out.channels.get("semseg", 0)
    )
    parameters = sum(parameter.numel() for parameter in network.parameters())
    summary = {
        "command": command,
        "steps": trainer.steps,
        "seconds": round(trainer.seconds, 1),
        "processes": trainer.accelerator.num_processes,
        "device": str(trainer.accelerator.device),
        "threads": torch.get_num_threads(),
        "parameters": parameters,
        "weight_bytes": 4 * parameters,
        "weights_of_step": step,
        "provenance": f"measured on {len(trainer.held_out_indices)} held-out images of "
        f"{plan.data.name} ({plan.data.held_out_split}), float model through torch",
        "metrics": metrics,
        "baselines": constant_answers(open_split(plan, "train", augment=False), labels, tasks),
        "recipe": plan.as_dict(),
        "versions": {
            "m3vit": m3vit.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "accelerate": accelerate.__version__,
        },
    }
    write_atomically(directory / "training.json", json.dumps(summary, indent=2) + "\n")


def _check_same_recipe(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to resume with another recipe; the sentence names the first difference."""
    for section in now:
        old, new = before.get(section, {}), now[section]
        for name in sorted(set(old) | set(new)):
            key = f"{section}.{name}"
            if key not in FREE_ON_RESUME and old.get(name) != new.get(name):
                raise UserError(
                    f"The run was started with {key} = {old.get(name)!r}, not {new.get(name)!r}: "
                    "resume with the same recipe or choose another output directory."
                )
