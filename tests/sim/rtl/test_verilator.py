import os

import pytest

from m3vit.errors import UserError
from m3vit.sim.rtl import verilator


def test_a_clean_design_has_no_warnings(counter):
    assert verilator.lint([counter], "counter") == []


def test_every_warning_is_an_entry_with_its_place(counter):
    text = counter.read_text().replace("8'(STEP)", "16'(STEP)")
    counter.write_text(text.replace("output", "input logic idle, output"))
    found = verilator.lint([counter])
    kinds = [entry.split(":")[0] for entry in found]
    assert kinds == ["%Warning-WIDTHEXPAND", "%Warning-WIDTHTRUNC", "%Warning-UNUSEDSIGNAL"]
    assert f"{counter}:9:" in found[0]


def test_a_syntax_error_is_reported_too(counter):
    counter.write_text(counter.read_text().replace("endmodule", ""))
    assert verilator.lint([counter])[0].startswith("%Error")


def test_missing_tools_are_named(monkeypatch, tmp_path):
    verilator.compiler_version.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="apt install make"):
        verilator.compiler_version()
    verilator.compiler_version.cache_clear()


def test_the_cache_depends_on_text_and_settings(counter):
    first = verilator.cached_model("counter", [counter], ["-O1"])
    assert verilator.cached_model("counter", [counter], ["-O1"]) == first
    assert verilator.cached_model("counter", [counter], ["-O2"]) != first
    counter.write_text(counter.read_text() + "\n")
    assert verilator.cached_model("counter", [counter], ["-O1"]) != first


def test_the_cache_forgets_what_is_unused_for_longest(tmp_path, monkeypatch):
    monkeypatch.setattr(verilator, "CACHED_MODELS", 2)
    models = [tmp_path / name for name in ("old", "middle", "new")]
    for age, path in enumerate(reversed(models)):
        path.touch()
        os.utime(path, (1000 - age, 1000 - age))
    verilator.remember(models[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]
