import json


def test_a_search_prints_a_table_and_writes_its_files(m3vit, tmp_path):
    result = m3vit(
        *("explore", "m3vit-nano-int8", "--design", "nano", "--trials", "3", "--jobs", "1"),
        *("-o", tmp_path / "out"),
    )
    assert "Pareto-optimal designs" in result.stdout
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names >= {"designs", "pareto.json", "pareto.png", "study.log"}
    table = json.loads((tmp_path / "out" / "pareto.json").read_text())
    assert {"nano", "zcu104", "zcu104-10x16x16"} == set(table["shipped"])
    assert len(table["pareto"]) == len(list((tmp_path / "out" / "designs").iterdir()))
