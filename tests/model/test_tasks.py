"""Task order, names and the multi-task gain."""

import subprocess
import sys

import pytest

from m3vit.errors import UserError
from m3vit.model.tasks import TASKS, canonical_tasks, delta_m


def test_order_is_that_of_m3vit() -> None:
    assert list(TASKS) == ["semseg", "human_parts", "sal", "normals", "edge", "depth"]


def test_names_are_sorted_into_the_canonical_order() -> None:
    assert canonical_tasks(["depth", "semseg"]) == ["semseg", "depth"]


@pytest.mark.parametrize(
    ("names", "part"),
    [(["dept"], "did you mean 'depth'"), ([], "No task"), (["sal", "sal"], "twice")],
)
def test_bad_names_are_answered_with_the_remedy(names: list[str], part: str) -> None:
    with pytest.raises(UserError, match=part):
        canonical_tasks(names)


def test_delta_m_turns_the_sign_of_metrics_that_should_fall() -> None:
    # mIoU 0.40 -> 0.44 is +10 %; RMSE 2.0 -> 2.1 is -5 %.
    gain = delta_m({"semseg": 0.44, "depth": 2.1}, {"semseg": 0.40, "depth": 2.0})
    assert gain == pytest.approx(2.5)


def test_delta_m_needs_equal_tasks_and_a_nonzero_denominator() -> None:
    with pytest.raises(ValueError, match="differ"):
        delta_m({"semseg": 1.0}, {"depth": 1.0})
    with pytest.raises(ValueError, match="zero"):
        delta_m({"semseg": 1.0}, {"semseg": 0.0})


def test_tasks_need_no_torch() -> None:
    script = "import sys; sys.modules['torch'] = None; import m3vit.model.tasks"
    subprocess.run([sys.executable, "-c", script], check=True)
