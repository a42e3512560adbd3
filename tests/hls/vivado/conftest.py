import stat
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))


@pytest.fixture
def samples():
    """Reports that were made up for the tests."""
    import vivado_samples

    return vivado_samples


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a shell script on the PATH in place of a vendor's program."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")

    def write(name, program):
        path = directory / name
        path.write_text(f"#!/bin/sh\n{program}")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return write
