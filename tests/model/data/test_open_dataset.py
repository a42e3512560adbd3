import pytest

from m3vit.errors import UserError
from m3vit.model.data import DATASETS, open_dataset


@pytest.mark.parametrize("name", DATASETS)
def test_a_missing_data_set_says_what_to_get_and_where_to_put_it(name, tmp_path):
    kind = DATASETS[name]
    with pytest.raises(UserError) as caught:
        open_dataset(name, "train", tmp_path / "none", ["semseg"])
    message = str(caught.value)
    assert str(tmp_path / "none") in message and "looked for in" in message
    assert ("Download" in message and ".txt" in message) or name in ("scenes", "cityscapes")
    assert kind.NAME in message and "http" not in message


@pytest.mark.parametrize("name", DATASETS)
def test_default_places_are_below_the_data_directory(name, tmp_path, monkeypatch):
    monkeypatch.setenv("M3VIT_DATA", str(tmp_path))
    with pytest.raises(UserError, match=str(tmp_path / DATASETS[name].FOLDER)):
        open_dataset(name, "val", None, ["semseg"])


def test_unknown_names_are_explained(tmp_path):
    with pytest.raises(UserError, match="did you mean 'cityscapes'"):
        open_dataset("cityscape", "train", tmp_path, ["semseg"])
    with pytest.raises(UserError, match="has no part 'test'"):
        open_dataset("nyud", "test", tmp_path, ["semseg"])
    with pytest.raises(UserError, match="Cityscapes has no labels for normals"):
        open_dataset("cityscapes", "train", tmp_path, ["normals"])
    with pytest.raises(UserError, match="Unknown task 'segsem'"):
        open_dataset("nyud", "train", tmp_path, ["segsem"])
    with pytest.raises(UserError, match="has no option 'cuont'"):
        open_dataset("scenes", "train", tmp_path, ["semseg"], cuont=3)
    with pytest.raises(UserError, match="impossible"):
        open_dataset("nyud", "train", tmp_path, ["semseg"], [0, 640])
