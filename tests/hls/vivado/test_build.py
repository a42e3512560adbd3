"""From sources to a manifest, with a shell script in place of Vivado."""

import hashlib
import json
from pathlib import Path

import pytest

from m3vit.errors import UserError
from m3vit.hls import isa
from m3vit.hls.design import DesignConfig
from m3vit.hls.rehearsal.rehearse import stand_in_engine
from m3vit.hls.vivado import package
from m3vit.hls.vivado.bitstream import build_bitstream, source_commit
from m3vit.hls.vivado.manifest import File, Manifest
from m3vit.hls.vivado.package import PackagedEngine, build_ip
from m3vit.hls.vivado.reports import Resource, Timing
from m3vit.hls.vivado.tools import find_vivado

DESIGN = DesignConfig.load("nano")
TOOLS = {"clang": "23"}

# `vivado -mode batch ... -source package.tcl` and bitstream.tcl
PROGRAM = """
for script; do :; done
value() { sed -n "s/^set settings($1) //p" "$M3VIT_SETTINGS"; }
case "$script" in
*/package.tcl)
    for file in $(value files | tr -d '{}'); do test -f "$file" || exit 3; done
    mkdir -p "$(value ip)" && cp "$SAMPLES/component.xml" "$(value ip)" ;;
*/bitstream.tcl)
    test -f "$(value ip)/component.xml" || exit 4
    mkdir -p "$(value output)"
    cp "$SAMPLES"/*.rpt "$SAMPLES"/m3vit.* "$(value output)" ;;
*) exit 5 ;;
esac
"""


@pytest.fixture
def vivado(install, samples, tmp_path, monkeypatch):
    """A program that packages and implements by copying; returns the directory it copies from."""
    directory = tmp_path / "samples"
    directory.mkdir()
    (directory / "timing.rpt").write_text(samples.TIMING)
    (directory / "utilisation.rpt").write_text(samples.UTILISATION)
    (directory / "m3vit.bit").write_bytes(b"bits")
    (directory / "m3vit.hwh").write_text("handoff")
    monkeypatch.setenv("SAMPLES", str(directory))
    monkeypatch.setattr(package, "open_engine", lambda design: (stand_in_engine(design), TOOLS))
    install("vivado", PROGRAM)
    return directory


@pytest.fixture
def packaged(tmp_path):
    directory = tmp_path / "ip"
    directory.mkdir()
    (directory / "component.xml").touch()
    return PackagedEngine(DESIGN, "open", directory, TOOLS)


def test_the_engine_is_packaged(vivado, tmp_path, monkeypatch):
    checked = []
    monkeypatch.setattr(package, "check_component", lambda path, engine: checked.append(path))
    (vivado / "component.xml").write_text("<component/>")
    made = build_ip(DESIGN, "open", tmp_path / "build")
    assert (made.directory / "component.xml").read_text() == "<component/>"
    assert made.tools == TOOLS
    assert [path.name for path in checked] == ["component.xml"]
    names = sorted(path.name for path in (tmp_path / "build" / "rtl").iterdir())
    assert {"m3vit_engine.v", "m3vit_registers.sv", "axi_reader.sv"} <= set(names)


def test_what_vivado_packaged_is_checked(vivado, tmp_path):
    (vivado / "component.xml").write_text("<component/>")
    with pytest.raises(UserError, match="packaged something else"):
        build_ip(DESIGN, "open", tmp_path / "build")
    assert not (tmp_path / "build" / "ip").exists()


def test_the_manifest_tells_everything(vivado, packaged, tmp_path):
    output = tmp_path / "out"
    manifest = build_bitstream(packaged, tmp_path / "build", output, jobs=3)
    assert Manifest.load(output) == manifest
    assert manifest.timing == Timing(0.017, 0.0, 0.010, 0.0, 0)
    assert manifest.utilisation["BRAM36"] == Resource(250.5, 312)
    assert manifest.tools == {"Vivado": "2023.2", "clang": "23"}
    assert (manifest.design_id, manifest.isa_version) == (DESIGN.design_id, isa.VERSION)
    assert manifest.files["m3vit.bit"] == File.of(output / "m3vit.bit")
    content = json.loads((output / "manifest.json").read_text())
    assert content["design_id"] == f"0x{DESIGN.design_id:08x}"
    digest = hashlib.sha256(b"bits").hexdigest()
    assert content["files"]["m3vit.bit"] == {"sha256": digest, "bytes": 4}
    told = (tmp_path / "build" / "bitstream.settings.tcl").read_text()
    assert "set settings(jobs) 3" in told
    assert "set settings(clock) 300" in told


def test_a_missed_clock_leaves_no_manifest(vivado, packaged, samples, tmp_path):
    (vivado / "timing.rpt").write_text(samples.MISSED)
    with pytest.raises(
        UserError, match=r"clock of 300 MHz is missed by 0\.213 ns at 388 endpoints"
    ):
        build_bitstream(packaged, tmp_path / "build", tmp_path / "out", jobs=1)
    assert (tmp_path / "out" / "m3vit.bit").is_file()
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_missing_file_is_told(vivado, packaged, tmp_path):
    (vivado / "m3vit.hwh").unlink()
    with pytest.raises(UserError, match=r"m3vit\.hwh is missing"):
        build_bitstream(packaged, tmp_path / "build", tmp_path / "out", jobs=1)


def test_a_failure_points_to_the_log(install, packaged, tmp_path):
    install("vivado", "echo 'ERROR: no licence'\nexit 1\n")
    with pytest.raises(UserError, match=r"bitstream\.tcl failed: .*bitstream\.log says why"):
        build_bitstream(packaged, tmp_path / "build", tmp_path / "out", jobs=1)
    assert "no licence" in (tmp_path / "build" / "bitstream.log").read_text()


def test_without_vivado_one_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"needs Vivado 2023\.2 or 2024\.1 .* settings64\.sh"):
        find_vivado()


def test_the_commit_is_that_of_the_sources(tmp_path, monkeypatch):
    commit = source_commit().removesuffix("-dirty")
    assert commit == "unknown" or len(commit) == 40
    monkeypatch.setenv("PATH", str(tmp_path))
    assert source_commit() == "unknown"


MANIFEST = Manifest(
    "ZCU104",
    "xczu7ev-ffvc1156-2-e",
    "nano",
    DESIGN.design_id,
    isa.VERSION,
    "open",
    300,
    "unknown",
    {"Vivado": "2023.2"},
    Timing(0.1, 0.0, 0.1, 0.0, 0),
    {"LUT": Resource(1, 2)},
    {"m3vit.bit": File("0" * 64, 1)},
)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(format=2),
        lambda content: content.pop("format"),
        lambda content: content.update(design_id="zcu104"),
        lambda content: content.update(design_id=12),
        lambda content: content.pop("timing"),
        lambda content: content.update(colour="red"),
        lambda content: content["files"].update({"m3vit.hwh": {"sha256": "0"}}),
        lambda content: content.update(files=[]),
    ],
)
def test_a_wrong_manifest_is_refused(change, tmp_path):
    MANIFEST.write(tmp_path)
    assert Manifest.load(tmp_path) == MANIFEST
    path = tmp_path / "manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"manifest"):
        Manifest.load(tmp_path)


def test_the_schema_describes_the_manifest():
    schema = json.loads((Path(__file__).parents[3] / "bitstreams/schema.json").read_text())
    content = MANIFEST.as_dict()
    assert list(schema["properties"]) == list(content) == schema["required"]
    for name in ("timing", "utilisation", "files"):
        part = schema["properties"][name]
        part = part.get("additionalProperties") or part
        inside = content[name] if name == "timing" else next(iter(content[name].values()))
        assert list(part["properties"]) == list(inside) == part["required"]
