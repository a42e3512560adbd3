"""A training run as a TOML file: what is trained, on what data, how, and how long."""

import difflib
import importlib.resources
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tomllib
from huggingface_hub.errors import StrictDataclassError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from m3vit.errors import UserError
from m3vit.model.config import ViTMoEConfig
from m3vit.model.tasks import canonical_tasks

Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]

# Fields of the configuration that other sections of a recipe decide, and which.
OWNED_ELSEWHERE = {
    "tasks": "data.tasks",
    "num_tasks": "data.tasks",
    "task_channels": "data.name (the data set knows its classes)",
    "class_names": "data.name (the data set knows its classes)",
    "image_size": "data.image_size",
    "image_mean": "data.name (the data set knows its normalisation)",
    "image_std": "data.name (the data set knows its normalisation)",
    "task_weights": "loss.task_weights",
    "router_aux_loss_coef": "loss.aux_weight",
}


class Section(BaseModel):
    """Base of all sections: nothing is converted silently, nothing unknown is accepted."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class DataSection(Section):
    """[data] Which data set, and how much of it.

    Attributes:
        name: as in `m3vit.model.data.open_dataset`.
        root: directory of the data set; absent: the data set's default place.
        tasks: sorted into the canonical order.
        image_size: (height, width) in pixels.
        train_split, held_out_split: names of the data set's parts.
        train_images, held_out_images: use only the first so many; absent: all.
        options: further keywords of `open_dataset`.
    """

    name: str
    root: str | None = None
    tasks: list[str]
    image_size: Annotated[list[Positive], Field(min_length=2, max_length=2)]
    train_split: str = "train"
    held_out_split: str = "val"
    train_images: Positive | None = None
    held_out_images: Positive | None = None
    options: dict[str, Any] = {}

    @field_validator("tasks")
    @classmethod
    def _sort(cls, tasks: list[str]) -> list[str]:
        try:
            return canonical_tasks(tasks)
        except UserError as error:  # pydantic gathers ValueErrors only
            raise ValueError(str(error)) from error


class OptimSection(Section):
    """[optim] The optimiser.

    Attributes:
        name: "muon" moves the matrices of attention and dense MLPs by orthogonal steps and
            everything else as "adamw" does; it learns from fewer pictures.
        learning_rate: at the schedule's peak.
        momentum: of sgd and muon. betas: of adamw.
        matrix_rate_factor: "muon" moves matrices at this multiple of the rate.
        head_rate_factor: heads learn at this multiple of the rate (a head that is to answer up
            to 80 m from normalised tokens has far to go).
        max_grad_norm: clip the gradient's norm; absent: never.
        decay_biases: whether weight decay also pulls on biases, norms, the class token and
            position embeddings (M³ViT's recipes: yes).
    """

    name: Literal["sgd", "adamw", "muon"]
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    momentum: Fraction = 0.9
    betas: Annotated[list[Fraction], Field(min_length=2, max_length=2)] = [0.9, 0.999]
    matrix_rate_factor: Annotated[float, Field(gt=0)] = 1.0
    head_rate_factor: Annotated[float, Field(gt=0)] = 1.0
    max_grad_norm: Annotated[float, Field(gt=0)] | None = None
    decay_biases: bool = True


class ScheduleSection(Section):
    """[schedule] How the learning rate changes and how long training lasts.

    Attributes:
        epochs, steps: exactly one of them; a step is one update of the weights.
        warmup_steps: linear rise from zero.
        power: of "poly".
        final_fraction: "cosine" ends at this part of the peak.
    """

    name: Literal["poly", "cosine"]
    epochs: Positive | None = None
    steps: Positive | None = None
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    power: Annotated[float, Field(gt=0)] = 0.9
    final_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0

    @model_validator(mode="after")
    def _one_length(self) -> "ScheduleSection":
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give either epochs or steps")
        if self.steps is not None and self.warmup_steps >= self.steps:
            raise ValueError(f"warmup_steps must be below steps {self.steps}")
        return self


class LossSection(Section):
    """[loss] Weights of the parts of the loss: per task (default 1) and of the gates' balance."""

    task_weights: dict[str, Annotated[float, Field(ge=0)]] = {}
    aux_weight: Annotated[float, Field(ge=0)] = 0.01


class RunSection(Section):
    """[run] How the run is carried out.

    Attributes:
        batch_size: images per process and forward pass.
        gradient_accumulation: forward passes per step.
        mixed_precision: of the forward pass; weights and losses stay float32.
        workers: processes that load data, per training process.
        log_every, evaluate_every, checkpoint_every: steps; absent evaluate_every and
            checkpoint_every: once per epoch.
        init_from: model directory to start from (fine-tuning); absent: from scratch.
        keep: which weights become the final model: the last ones or the best evaluated ones.
    """

    batch_size: Positive
    gradient_accumulation: Positive = 1
    mixed_precision: Literal["no", "bf16", "fp16"] = "no"
    seed: Annotated[int, Field(ge=0)] = 0
    workers: Annotated[int, Field(ge=0)] = 0
    log_every: Positive = 10
    evaluate_every: Positive | None = None
    checkpoint_every: Positive | None = None
    init_from: str | None = None
    keep: Literal["last", "best"] = "last"


class Recipe(Section):
    """A training run. [model] holds fields of `ViTMoEConfig`, the rest is described above."""

    model: dict[str, Any] = {}
    data: DataSection
    optim: OptimSection
    schedule: ScheduleSection
    loss: LossSection = LossSection()
    run: RunSection

    @model_validator(mode="after")
    def _check_model(self) -> "Recipe":
        known = [name for name in ViTMoEConfig.__annotations__ if name not in OWNED_ELSEWHERE]
        known += ViTMoEConfig.attribute_map
        for name in self.model:
            if name in OWNED_ELSEWHERE:
                raise ValueError(f"model.{name} is decided by {OWNED_ELSEWHERE[name]}: drop it")
            if name not in known:
                raise ValueError(f"unknown field model.{name}{_closest(name, known)}")
        if strangers := set(self.loss.task_weights) - set(self.data.tasks):
            raise ValueError(
                f"loss.task_weights names {sorted(strangers)[0]}, which is not in data.tasks"
            )
        try:
            self.network(dict.fromkeys(self.data.tasks, 1))
        except (UserError, StrictDataclassError) as error:
            raise ValueError("model: " + " ".join(str(error).split())) from error
        return self

    def network(self, channels: Mapping[str, int], **known_from_data: Any) -> ViTMoEConfig:
        """The configuration of the network.

        Args:
            channels: output channels C per task.
            known_from_data: image_mean, image_std, class_names.
        """
        return ViTMoEConfig(
            **self.model,
            tasks=self.data.tasks,
            task_channels={task: channels[task] for task in self.data.tasks},
            task_weights={
                task: float(self.loss.task_weights.get(task, 1.0)) for task in self.data.tasks
            },
            image_size=list(self.data.image_size),
            router_aux_loss_coef=self.loss.aux_weight,
            **known_from_data,
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, absent ones left out; `Recipe.model_validate` takes it back."""
        return self.model_dump(exclude_none=True)

    def as_toml(self) -> str:
        """The recipe with every default written out."""
        lines: list[str] = []
        for section, values in self.as_dict().items():
            lines += [f"[{section}]", *(f"{k} = {_toml(v)}" for k, v in values.items()), ""]
        return "\n".join(lines)


def load_recipe(source: str | Path | Recipe, overrides: Iterable[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        source: a TOML file, the name of a recipe of this package (`recipe_names()`), or a recipe.
        overrides: "section.field=value" with a TOML value, or a bare string.

    Raises:
        UserError: unreadable, or a field is wrong; the sentence names the field.
    """
    label, values = ("recipe", source.as_dict()) if isinstance(source, Recipe) else _read(source)
    for override in overrides:
        _override(values, override)
    return parse_recipe(values, label)


def parse_recipe(values: Mapping[str, Any], label: str = "recipe") -> Recipe:
    """Validate plain values; `label` opens the error's sentence."""
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{label}: {_sentence(error.errors()[0])}.") from error


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(
        Path(entry.name).stem for entry in _shipped().iterdir() if entry.name.endswith(".toml")
    )


def _shipped() -> Any:
    return importlib.resources.files("m3vit.model.training").joinpath("recipes")


def _read(source: str | Path) -> tuple[str, dict[str, Any]]:
    """Name for error messages, and the plain values of a file or shipped recipe."""
    path = Path(source)
    if path.is_file():
        label, content = path.name, path.read_bytes()
    elif str(source) in recipe_names():
        label = f"{source}.toml"
        content = _shipped().joinpath(label).read_bytes()
    else:
        raise UserError(
            f"There is no recipe {source}: give a TOML file or one of {', '.join(recipe_names())}."
        )
    try:
        return label, tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{label} is not valid TOML ({error}): correct it.") from error


def _override(values: dict[str, Any], override: str) -> None:
    """Set one value in place."""
    path, equals, text = override.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not equals or len(keys) < 2 or not all(keys):
        raise UserError(f"The override {override!r} is not of the form section.field=value.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    for depth, key in enumerate(keys[:-1]):
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            parent = ".".join(keys[: depth + 1])
            raise UserError(f"The override {override!r} is wrong: {parent} is a value.")
    values[keys[-1]] = value


def _sentence(error: ErrorDetails) -> str:
    """One of pydantic's errors in words: field, what is wrong, what to do."""
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        section: type[BaseModel] = Recipe
        for part in error["loc"][:-1]:
            annotation = section.model_fields[str(part)].annotation
            assert isinstance(annotation, type) and issubclass(annotation, BaseModel)
            section = annotation
        return f"unknown field {place}{_closest(str(error['loc'][-1]), section.model_fields)}"
    if error["type"] == "missing":
        return f"{place} is missing: add it"
    message = error["msg"].removeprefix("Value error, ").rstrip(".")
    message = message.removeprefix("Input ").strip()
    if error["type"] == "value_error":
        return f"{place}: {message}" if place else message
    return f"{place} {message}, got {error['input']!r}: correct it"


def _closest(name: str, known: Iterable[str]) -> str:
    """A remedy for a misspelt name."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f": did you mean {close[0]}?" if close else f": the fields are {', '.join(known)}"


def _toml(value: Any) -> str:
    """A value in TOML; JSON writes the same but for tables."""
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(
                f"{json.dumps(k, ensure_ascii=False)} = {_toml(v)}" for k, v in value.items()
            )
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
