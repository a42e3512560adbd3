"""Headers in a build directory: written once, rewritten when they differ."""

from m3vit.hls import generated
from m3vit.hls.design import DesignConfig
from m3vit.hls.generated import headers_digest, write_headers
from m3vit.hls.tables import tables_header


def test_headers_appear_and_stay_as_long_as_they_are_right(tmp_path):
    nano, zcu104 = DesignConfig.load("nano"), DesignConfig.load("zcu104")
    write_headers(nano, tmp_path)
    config, tables = tmp_path / "m3vit" / "config.hpp", tmp_path / "m3vit" / "tables.hpp"
    assert config.read_text() == nano.config_header()
    assert tables.read_text() == tables_header()

    before = tables.stat().st_ino
    write_headers(zcu104, tmp_path)
    assert config.read_text() == zcu104.config_header()
    assert tables.stat().st_ino == before


def test_other_headers_have_another_digest(monkeypatch):
    nano = DesignConfig.load("nano")
    digests = {headers_digest(nano), headers_digest(DesignConfig.load("zcu104"))}
    monkeypatch.setattr(generated, "isa_header", lambda: "// other instructions")
    digests.add(headers_digest(nano))
    assert len(digests) == 3
