"""Compiled kernels: kept, remade when anything changes, and refused in a sentence."""

import dataclasses
import os

import pytest

from m3vit.errors import UserError
from m3vit.sim.csim import build

SAMPLE = """
#include "m3vit/config.hpp"
#include "own.hpp"
void sample_top(hls::stream<int>& in, hls::stream<int>& out) {
    M3VIT_FOREVER(in, false) out.write(in.read() + kOwn);
}
"""


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("M3VIT_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "csim"


@pytest.fixture
def source(tmp_path):
    """A kernel with a header of its own."""
    (tmp_path / "own.hpp").write_text('#include "m3vit/stream.hpp"\nconstexpr int kOwn = 1;\n')
    path = tmp_path / "sample_top.cpp"
    path.write_text(SAMPLE)
    return path


def test_compiled_once_for_each_content(cache, source, nano, monkeypatch):
    commands = []
    monkeypatch.setattr(build, "_compile", lambda command, *_: commands.append(command))
    paths = {build.library(source, nano)}
    header = source.parent / "own.hpp"
    header.write_text(header.read_text().replace("1", "2"))
    paths.add(build.library(source, nano))
    source.write_text(SAMPLE + "\n")
    paths.add(build.library(source, nano))
    paths.add(build.library(source, nano, threads=True))
    paths.add(build.library(source, dataclasses.replace(nano, max_tokens=99)))
    monkeypatch.setattr(build, "FLAGS", (*build.FLAGS, "-O1"))
    paths.add(build.library(source, nano))
    assert len(paths) == len(commands) == 6
    assert {path.parent for path in paths} == {cache}


def test_kept_in_the_cache(cache, source, nano, caplog):
    first = build.library(source, nano)
    assert "compiling sample_top.cpp for the design nano" in caplog.text
    caplog.clear()
    (source.parent / "other.hpp").write_text("// not included\n")
    assert build.library(source, nano) == first
    assert not caplog.text
    assert list(cache.iterdir()) == [first]


def test_libraries_unused_for_longest_go(cache, source, nano, monkeypatch):
    monkeypatch.setattr(build, "KEPT_LIBRARIES", 2)
    monkeypatch.setattr(build, "_compile", lambda command, source, target: target.touch())
    cache.mkdir(parents=True)
    paths = []
    for number in range(3):
        source.write_text(SAMPLE + f"// {number}\n")
        paths.append(build.library(source, nano))
        os.utime(paths[-1], (number, number))
    source.write_text(SAMPLE + "// 1\n")
    build.library(source, nano)  # used again
    source.write_text(SAMPLE + "// 3\n")
    assert {paths[1], build.library(source, nano)} == set(cache.iterdir())


def test_a_fault_in_the_source_shows_the_compiler_s_words(cache, source, nano):
    source.write_text(SAMPLE.replace("kOwn", "kMissing"))
    with pytest.raises(RuntimeError, match=r"(?s)sample_top\.cpp:.*kMissing"):
        build.library(source, nano)
    assert not list(cache.iterdir())


@pytest.mark.parametrize(
    ("top", "fault"),
    [
        ("void other_top(hls::stream<int>& in) {}", "defines no"),
        ("void sample_top() {}", "no streams"),
    ],
)
def test_a_file_without_its_kernel(source, top, fault):
    source.write_text(top)
    with pytest.raises(ValueError, match=fault):
        build.stream_names(source)


def test_no_compiler(cache, source, nano, monkeypatch):
    build._compiler.cache_clear()
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError, match=r"'no-such-compiler', not found: .*apt install g\+\+"):
        build.library(source, nano)


def test_an_old_compiler(cache, source, nano, monkeypatch, tmp_path):
    old = tmp_path / "old-g++"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    build._compiler.cache_clear()
    monkeypatch.setenv("CXX", str(old))
    with pytest.raises(UserError, match=r"too old for C\+\+20, which g\+\+ knows from 11 on"):
        build.library(source, nano)


@pytest.fixture(autouse=True)
def _forget_the_compiler():
    yield
    build._compiler.cache_clear()
