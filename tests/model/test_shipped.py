import pytest

from m3vit.errors import UserError
from m3vit.model.shipped import find_model, shipped_models


def test_a_directory_is_taken_as_it_is(tmp_path):
    assert find_model(tmp_path) == tmp_path
    assert find_model(str(tmp_path)) == tmp_path


def test_shipped_models_are_found_by_name():
    for name, path in shipped_models().items():
        assert find_model(name) == path
        assert (path / "config.json").is_file()


def test_other_names_are_refused(tmp_path):
    with pytest.raises(UserError, match="no directory 'absent' and no shipped model"):
        find_model("absent")
