"""The search: Optuna's NSGA-II, in as many processes as wanted, all on one study in a file.

A study can be stopped at any time and goes on where it was; so can processes on several machines
work on one, given a database instead of the file.
"""

import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import NSGAIISampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import MaxTrialsCallback, Study
from optuna.trial import FrozenTrial, Trial, TrialState

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig

from .evaluation import OBJECTIVES, Evaluation, Workload, evaluate
from .space import CHOICES, choices_of, design_of

POPULATION = 40
_POLL = 0.5  # seconds between two looks at the study

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Search:
    """What is searched, and where the study is kept.

    Attributes:
        network: as `Workload.of` takes it.
        base: source of a design whose maxima, part and clock all designs have.
        storage: a file, or the address of a database such as `mysql://...`.
        seed: of the first process; others follow.
    """

    network: str
    base: str
    storage: str
    seed: int = 0

    @property
    def name(self) -> str:
        """Of the study: different networks and maxima never mix."""
        return f"{self.network}-{DesignConfig.load(self.base).design_id:08x}"


@dataclass(frozen=True)
class Candidate:
    """A design that was tried."""

    design: DesignConfig
    evaluation: Evaluation


def search(
    what: Search, trials: int, jobs: int = 1, progress: Progress | None = None
) -> list[Candidate]:
    """Go on until a study has so many trials.

    Args:
        what: is searched.
        trials: in all, those of earlier calls included.
        jobs: processes.
        progress: told how many trials are done and how many there will be.

    Returns:
        All designs that can run the network, whether the device holds them or not; each once.

    Raises:
        UserError: no such network or design; Optuna is missing; a process failed.
    """
    Workload.of(what.network)  # a wrong name is told here, not by every process
    study = _study(what)
    if not study.get_trials(deepcopy=False):
        study.enqueue_trial(choices_of(DesignConfig.load(what.base)))
    _run(what, study, trials, jobs, progress or _quiet)
    return _candidates(what, study)


def pareto(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that fit and that no other one that fits beats, fastest first; of equals, one."""
    fitting = [one for one in candidates if one.evaluation.fits]
    best = {
        one.evaluation.objectives: one
        for one in reversed(fitting)
        if not any(_beats(other.evaluation, one.evaluation) for other in fitting)
    }
    return [best[objectives] for objectives in sorted(best)]


def _beats(one: Evaluation, other: Evaluation) -> bool:
    pairs = list(zip(one.objectives, other.objectives, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def _quiet(done: int, total: int) -> None:
    """No progress is shown."""


# Processes ----------------------------------------------------------------------------------------


def _run(what: Search, study: Study, trials: int, jobs: int, progress: Progress) -> None:
    done = _finished(study)
    if done >= trials:
        return
    progress(done, trials)
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=work, args=(what, trials, what.seed + done + index), daemon=True)
        for index in range(jobs)
    ]
    for worker in workers:
        worker.start()
    try:
        while any(worker.is_alive() for worker in workers):
            time.sleep(_POLL)
            progress(min(_finished(study), trials), trials)
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()
    if any(worker.exitcode for worker in workers) and _finished(study) < trials:
        raise UserError("a process of the search failed: see its message above")


def work(what: Search, trials: int, seed: int) -> None:
    """One process: try designs until the study has so many trials."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    base, workload = DesignConfig.load(what.base), Workload.of(what.network)

    def objective(trial: Trial) -> tuple[int, ...]:
        choices = {
            name: int(trial.suggest_categorical(name, values)) for name, values in CHOICES.items()
        }
        try:
            found = evaluate(design_of(choices, base, workload.model.network), workload)
        except UserError as refusal:
            trial.set_user_attr("refused", str(refusal))
            raise optuna.TrialPruned from None
        trial.set_user_attr("evaluation", found.as_dict())
        for kind, excess in found.excess.items():
            trial.set_constraint(kind, excess)
        return found.objectives

    study = _study(what, seed)
    enough = MaxTrialsCallback(trials, states=_FINISHED)
    if _finished(study) < trials:
        study.optimize(objective, callbacks=[enough, _stop_if_alone])


def _stop_if_alone(study: Study, _: FrozenTrial) -> None:
    """No process goes on when the one that started it was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        study.stop()


_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


def _finished(study: Study) -> int:
    return len(study.get_trials(deepcopy=False, states=_FINISHED))


def _study(what: Search, seed: int | None = None) -> Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = NSGAIISampler(population_size=POPULATION, seed=seed)
    return optuna.create_study(
        study_name=what.name,
        storage=_storage(what.storage),
        sampler=sampler,
        directions=["minimize"] * len(OBJECTIVES),
        load_if_exists=True,
    )


def _storage(place: str) -> BaseStorage:
    if "://" in place:
        return RDBStorage(place)
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(place))


def _candidates(what: Search, study: Study) -> list[Candidate]:
    base, network = DesignConfig.load(what.base), Workload.of(what.network).model.network
    found: dict[Any, Candidate] = {}
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        design = design_of(trial.params, base, network)
        found.setdefault(
            design, Candidate(design, Evaluation.from_dict(trial.user_attrs["evaluation"]))
        )
    return list(found.values())
