"""`m3vit doctor`."""

import json


def test_says_what_works_and_what_to_do(m3vit, tmp_path):
    report = tmp_path / "doctor.json"
    said = m3vit("doctor", "--json", report).stdout
    assert "integer reference" in said
    rungs = {item["rung"]: item for item in json.loads(report.read_text())["rungs"]}
    assert rungs["C++ kernels by g++ (csim)"]["works"]
    for item in rungs.values():
        assert item["works"] == all(item["found"].values())
