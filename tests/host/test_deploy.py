"""Copying to a board, with shell scripts in place of ssh, rsync and scp."""

import stat
import zipfile

import pytest

from m3vit.errors import UserError
from m3vit.hls import isa
from m3vit.hls.design import DesignConfig
from m3vit.hls.vivado.manifest import File, Manifest
from m3vit.hls.vivado.reports import Resource, Timing
from m3vit.host.deploy import build_wheel, deploy

DESIGN = DesignConfig.load("zcu104")


@pytest.fixture
def overlay(tmp_path):
    directory = tmp_path / "overlay"
    directory.mkdir()
    for name in ("m3vit.bit", "m3vit.hwh"):
        (directory / name).write_text(name)
    Manifest(
        "ZCU104",
        DESIGN.part,
        "zcu104",
        DESIGN.design_id,
        isa.VERSION,
        "open",
        300,
        "c0ffee",
        {"Vivado": "2023.2"},
        Timing(0.1, 0.0, 0.1, 0.0, 0),
        {"LUT": Resource(1, 2)},
        {name: File.of(directory / name) for name in ("m3vit.bit", "m3vit.hwh")},
    ).write(directory)
    return directory


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "m3vit-1-py3-none-any.whl"
    path.touch()
    return path


@pytest.fixture
def programs(tmp_path, monkeypatch):
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))

    def write(**texts):
        for name, text in texts.items():
            path = directory / name
            path.write_text(f"#!/bin/sh\n{text}\n")
            path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return write


@pytest.mark.parametrize("copier", ["rsync", "scp"])
def test_files_and_wheel_are_copied(copier, programs, overlay, wheel, tmp_path):
    log = tmp_path / "calls"
    record = f'echo "${{0##*/}} $*" >> {log}'
    programs(ssh=record, **{copier: record})
    commands = deploy("board.local", overlay, wheel)
    made, copied = log.read_text().splitlines()
    assert made == "ssh xilinx@board.local mkdir -p m3vit"
    program, *words = copied.split()
    assert program == copier
    assert words[-1] == "xilinx@board.local:m3vit/"
    sent = [word.rpartition("/")[2] for word in words[:-1] if not word.startswith("-")]
    assert sent == ["manifest.json", "m3vit.bit", "m3vit.hwh", wheel.name]
    assert commands == [
        "ssh xilinx@board.local",
        f'sudo -i python3 -m pip install "$PWD"/m3vit/{wheel.name}',
        'sudo -i m3vit fetch-bitstream "$PWD"/m3vit',
    ]


def test_a_user_that_ssh_knows(programs, overlay, wheel):
    programs(ssh="exit 0", scp="exit 0")
    assert deploy("board.local", overlay, wheel, user="")[0] == "ssh board.local"


def test_a_board_that_does_not_answer(programs, overlay, wheel):
    programs(ssh="echo 'ssh: connect to host board port 22: No route to host' >&2; exit 255")
    with pytest.raises(
        UserError, match=r"ssh to xilinx@board failed \(ssh: connect .* No route to host\)"
    ):
        deploy("board", overlay, wheel)


def test_a_copy_that_fails(programs, overlay, wheel):
    programs(ssh="exit 0", scp="echo 'disk full' >&2; exit 1")
    with pytest.raises(UserError, match=r"scp to xilinx@board failed \(disk full\)"):
        deploy("board", overlay, wheel)


def test_missing_programs_and_files_are_told(programs, overlay, wheel, tmp_path):
    with pytest.raises(UserError, match="needs ssh: install it"):
        deploy("board", overlay, wheel)
    programs(ssh="exit 0")
    with pytest.raises(UserError, match="needs scp: install it"):
        deploy("board", overlay, wheel)
    with pytest.raises(UserError, match="is no name of a board"):
        deploy("-oProxyCommand=false", overlay, wheel, user="")
    with pytest.raises(UserError, match="there is no overlay in"):
        deploy("board", tmp_path, wheel)
    (overlay / "m3vit.bit").unlink()
    with pytest.raises(UserError, match=r"m3vit\.bit is missing"):
        deploy("board", overlay, wheel)


@pytest.mark.slow
def test_a_wheel_is_made_from_the_sources(tmp_path):
    with zipfile.ZipFile(build_wheel(tmp_path)) as archive:
        assert "m3vit/host/deploy.py" in archive.namelist()
