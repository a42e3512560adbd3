"""The adapter for a core by Vitis HLS at work: our own core stands behind AXI4-Streams for it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
import stand_in
from test_library import COPIES, check_copies

from m3vit.hls.engine import Engine, core_streams
from m3vit.hls.vitis.core import VitisCore, padded, read_ports


def as_vitis_makes_it(core, design):
    """`engine_top` with the ports of Vitis HLS; the padding of outputs is all ones."""
    ports, connections = ["input ap_clk", "input ap_rst_n"], [".clk(ap_clk)", ".rst_n(ap_rst_n)"]
    assigned = []
    for name, (direction, width) in core_streams(design).items():
        axis, full = f"{name}_r" if name == "program" else name, padded(width)
        way, back = ("input", "output") if direction == "in" else ("output", "input")
        ports += [f"{way} [{full - 1}:0] {axis}_TDATA", f"{way} {axis}_TVALID"]
        ports.append(f"{back} {axis}_TREADY")
        connections += [f".{name}_data({axis}_TDATA[{width - 1}:0])"]
        connections += [f".{name}_valid({axis}_TVALID)", f".{name}_ready({axis}_TREADY)"]
        if direction == "out" and full > width:
            assigned.append(f"assign {axis}_TDATA[{full - 1}:{width}] = '1;")
    lines = ["module engine_top (", ",\n".join(ports), ");", f"{core.top}_inside core ("]
    return "\n".join([*lines, ",\n".join(connections), ");", *assigned, "endmodule", ""])


@dataclass(frozen=True)
class AroundOurs(VitisCore):
    """The adapter together with what it is the adapter of."""

    others: Mapping[str, str] = None

    @property
    def modules(self):
        return {**self.others, **super().modules}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nano", "zcu104"])
def test_programs_run_through_the_adapter(name, make_bench, monkeypatch):
    ours = stand_in.engine(name)
    text = as_vitis_makes_it(ours.core, ours.design)
    renamed = {
        (f"{module}_inside" if module == ours.core.top else module): re.sub(
            rf"\b{ours.core.top}\b", f"{ours.core.top}_inside", content
        )
        for module, content in ours.core.modules.items()
    }
    core = AroundOurs(
        ours.design, read_ports(text, "engine_top"), others={**renamed, "engine_top": text}
    )
    engine = Engine(ours.design, core)
    assert "engine_core core (" in engine.texts()["m3vit_engine.v"]
    monkeypatch.setattr(stand_in, "engine", lambda design: engine)
    check_copies(make_bench(name, stalls=60), [numbers for numbers in COPIES if numbers[0] >= 1000])
