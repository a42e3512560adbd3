import json
import re
from pathlib import Path

import pytest

from m3vit.hls import rehearsal
from m3vit.hls.rehearsal import Finding
from m3vit.hls.vivado import bitstream, package
from m3vit.hls.vivado.reports import Resource, Timing

ROOT = Path(__file__).parents[2]


def test_a_dry_run_plays_every_script(m3vit, tmp_path):
    said = m3vit("build", "--dry-run", "--json", tmp_path / "findings.json").stdout
    assert "block_design.tcl, bitstream.tcl: nothing amiss" in said
    assert "neither was run" in said
    findings = json.loads((tmp_path / "findings.json").read_text())["findings"]
    assert all(finding["fault"] is None for finding in findings)


def test_a_fault_ends_with_code_2(m3vit, monkeypatch):
    found = [Finding("a.tcl", None, 3), Finding("b.tcl", "no pin clk", 2)]
    monkeypatch.setattr(rehearsal, "rehearse", lambda design: iter(found))
    result = m3vit("build", "--dry-run", code=2)
    assert "b.tcl: no pin clk" in result.stdout
    assert result.stderr == "error: 1 of 2 steps would fail: see above\n"


@pytest.mark.parametrize("words", [["ip"], ["ip", "--core", "vitis"], ["bitstream"]])
def test_without_the_tools_a_sentence_and_code_2(words, refused, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    said = refused("build", *words, "-o", tmp_path / "build")
    assert "this needs Vivado 2023.2 or 2024.1" in said
    assert not (tmp_path / "build").exists()


def test_an_overlay_is_built_and_shown(m3vit, tmp_path, monkeypatch):
    packaged = []

    def build_ip(design, core, directory):
        packaged.append((design.name, core, directory))
        return package.PackagedEngine(design, core, directory)

    def build_bitstream(made, directory, output, jobs):
        return bitstream.Manifest(
            board="ZCU104",
            part=made.design.part,
            design=made.design.name,
            design_id=made.design.design_id,
            isa_version=1,
            core=made.flow,
            clock_mhz=made.design.clock_mhz,
            commit="c0ffee",
            tools={"Vivado": "2023.2"},
            timing=Timing(0.017, 0.0, 0.01, 0.0, 0),
            utilisation={"BRAM36": Resource(250.5, 312)},
            files={},
        )

    monkeypatch.setattr(package, "build_ip", build_ip)
    monkeypatch.setattr(bitstream, "build_bitstream", build_bitstream)
    said = m3vit("build", "bitstream", "--design", "nano", "--jobs", 2, "-o", tmp_path).stdout
    assert packaged == [("nano", "open", tmp_path)]
    assert "300 MHz, worst slack +0.017 ns (Vivado 2023.2, routed)" in said
    assert re.search(r"BRAM36 +250\.5 of +312  80\.3%", said)


def test_nothing_has_been_published(refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "no bitstream of design 'zcu104' has been published" in refused("fetch-bitstream")
    assert list((ROOT / "bitstreams").glob("*/manifest.json")) == []


def test_there_is_nothing_to_deploy(refused, tmp_path):
    assert "there is no overlay" in refused("deploy", "board", "--overlay", tmp_path)
    assert "cannot read" in refused("build", "links", "https://example.org", "--overlay", tmp_path)
