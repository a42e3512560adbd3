"""How clang is called: its options, the precompiled vendor headers, and what its errors mean.

Preprocessing and compiling are two calls, because pragmas become markers in between. The first
one sees empty files in place of the vendor's headers, so that its output is the user's text only;
the second one gets them precompiled, which is four times faster than reading them.
"""

import functools
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from m3vit.files import atomic_path, default_root
from m3vit.hls.compiler import ir
from m3vit.hls.compiler.diagnostics import HlsError
from m3vit.hls.compiler.toolchain import Toolchain, ToolError
from m3vit.hls.compiler.vendor_headers import synthesis_headers

from .places import shorten

_LANGUAGE = [
    *("--driver-mode=g++", "--target=x86_64-linux-gnu", "-std=c++17", "-ffreestanding"),
    "-D__SYNTHESIS__",
]
_CODE = [
    # Overflow of plain integers wraps, as it does in gcc's code on every machine that matters.
    *("-O2", "-fno-exceptions", "-fno-rtti", "-w", "-fwrapv", "-fno-strict-aliasing"),
    *("-fno-threadsafe-statics", "-g", "-fstandalone-debug", "-gno-column-info"),
    # A shift of a plain integer is undefined for some amounts; what is not proven to be defined
    # ends in a trap, and traps are refused.
    *("-fsanitize=shift-exponent", "-fsanitize-trap=shift-exponent"),
]
_TEXT = ["-Xclang", "-disable-llvm-passes", "-fno-discard-value-names", "-emit-llvm", "-S"]
_PRECOMPILED = ("ap_int.h", "ap_fixed.h", "hls_stream.h")
_STANDINS = (
    *("ap_common.h", "ap_decl.h", "ap_fixed.h", "ap_fixed_base.h", "ap_fixed_ref.h"),
    *("ap_fixed_special.h", "ap_int.h", "ap_int_base.h", "ap_int_ref.h", "ap_int_special.h"),
    "hls_stream.h",
)
"""Everything that the precompiled headers contain."""


def preprocess(
    tools: Toolchain, path: Path, defines: Mapping[str, str], include: Sequence[Path]
) -> str:
    """The user's text of a file and all its headers, with line markers.

    Raises:
        HlsError: a header is missing, or a directive is wrong.
    """
    arguments = [*_LANGUAGE, "-E", "-isystem", str(_standins()), "-isystem"]
    arguments += [str(synthesis_headers()), *(f"-I{directory}" for directory in include)]
    arguments += [f"-D{name}={value}" if value else f"-D{name}" for name, value in defines.items()]
    return _run(tools, [*arguments, str(path)], "", None)


def compile_text(tools: Toolchain, text: str, files: Collection[str]) -> str:
    """LLVM IR of preprocessed text, without any optimisation.

    Args:
        files: the user's.

    Raises:
        HlsError: clang's first error, at the user's line that caused it.
    """
    arguments = [*_LANGUAGE, *_CODE, *_TEXT, "-isystem", str(synthesis_headers()), "-include-pch"]
    arguments += [str(_precompiled(tools)), "-x", "c++", "-", "-o", "-"]
    return _run(tools, arguments, text, files)


@functools.cache
def _standins() -> Path:
    """A directory of empty headers."""
    directory = default_root() / "hls-headers" / "empty"
    if not all((directory / name).is_file() for name in _STANDINS):
        with atomic_path(directory) as fresh:
            fresh.mkdir()
            for name in _STANDINS:
                (fresh / name).write_text("#pragma once\n")
    return directory


@functools.cache
def _precompiled(tools: Toolchain) -> Path:
    """The vendor's headers as clang likes to read them, made on first use."""
    headers = synthesis_headers()
    key = hashlib.sha256(f"{tools.clang} {tools.version} {_LANGUAGE} {_CODE}".encode())
    path = headers.parent / f"{headers.name}-{key.hexdigest()[:16]}.pch"
    if not path.is_file():
        text = "".join(f"#include <{name}>\n" for name in ("ap_root.h", *_PRECOMPILED))
        with atomic_path(path) as fresh:
            arguments = [*_LANGUAGE, *_CODE, "-isystem", str(headers), "-x", "c++-header", "-"]
            tools.run(tools.clang, [*arguments, "-o", str(fresh)], text)
    return path


def _run(
    tools: Toolchain, arguments: Sequence[str], text: str, files: Collection[str] | None
) -> str:
    try:
        return tools.run(tools.clang, arguments, text)
    except ToolError as error:
        raise _explain(str(error), files) from None


def _explain(message: str, files: Collection[str] | None) -> HlsError:
    """clang's first error; one in a header is told at the user's line that led there."""
    said = re.findall(r"(?m)^(.+?):(\d+):\d+: (error|fatal error|note): (.*)$", message)
    first = next((index for index, line in enumerate(said) if "error" in line[2]), None)
    if first is None:
        return HlsError("c++", message.strip().splitlines()[-1])
    sentence = said[first][3]
    location = ir.Location(shorten(said[first][0]), int(said[first][1]))
    for index, (file, line, kind, _) in enumerate(said[first:]):
        if index and kind != "note":
            break
        if files is None or shorten(file) in files:
            location = ir.Location(shorten(file), int(line))
            break
    own = re.search(r": \[([a-z-]+)\] (.*)", sentence)
    if own:
        return HlsError(own[1], own[2], location)
    if "non-type template argument is not a constant expression" in sentence:
        sentence = "the value in this pragma is not a constant"
    return HlsError("c++", sentence, location)
