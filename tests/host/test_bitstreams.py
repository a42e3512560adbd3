"""Overlays from a server on this machine, and everything that can be wrong with them."""

import contextlib
import dataclasses
import functools
import http.server
import json
import subprocess
import sys
import threading

import pytest

from m3vit.errors import UserError
from m3vit.hls import isa
from m3vit.hls.design import DesignConfig
from m3vit.hls.hwh import hardware_handoff
from m3vit.hls.vivado.manifest import File, Manifest
from m3vit.hls.vivado.reports import Resource, Timing
from m3vit.host import bitstreams
from m3vit.host.bitstreams import fetch, find, write_links

DESIGN = DesignConfig.load("zcu104")


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@pytest.fixture
def built(tmp_path):
    """A directory with files and manifest, as a build leaves them."""
    directory = tmp_path / "built"
    directory.mkdir()
    (directory / "m3vit.bit").write_bytes(bytes(range(256)) * 1000)
    (directory / "m3vit.hwh").write_text(hardware_handoff(DESIGN))
    write_manifest(directory)
    return directory


def write_manifest(directory, **changes):
    manifest = Manifest(
        board="ZCU104",
        part=DESIGN.part,
        design="zcu104",
        design_id=DESIGN.design_id,
        isa_version=isa.VERSION,
        core="open",
        clock_mhz=300,
        commit="c0ffee",
        tools={"Vivado": "2023.2"},
        timing=Timing(0.1, 0.0, 0.1, 0.0, 0),
        utilisation={"LUT": Resource(1, 2)},
        files={name: File.of(directory / name) for name in ("m3vit.bit", "m3vit.hwh")},
    )
    dataclasses.replace(manifest, **changes).write(directory)


@pytest.fixture
def address(built):
    """URL of a server that has the files."""
    handler = functools.partial(Handler, directory=built)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def links(built, address, tmp_path):
    """Manifest and .link files, as they are published."""
    directory = tmp_path / "zcu104"
    names = [path.name for path in write_links(built, address, directory)]
    assert names == ["manifest.json", "m3vit.bit.link", "m3vit.hwh.link"]
    return directory


@pytest.fixture
def root(tmp_path):
    return tmp_path / "data"


def empty(root):
    """Whether nothing at all was left behind."""
    return not [path for path in root.rglob("*") if path.is_file()]


def test_an_overlay_is_downloaded_and_found(links, built, root):
    seen = []
    path = fetch(links, root=root, progress=lambda *news: seen.append(news))
    assert path == root / "bitstreams" / "zcu104" / "m3vit.bit"
    for name in ("m3vit.bit", "m3vit.hwh", "manifest.json"):
        assert path.with_name(name).read_bytes() == (built / name).read_bytes()
    assert seen[-1][1:] == (seen[-1][2], seen[-1][2])
    assert {name for name, _, _ in seen} == {"m3vit.bit", "m3vit.hwh"}
    assert find(DESIGN, root) == path


def test_a_second_time_nothing_is_downloaded(links, root):
    fetch(links, root=root)
    for link in links.glob("*.link"):
        link.unlink()
    assert fetch(links, root=root).is_file()


def test_a_damaged_overlay_is_refused_and_fetched_again(links, built, root):
    path = fetch(links, root=root)
    path.write_bytes(b"damaged")
    with pytest.raises(UserError, match="differ from their manifest"):
        find(DESIGN, root)
    fetch(links, root=root)
    assert path.read_bytes() == (built / "m3vit.bit").read_bytes()


def test_files_beside_the_manifest_need_no_network(built, root):
    assert fetch(built, root=root).read_bytes() == (built / "m3vit.bit").read_bytes()


@pytest.mark.parametrize("content", [b"short", bytes(range(255, -1, -1)) * 1000, b"x" * (1 << 20)])
def test_another_file_is_refused(content, links, built, root):
    (built / "m3vit.bit").write_bytes(content)
    with pytest.raises(UserError, match=r"m3vit\.bit is not the file of the manifest"):
        fetch(links, root=root)
    assert empty(root)


def test_an_earlier_overlay_survives_a_failed_download(links, built, root):
    path = fetch(links, root=root)
    content = path.read_bytes()
    (built / "m3vit.bit").write_bytes(b"new")
    write_manifest(built)
    manifest = links / "manifest.json"
    manifest.write_bytes((built / "manifest.json").read_bytes())
    (built / "m3vit.bit").unlink()
    with pytest.raises(UserError, match="cannot download"):
        fetch(links, root=root)
    assert path.read_bytes() == content
    assert find(DESIGN, root) == path


def test_a_server_that_is_not_there(links, root):
    link = {"ZCU104": {"url": "http://127.0.0.1:9/m3vit.bit", "md5sum": ""}}
    (links / "m3vit.bit.link").write_text(json.dumps(link))
    with pytest.raises(UserError, match=r"cannot download m3vit\.bit .* check the network"):
        fetch(links, root=root)
    assert empty(root)


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        (None, "tells no address"),
        ("{}", "tells no address"),
        ('{"ZCU104": "x"}', "tells no address"),
        ("no json", "tells no address"),
        ('{"ZCU104": {"url": "file:///etc/passwd"}}', "no http address"),
    ],
)
def test_a_wrong_link_is_refused(link, fault, links, root):
    path = links / "m3vit.bit.link"
    if link is None:
        path.unlink()
    else:
        path.write_text(link)
    with pytest.raises(UserError, match=fault):
        fetch(links, root=root)
    assert empty(root)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"design_id": 1}, "hardware 0x00000001 .* use the sources of commit c0ffee"),
        ({"isa_version": isa.VERSION + 1}, "instructions of version"),
        ({"design": "mine"}, "design 'mine', which does not ship: name its TOML file"),
        ({"design": "../../outside"}, "which does not ship"),
        ({"files": {"m3vit.bit": File("0" * 64, 1)}}, "not of m3vit.bit and m3vit.hwh"),
        ({"files": {"../m3vit.bit": File("0" * 64, 1)}}, "not of m3vit.bit and m3vit.hwh"),
    ],
)
def test_another_overlay_is_refused_before_anything_is_downloaded(changes, fault, links, root):
    manifest = dataclasses.replace(Manifest.load(links), **changes)
    manifest.write(links)
    with pytest.raises(UserError, match=fault):
        fetch(links, root=root)
    assert not root.exists()


def test_a_design_of_ones_own(built, root):
    mine = dataclasses.replace(DESIGN, name="mine", clock_mhz=200)
    write_manifest(built, design="mine", design_id=mine.design_id)
    path = fetch(built, mine, root=root)
    assert path.parent.name == "mine"
    assert find(mine, root) == path
    with pytest.raises(UserError, match="hardware"):
        fetch(built, DESIGN, root=root)


def test_a_handoff_of_another_engine_is_refused(built, root):
    text = hardware_handoff(DESIGN).replace("m3vit_engine:1.0", "m3vit_engine:2.0")
    (built / "m3vit.hwh").write_text(text)
    write_manifest(built)
    with pytest.raises(UserError, match=r"describes no engine m3vit:engine:m3vit_engine:1\.0"):
        fetch(built, root=root)
    assert empty(root)


def test_nothing_published_is_said_plainly(tmp_path, monkeypatch, root):
    monkeypatch.setattr(bitstreams, "published", lambda: tmp_path / "none")
    with pytest.raises(UserError, match="no bitstream of design 'zcu104' has been published"):
        fetch("zcu104", root=root)
    with pytest.raises(UserError, match="neither a design with a published overlay"):
        fetch("zcu", root=root)
    with pytest.raises(UserError, match=r"no overlay of design 'zcu104' .* on this machine"):
        find(DESIGN, root)


def test_a_published_overlay_is_found_by_its_name(links, root, monkeypatch):
    monkeypatch.setattr(bitstreams, "published", lambda: links.parent)
    monkeypatch.chdir(root.parent.parent)
    assert fetch("zcu104", root=root).is_file()


def test_links_are_written_for_complete_overlays_only(built, tmp_path):
    (built / "m3vit.bit").write_bytes(b"changed")
    with pytest.raises(UserError, match="differ from their manifest"):
        write_links(built, "https://example.org", tmp_path / "links")
    with contextlib.suppress(FileNotFoundError):
        assert list((tmp_path / "links").iterdir()) == []


def test_a_board_needs_numpy_only():
    program = """
import sys
import m3vit.host.bitstreams, m3vit.host.deploy
allowed = {"m3vit", "numpy", "tomli", "cython_runtime"} | set(sys.stdlib_module_names)
loaded = {name.partition(".")[0] for name in sys.modules}
print(sorted(name for name in loaded - allowed if not name.startswith(("_", "sitecustomize"))))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("[]\n", "")
