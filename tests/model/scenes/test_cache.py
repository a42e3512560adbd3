import json
import os
import signal

import numpy as np
import pytest

from m3vit.errors import UserError
from m3vit.model.scenes import SPLIT_SEEDS, cache, read, render, split_directory
from m3vit.model.scenes.ground_truth import Truth
from m3vit.model.scenes.scene import Scene

SIZE = (16, 32)


def _invented(seed, size):
    """A scene of noise, as quick to make as its bytes depend on the seed."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(*size, 3)).astype(np.float32)
    return Scene(
        rng.integers(0, 256, (*size, 3), np.uint8),
        Truth(
            rng.integers(0, 9, size).astype(np.uint8),
            rng.uniform(1, 80, size).astype(np.float32),
            vectors / np.linalg.norm(vectors, axis=-1, keepdims=True),
            rng.random(size) < 0.1,
        ),
        float(rng.uniform(42, 88)),
    )


@pytest.fixture
def quick(monkeypatch):
    """Shards of two invented scenes; lists the seeds that were rendered."""
    made = []

    def rendered(seed, size):
        made.append(seed)
        return _invented(seed, size)

    monkeypatch.setattr(cache, "SHARD_LENGTH", 2)
    monkeypatch.setattr(cache, "render_scene", rendered)
    return made


def _die():
    """What the kernel does to a process when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def _contents(directory):
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def test_an_interruption_does_not_change_a_byte(quick, tmp_path):
    steps = []
    render(3, 7, tmp_path / "a", 1, SIZE, lambda done, count: steps.append((done, count)))
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert quick == [7, 8, 9]
    whole = _contents(tmp_path / "a")
    assert sorted(whole) == ["scenes.json", "shard-00000.npy", "shard-00001.npy"]

    # Interrupted in the second shard: the first one is kept and not made again.
    del quick[:]

    def stop(done, count):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render(3, 7, tmp_path / "b", 1, SIZE, stop)
    assert sorted(_contents(tmp_path / "b")) == ["scenes.json", "shard-00000.npy"]
    del quick[:]
    render(3, 7, tmp_path / "b", 1, SIZE)
    assert quick == [9]
    assert _contents(tmp_path / "b") == whole


def test_worker_processes_give_the_bytes_of_one_process(tmp_path):
    render(2, 7, tmp_path / "one", 1, SIZE)
    render(2, 7, tmp_path / "two", 2, SIZE)
    assert _contents(tmp_path / "one") == _contents(tmp_path / "two")


def test_a_set_grows_and_a_damaged_shard_is_made_again(quick, tmp_path):
    render(1, 7, tmp_path, 1, SIZE)
    render(4, 7, tmp_path, 1, SIZE)
    assert quick == [7, 8, 9, 10]
    whole = _contents(tmp_path)
    del quick[:]
    render(2, 7, tmp_path, 1, SIZE)
    assert quick == [] and _contents(tmp_path) == whole

    path = tmp_path / "shard-00001.npy"
    flipped = bytearray(path.read_bytes())
    flipped[-5] ^= 1
    for damage, remade in (
        (bytes(flipped), [10]),
        (path.read_bytes()[:-100], [9, 10]),
        (b"", [9, 10]),
    ):
        path.write_bytes(damage)
        del quick[:]
        render(4, 7, tmp_path, 1, SIZE)
        assert quick == remade
        assert _contents(tmp_path) == whole


def test_reading_names_what_is_wrong(quick, tmp_path):
    with pytest.raises(UserError, match="no rendered scenes in"):
        read(tmp_path, SIZE)
    render(3, 7, tmp_path, 1, SIZE)
    shards = read(tmp_path, SIZE)
    assert [int(seed) for shard in shards for seed in shard["seed"]] == [7, 8, 9]
    with pytest.raises(UserError, match="another generator version or at another size"):
        read(tmp_path, (32, 64))
    (tmp_path / "shard-00001.npy").write_bytes(b"rubbish")
    with pytest.raises(UserError, match=r"shard-00001\.npy is damaged"):
        read(tmp_path, SIZE)
    (tmp_path / "shard-00000.npy").unlink()
    with pytest.raises(UserError, match=r"shard-00000\.npy is missing"):
        read(tmp_path, SIZE)
    (tmp_path / "scenes.json").write_text("{")
    with pytest.raises(UserError, match=r"scenes\.json is damaged"):
        read(tmp_path, SIZE)
    with pytest.raises(UserError, match=r"scenes\.json is damaged"):
        render(3, 7, tmp_path, 1, SIZE)


def test_a_killed_process_is_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "use_one_thread", _die)
    with pytest.raises(UserError, match="rendering process was killed"):
        render(2, 7, tmp_path, 2, SIZE)
    assert not list(tmp_path.glob("shard*"))


def test_another_generator_version_is_not_mixed_in(quick, tmp_path):
    render(1, 7, tmp_path, 1, SIZE)
    header = json.loads((tmp_path / "scenes.json").read_text())
    header["generator_version"] += 1
    (tmp_path / "scenes.json").write_text(json.dumps(header))
    with pytest.raises(UserError, match="another kind or seed"):
        render(1, 7, tmp_path, 1, SIZE)
    with pytest.raises(UserError, match="another generator version"):
        read(tmp_path, SIZE)


@pytest.mark.parametrize(
    ("count", "seed", "workers", "sentence"),
    [
        (0, 0, 1, "at least 1"),
        (1, 0, 0, "at least 1"),
        (1, -1, 1, "at least 0"),
        (2, 10**9 - 1, 1, "do not lie in one split"),
    ],
)
def test_impossible_requests(count, seed, workers, sentence, tmp_path):
    with pytest.raises(UserError, match=sentence):
        render(count, seed, tmp_path / "out", workers, SIZE)
    assert not (tmp_path / "out").exists()


def test_no_seed_belongs_to_two_splits(tmp_path):
    ranges = list(SPLIT_SEEDS.values())
    assert all(a.stop <= b.start or b.stop <= a.start for a in ranges for b in ranges if a is not b)
    places = {split_directory(tmp_path, split) for split in SPLIT_SEEDS}
    assert len(places) == len(SPLIT_SEEDS)


def test_records_are_plain_arrays(quick, tmp_path):
    render(1, 7, tmp_path, 1, SIZE)
    shard = np.load(tmp_path / "shard-00000.npy", allow_pickle=False)
    names = "seed checksum field_of_view rgb labels depth normals edges"
    assert shard.dtype.names == tuple(names.split())
