"""The command; what it measures is tested in evaluation/test_benchmark.py."""

import json
import sys

import pytest

from m3vit.model import benchmark
from m3vit.model.evaluation import benchmark as measured


def test_the_report_has_speed_and_accuracy(tmp_path, monkeypatch, capsys):
    asked = []

    def accuracy(limit, progress):
        asked.append(limit)
        return {"assignments_kept": 0.987}

    monkeypatch.setattr(measured, "accuracy_loss", accuracy)
    monkeypatch.setattr(measured, "reference_over_torch", lambda n: {"reference_over_torch": n / 2})
    output = tmp_path / "new" / "model.json"
    options = ["--output", str(output), "--limit", "3", "--repeats", "3"]
    monkeypatch.setattr(sys, "argv", ["benchmark", *options])
    benchmark.main()
    assert json.loads(output.read_text()) == {
        "reference_over_torch": 1.5,
        "assignments_kept": 0.987,
        "provenance": "measured on this machine",
    }
    assert asked == [3]
    assert "0.987" in capsys.readouterr().out


def test_without_scenes_there_is_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("M3VIT_DATA", str(tmp_path / "empty"))
    monkeypatch.setattr(sys, "argv", ["benchmark", "--output", str(tmp_path / "model.json")])
    with pytest.raises(SystemExit) as ended:
        benchmark.main()
    assert ended.value.code == 2
    assert "scenes" in capsys.readouterr().err
    assert not (tmp_path / "model.json").exists()
