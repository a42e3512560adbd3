"""Rendered scenes on disk: made once, resumed after an interruption, checked when read.

A scene set is a directory with `scenes.json` (generator version, size, first seed, classes) and
shards `shard-00000.npy`, ... of 100 records each, in the order of the seeds. The last shard may
be shorter; asking for more scenes later extends it.
"""

import json
import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.files import atomic_path, write_atomically
from m3vit.model.scenes.parts import CLASS_NAMES
from m3vit.model.scenes.records import is_intact, pack, record_type
from m3vit.model.scenes.renderer import use_one_thread
from m3vit.model.scenes.scene import GENERATOR_VERSION, IMAGE_SIZE, render_scene

SHARD_LENGTH = 100
SPLIT_SEEDS = {"train": range(10**9), "val": range(10**9, 2 * 10**9)}
"""Seeds that belong to each split; no seed belongs to two."""

Records = NDArray[np.void]
_log = logging.getLogger(__name__)


def split_directory(root: Path, split: str, size: tuple[int, int] = IMAGE_SIZE) -> Path:
    """The scene set of a split below `root`, for this generator version and picture size."""
    return root / f"scenes-v{GENERATOR_VERSION}-{size[0]}x{size[1]}" / split


def _description(seed: int, size: tuple[int, int]) -> dict[str, object]:
    return {
        "generator_version": GENERATOR_VERSION,
        "size": list(size),
        "first_seed": seed,
        "classes": list(CLASS_NAMES),
    }


def _header(directory: Path) -> dict[str, object]:
    """What `scenes.json` says; UserError if it cannot be read."""
    path = directory / "scenes.json"
    try:
        found = json.loads(path.read_text())
        if not isinstance(found, dict) or not isinstance(found.get("first_seed"), int):
            raise ValueError("no description of a scene set")
    except ValueError as error:
        raise UserError(
            f"{path} is damaged ({error}): delete {directory} and render again"
        ) from error
    return found


def _shard_path(directory: Path, number: int) -> Path:
    return directory / f"shard-{number:05d}.npy"


def _rendered(task: tuple[int, tuple[int, int]]) -> Records:
    """One record; runs in a worker process."""
    seed, size = task
    return pack(seed, render_scene(seed, size))


def _read_shard(path: Path, size: tuple[int, int]) -> Records:
    """Map a shard; UserError if it is not one."""
    try:
        shard: Records = np.load(path, mmap_mode="r", allow_pickle=False)
        if shard.dtype != record_type(size) or shard.ndim != 1:
            raise ValueError("other records than expected")
    except (ValueError, OSError, EOFError) as error:
        raise UserError(
            f"{path} is damaged ({error}): run the same `m3vit scenes` command again to remake it"
        ) from error
    return shard


def _kept(path: Path, seeds: list[int], size: tuple[int, int]) -> Records:
    """The leading records of a shard on disk that are intact and belong to these seeds."""
    if not path.exists():
        return np.zeros(0, record_type(size))
    try:
        shard = _read_shard(path, size)
    except UserError:
        _log.warning("%s is damaged and is rendered again", path)
        return np.zeros(0, record_type(size))
    good = 0
    for record, seed in zip(shard, seeds, strict=False):
        if int(record["seed"]) != seed or not is_intact(record):
            _log.warning("%s is damaged after %d scenes and is rendered again", path, good)
            break
        good += 1
    return np.array(shard[:good])


def render(
    count: int,
    seed: int,
    out: str | os.PathLike[str],
    workers: int | None = None,
    size: tuple[int, int] = IMAGE_SIZE,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Render the scenes with seeds `seed` .. `seed + count - 1` into a scene set.

    What is already there and intact is kept, so an interrupted call continues where it stopped
    (at most one shard of 100 scenes is lost). The bytes depend on the seeds and the size only.

    Args:
        count: scenes the set shall hold at least; a larger set is left as it is.
        seed: the first seed; see `SPLIT_SEEDS` for the ranges of the splits.
        out: the set's directory.
        workers: processes; by default one per core.
        size: (height, width) in pixels.
        progress: called with (scenes done, scenes wanted), also for those kept.

    Returns:
        The directory.

    Raises:
        UserError: impossible arguments, `out` holds another set, or a process was killed.
    """
    directory = Path(out)
    workers = workers if workers is not None else os.cpu_count() or 1
    if count < 1 or workers < 1 or seed < 0:
        raise UserError(
            "count and workers must be at least 1 and the seed at least 0: "
            f"got count {count}, workers {workers}, seed {seed}"
        )
    if not any(seed in seeds and seed + count - 1 in seeds for seeds in SPLIT_SEEDS.values()):
        raise UserError(
            f"seeds {seed} to {seed + count - 1} do not lie in one split: training scenes have "
            f"seeds below {10**9}, validation scenes have seeds from {10**9} to {2 * 10**9 - 1}"
        )
    header = directory / "scenes.json"
    description = _description(seed, size)
    if header.exists() and _header(directory) != description:
        raise UserError(f"{directory} holds scenes of another kind or seed: choose an empty place")
    write_atomically(header, json.dumps(description, indent=2) + "\n")

    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, count)

    def fill(make: Callable[[list[int]], Iterator[Records]]) -> None:
        for number in range((count + SHARD_LENGTH - 1) // SHARD_LENGTH):
            start = number * SHARD_LENGTH
            stop = min(start + SHARD_LENGTH, count)
            path = _shard_path(directory, number)
            seeds = list(range(seed + start, seed + start + SHARD_LENGTH))
            kept = _kept(path, seeds, size)
            for _ in range(min(len(kept), stop - start)):
                advance()
            missing = seeds[len(kept) : stop - start]
            if not missing:
                continue
            records = [*kept]
            for record in make(missing):
                records.append(record[()])
                advance()
            with atomic_path(path) as fresh, fresh.open("wb") as stream:
                np.save(stream, np.array(records, record_type(size)))

    if workers == 1:
        fill(lambda seeds: (_rendered((one, size)) for one in seeds))
    else:
        # Spawned, not forked: the renderer keeps threads that a fork would not copy.
        context = multiprocessing.get_context("spawn")
        try:
            with ProcessPoolExecutor(workers, context, initializer=use_one_thread) as pool:
                try:
                    fill(lambda seeds: pool.map(_rendered, [(one, size) for one in seeds]))
                finally:
                    # After an interruption nobody waits for the rest of the shard.
                    pool.shutdown(wait=False, cancel_futures=True)
        except BrokenProcessPool as error:
            raise UserError(
                "a rendering process was killed, perhaps for lack of memory: run the same command "
                "again, with fewer workers, to continue where it stopped"
            ) from error
    return directory


def read(directory: str | os.PathLike[str], size: tuple[int, int] = IMAGE_SIZE) -> list[Records]:
    """Map the shards of a scene set, in order.

    Records are checked one by one when they are used (`records.is_intact`), not here.

    Raises:
        UserError: the set is missing, of another kind, or a shard is not readable.
    """
    place = Path(directory)
    if not (place / "scenes.json").exists():
        raise UserError(f"no rendered scenes in {place}: make them with `m3vit scenes`")
    found = _header(place)
    if found != _description(int(str(found["first_seed"])), size):
        raise UserError(
            f"{place} was made by another generator version or at another size: render again "
            "with `m3vit scenes`"
        )
    shards = []
    for number in range(len(list(place.glob("shard-*.npy")))):
        path = _shard_path(place, number)
        if not path.exists():
            raise UserError(f"{path} is missing: run the same `m3vit scenes` command again")
        shards.append(_read_shard(path, size))
    return shards
