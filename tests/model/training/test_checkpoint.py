"""Checkpoints are whole, finite, and refused with a sentence otherwise."""

from pathlib import Path

import pytest
import torch

from m3vit.errors import UserError
from m3vit.model.training.checkpoint import FORMAT, Checkpoint, save_weights


def checkpoint(weight: float, step: int = 3) -> Checkpoint:
    return Checkpoint(
        step=step,
        recipe={"run": {"seed": 1}},
        network={"weight": torch.tensor([weight]), "count": torch.tensor(5)},
        optimizer={"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1}]},
        scaler=None,
        loss_sums=torch.tensor([1.0, 2.0]),
        loss_count=2,
        seconds=1.5,
        best={"score": 0.25, "step": 2, "metrics": {"depth": {"rmse": 2.0}}},
        metrics={"depth": {"rmse": 2.5}},
    )


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "last.pt"
    saved = checkpoint(0.5)
    saved.save(path)
    loaded = Checkpoint.load(path)
    assert torch.equal(loaded.network["weight"], saved.network["weight"])
    assert torch.equal(loaded.loss_sums, saved.loss_sums)
    for name in ("step", "recipe", "optimizer", "loss_count", "seconds", "best", "metrics"):
        assert getattr(loaded, name) == getattr(saved, name), name


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_leave_the_older_file(tmp_path: Path, weight: float) -> None:
    path = tmp_path / "checkpoints" / "last.pt"
    checkpoint(0.5).save(path)
    with pytest.raises(UserError, match="Weight weight is not finite"):
        checkpoint(weight, step=4).save(path)
    assert Checkpoint.load(path).step == 3
    with pytest.raises(UserError, match="not finite"):
        save_weights({"weight": torch.tensor(weight)}, tmp_path / "best.pt")
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoints"]


def test_damage_and_other_versions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "last.pt"
    with pytest.raises(UserError, match="nothing to resume"):
        Checkpoint.load(path)
    checkpoint(0.5).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"last\.pt is damaged"):
        Checkpoint.load(path)
    torch.save([1, 2], path)
    with pytest.raises(UserError, match="damaged"):
        Checkpoint.load(path)
    torch.save({"format": FORMAT + 1}, path)
    with pytest.raises(UserError, match="another version"):
        Checkpoint.load(path)
