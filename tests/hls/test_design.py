"""Design points: what loads, what is refused, and that C++ sees the same numbers."""

import ctypes
import dataclasses
import re
import subprocess

import pytest

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig, design_names


@pytest.fixture
def toml(tmp_path):
    """Write nano's TOML with some lines replaced; returns its path."""

    def write(*replacements):
        nano = DesignConfig.load("nano")
        values = {k: v for k, v in dataclasses.asdict(nano).items() if k != "name"}
        lines = [f'{k} = "{v}"' if isinstance(v, str) else f"{k} = {v}" for k, v in values.items()]
        for old, new in replacements:
            assert sum(line.startswith(old) for line in lines) == 1
            lines = [new if line.startswith(old) else line for line in lines]
        path = tmp_path / "mine.toml"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def test_shipped_designs_are_the_documented_arrays():
    shapes = {}
    for name in design_names():
        design = DesignConfig.load(name)
        shapes[name] = (design.array_tokens, design.array_inputs, design.array_outputs)
    assert shapes == {
        "nano": (2, 8, 4),
        "zcu104": (4, 32, 16),
        "zcu104-10x16x16": (10, 16, 16),
    }


def test_a_file_of_ones_own(toml):
    mine = DesignConfig.load(toml(("max_tokens", "max_tokens = 17")))
    assert mine == dataclasses.replace(DesignConfig.load("nano"), name="mine", max_tokens=17)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("max_tokens", "max_token = 5", "unknown key 'max_token': did you mean 'max_tokens'"),
        ("max_tokens", "", "'max_tokens' is missing: add it"),
        ("max_tokens", "max_tokens = 4096", "max_tokens is 4096; give an integer from 1 to 2048"),
        ("max_tokens", "max_tokens = true", "max_tokens is True; give an integer"),
        ("max_tokens", "max_tokens = 12.0", "max_tokens is 12.0; give an integer"),
        ("part", "part = 7", "part is 7; give the FPGA's name"),
        ("array_tokens", "array_tokens = 3", "array_tokens must be even"),
        ("array_inputs", "array_inputs = 6", "array_inputs must be a multiple of 4"),
        ("panel_lanes", "panel_lanes = 3", "panel_lanes must divide array_inputs"),
        ("lanes", "lanes = 8", "lanes must equal array_outputs"),
        ("panel_lanes", "panel_lanes = 2", "panel_lanes must be a multiple of lanes"),
        ("max_routed", "max_routed_values = 6", "must be a multiple of panel_lanes"),
        ("max_strip_bytes", "max_strip_bytes = 12000", "max_strip_bytes must be a power of two"),
        ("max_strip_bytes", "max_strip_bytes = 2", "max_strip_bytes must be a power of two"),
        ("read_ports", "read_ports = 3", "read_ports must be 1, 2 or 4"),
        ("read_ports", "read_ports = 4", "must be a multiple of 16 x read_ports"),
        ("weight_tiles", "weight_tiles = 5000", "weight_tiles and parameter_words must be powers"),
        ("parameter_words", "parameter_words = 9", "parameter_words must be powers of two"),
        ("part", "part = ", "is not valid TOML"),
    ],
)
def test_wrong_files_are_refused_in_a_sentence(toml, old, new, words):
    with pytest.raises(UserError, match=re.escape(words)):
        DesignConfig.load(toml((old, new)))


def test_lanes_that_are_no_power_of_two(toml):
    path = toml(("lanes", "lanes = 12"), ("array_outputs", "array_outputs = 12"))
    with pytest.raises(UserError, match="lanes must be a power of two"):
        DesignConfig.load(path)


@pytest.mark.parametrize("source", ["zcu10", "nowhere/mine.toml"])
def test_missing_designs_are_refused(source):
    with pytest.raises(UserError, match=r"there is no design 'zcu10'|check the path"):
        DesignConfig.load(source)


def test_the_id_follows_the_hardware_and_not_the_name():
    nano = DesignConfig.load("nano")
    assert dataclasses.replace(nano, name="other").design_id == nano.design_id
    assert dataclasses.replace(nano, max_tokens=100).design_id != nano.design_id
    assert dataclasses.replace(nano, part="xc7z020").design_id != nano.design_id


def test_the_header_holds_every_size():
    design = DesignConfig.load("zcu104")
    constants = re.findall(r"constexpr int k(\w+) = (\d+);", design.config_header())
    found = {re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower(): int(v) for name, v in constants}
    assert found == {k: v for k, v in dataclasses.asdict(design).items() if isinstance(v, int)}


def compile_header(text, directory):
    """Compile a shared library that answers with the header's kDesignId; g++'s result."""
    (directory / "config.hpp").write_text(text)
    source = '#include "config.hpp"\nextern "C" unsigned design_id() { return m3vit::kDesignId; }\n'
    return subprocess.run(
        ["g++", "-std=c++17", "-Wall", "-Werror", "-shared", "-fPIC", "-xc++", "-", "-o", "id.so"],
        input=source,
        cwd=directory,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("name", design_names())
def test_compiled_cpp_returns_the_id(name, tmp_path):
    design = DesignConfig.load(name)
    result = compile_header(design.config_header(), tmp_path)
    assert result.returncode == 0, result.stderr
    library = ctypes.CDLL(str(tmp_path / "id.so"))
    library.design_id.restype = ctypes.c_uint32
    assert library.design_id() == design.design_id


def test_cpp_refuses_a_header_that_breaks_a_rule(tmp_path):
    text = DesignConfig.load("nano").config_header()
    broken = text.replace("kArrayTokens = 2", "kArrayTokens = 3")
    assert broken != text
    result = compile_header(broken, tmp_path)
    assert result.returncode != 0
    assert "array_tokens must be even" in result.stderr
