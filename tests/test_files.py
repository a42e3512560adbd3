"""Atomic writes: whole or not at all."""

import os
from pathlib import Path

import pytest

from m3vit.files import atomic_path, default_root, keep_newest, write_atomically


def test_a_file_appears_with_its_parents(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b.txt", "text")
    assert (tmp_path / "a" / "b.txt").read_text() == "text"


def test_a_failure_keeps_the_old_content_and_leaves_no_scratch(tmp_path: Path) -> None:
    target = tmp_path / "x"
    write_atomically(target, b"old")

    def fail_half_way() -> None:
        with atomic_path(target) as fresh:
            fresh.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert target.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]


def test_a_directory_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "model"
    for name in ("first", "second"):
        with atomic_path(target) as fresh:
            fresh.mkdir()
            (fresh / name).write_text(name)
    assert [entry.name for entry in target.iterdir()] == ["second"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_a_body_that_writes_nothing_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "nothing"):
        pass


def test_the_default_place_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("M3VIT_DATA", str(tmp_path))
    assert default_root() == tmp_path
    monkeypatch.delenv("M3VIT_DATA")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_root() == tmp_path / ".cache" / "m3vit"


def test_the_newest_files_stay(tmp_path):
    """Also when another process deletes one of them meanwhile."""
    paths = [tmp_path / str(age) for age in range(5)]
    for age, path in enumerate(paths):
        path.touch()
        os.utime(path, (1000 - age, 1000 - age))
    keep_newest([*paths, tmp_path / "gone"], 2)
    assert sorted(tmp_path.iterdir()) == paths[:2]
