import tkinter
from pathlib import Path

import pytest

from m3vit.hls.vivado.settings import quoted, write_settings


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "two words",
        "",
        '$dollar [bracket] "quote"; semicolon #hash',
        Path("/some where/file.v"),
        12,
        ["a", "b c", ["d", ("e f",)], []],
    ],
)
def test_tcl_reads_what_was_written(value, tmp_path):
    path = tmp_path / "settings.tcl"
    write_settings(path, {"value": value})
    tcl = tkinter.Tcl()
    tcl.eval(f"source {{{path}}}")

    def compare(text, expected):
        if isinstance(expected, (list, tuple)):
            words = tcl.splitlist(text)
            assert len(words) == len(expected)
            for word, item in zip(words, expected, strict=True):
                compare(word, item)
        else:
            assert str(text) == str(expected)

    compare(tcl.eval("set settings(value)"), value)


@pytest.mark.parametrize("text", ["{", "a}", "back\\slash", "two\nlines"])
def test_what_cannot_be_quoted_is_refused(text):
    with pytest.raises(ValueError, match="cannot be a word of Tcl"):
        quoted(text)
