"""Vitis HLS's part: C++ sources, their ports and pragmas."""

import re
from collections.abc import Mapping
from pathlib import Path

from .interpreter import RefusedError, Tool, existing, options


class VitisHls(Tool):
    """Plays the commands of `csynth.tcl` and `engine_core.tcl`."""

    def __init__(self) -> None:
        super().__init__()
        self.top = ""
        self.source: Path | None = None
        self.set: dict[str, str] = {}
        self.packed: set[str] = set()
        self.done: list[str] = []

    def do_open_project(self, arguments: list[str]) -> None:
        options(arguments, ["-reset"])

    def do_set_top(self, arguments: list[str]) -> None:
        [self.top] = arguments

    def do_add_files(self, arguments: list[str]) -> None:
        named, files = options(arguments)
        existing(files)
        [path] = files
        self.source = Path(path)
        for flag in named.get("-cflags", "").split():
            if flag.startswith("-I") and not (Path(flag[2:]) / "m3vit").is_dir():
                raise RefusedError(f"{flag[2:]} holds no m3vit/*.hpp")
        text = self.source.read_text()
        wrong = source_faults(text, self.top)
        if wrong:
            raise RefusedError(f"{self.source.name}: {'; '.join(wrong)}")

    def do_open_solution(self, arguments: list[str]) -> None:
        named, _ = options(arguments, ["-reset"])
        if named.get("-flow_target") != "vivado":
            raise RefusedError("IP needs -flow_target vivado")

    def do_set_part(self, arguments: list[str]) -> None:
        [self.set["part"]] = arguments

    def do_create_clock(self, arguments: list[str]) -> None:
        named, _ = options(arguments)
        self.set["period"] = str(float(named["-period"]))

    def do_set_directive_aggregate(self, arguments: list[str]) -> None:
        named, (location, variable) = options(arguments)
        if named.get("-compact") not in ("bit", "byte", "none", "auto"):
            raise RefusedError(f"-compact {named.get('-compact')} is no such way")
        if location != self.top or variable not in self._streams():
            raise RefusedError(f"{location} has no stream {variable}")
        self.packed.add(variable)

    def do_csynth_design(self, arguments: list[str]) -> None:
        if not {"part", "period"} <= self.set.keys():
            raise RefusedError("part or clock is not set")
        self.done.append("csynth")

    def do_export_design(self, arguments: list[str]) -> None:
        named, _ = options(arguments)
        if (named.get("-format"), named.get("-rtl")) != ("ip_catalog", "verilog"):
            raise RefusedError("IP in Verilog is wanted")
        if "csynth" not in self.done:
            raise RefusedError("nothing has been synthesised")
        unpacked = [
            name
            for name, word in self._streams().items()
            if not word.startswith("ap_") and name not in self.packed
        ]
        if unpacked:
            raise RefusedError(f"fields of {', '.join(unpacked)} may have gaps between them")
        self.done.append("export")

    def _streams(self) -> Mapping[str, str]:
        if self.source is None:
            raise RefusedError("no source has been added")
        return streams(self.source.read_text(), self.top)


def streams(text: str, top: str) -> dict[str, str]:
    """The stream arguments of a function: name -> type of a word."""
    header = re.search(rf"\b{re.escape(top)}\s*\(([^{{;]*)\)\s*\{{", text)
    if header is None:
        return {}
    return {
        name: word.removeprefix("m3vit::").strip()
        for word, name in re.findall(r"hls::stream<(.*?)>\s*&\s*(\w+)", header[1], re.S)
    }


def source_faults(text: str, top: str) -> list[str]:
    """What a kernel's top function lacks for Vitis HLS."""
    found = streams(text, top)
    if not found:
        return [f"no function {top} with streams"]
    wrong = [
        f"port {name} has no INTERFACE mode=axis"
        for name in found
        if not re.search(rf"#pragma HLS INTERFACE mode=axis port={name}\b", text)
    ]
    named = set(re.findall(r"#pragma HLS INTERFACE mode=\w+ port=(\w+)", text))
    wrong += [f"a pragma names {name}" for name in sorted(named - found.keys() - {"return"})]
    if not re.search(r"#pragma HLS INTERFACE mode=ap_ctrl_none port=return\b", text):
        wrong.append("it has no INTERFACE mode=ap_ctrl_none")
    return wrong
