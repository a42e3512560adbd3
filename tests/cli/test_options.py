import pytest

from m3vit.cli.options import chosen_tasks, repeat_tasks
from m3vit.errors import UserError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--tasks", "a", "b"], ["--tasks", "a", "--tasks", "b"]),
        (["--tasks", "a", "b", "--fit", "crop"], ["--tasks", "a", "--tasks", "b", "--fit", "crop"]),
        (["--tasks=a", "b,c"], ["--tasks=a", "--tasks", "b,c"]),
        (["x.png", "--tasks", "a"], ["x.png", "--tasks", "a"]),
        (["--tasks", "a", "x.png"], ["--tasks", "a", "x.png"]),
        (["--tasks", "a", "x.png", "b"], ["--tasks", "a", "x.png", "b"]),
        (["--tasks", "a", "--tasks", "b"], ["--tasks", "a", "--tasks", "b"]),
        (["--tasks"], ["--tasks"]),
        (["--backend", "reference", "b"], ["--backend", "reference", "b"]),
        ([], []),
    ],
)
def test_words_after_tasks_belong_to_it(given, expected):
    assert repeat_tasks(given) == expected


def test_a_word_that_names_a_file_is_no_task(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo").touch()
    assert repeat_tasks(["--tasks", "a", "photo"]) == ["--tasks", "a", "photo"]


def test_tasks_come_in_the_model_s_order():
    available = ["semseg", "normals", "depth"]
    assert chosen_tasks(["depth,semseg"], available) == ["semseg", "depth"]
    assert chosen_tasks(["depth semseg", "normals"], available) == available
    assert chosen_tasks(None, available) == available
    assert chosen_tasks([], available) == available
    with pytest.raises(UserError, match="no task 'flow'"):
        chosen_tasks(["flow"], available)
    with pytest.raises(UserError, match="twice"):
        chosen_tasks(["depth", "depth"], available)
