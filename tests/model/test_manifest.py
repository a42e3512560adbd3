"""Manifests name the file that is missing or damaged."""

import pytest

from m3vit.errors import UserError
from m3vit.model.manifest import verify_manifest, write_manifest


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "a.txt").write_text("content")
    write_manifest(tmp_path, ["part/a.txt"])
    return tmp_path


def test_a_whole_directory_passes(directory):
    verify_manifest(directory, required=("part/a.txt",))


@pytest.mark.parametrize(
    ("content", "message"), [("content!", "8 bytes .* says 7"), ("Content", "SHA-256")]
)
def test_changes_are_named(directory, content, message):
    (directory / "part" / "a.txt").write_text(content)
    with pytest.raises(UserError, match=rf"a\.txt.*{message}"):
        verify_manifest(directory, required=())


def test_missing_files_are_named(directory):
    (directory / "part" / "a.txt").unlink()
    with pytest.raises(UserError, match=r"cannot read .*a\.txt"):
        verify_manifest(directory, required=())
    with pytest.raises(UserError, match=r"does not list b\.txt"):
        verify_manifest(directory, required=("b.txt",))
