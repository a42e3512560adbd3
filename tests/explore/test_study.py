import json

import optuna
import pytest

from m3vit.explore.evaluation import Evaluation, Workload, evaluate
from m3vit.explore.picture import draw
from m3vit.explore.report import known_designs, report, toml, write_designs
from m3vit.explore.space import design_of
from m3vit.explore.study import Candidate, Search, pareto, search
from m3vit.hls.design import DesignConfig, design_names
from m3vit.hls.resources.cells import Resources

NETWORK = "m3vit-nano-int8"


@pytest.fixture(scope="module")
def what(tmp_path_factory):
    return Search(NETWORK, "nano", str(tmp_path_factory.mktemp("study") / "study.log"))


@pytest.fixture(scope="module")
def found(what):
    told = []
    candidates = search(what, 6, progress=lambda *numbers: told.append(numbers))
    assert (told[0], told[-1]) == ((0, 6), (6, 6))
    return candidates


def trials(what):
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(what.storage)
    )
    return optuna.load_study(study_name=what.name, storage=storage).get_trials()


def test_designs_are_evaluated_and_the_base_is_the_first(what, found):
    done = trials(what)
    assert len(done) == 6
    nano = DesignConfig.load("nano")
    network = Workload.of(NETWORK).model.network
    first = design_of(done[0].params, nano, network)
    assert (first.array_tokens, first.array_inputs, first.weight_tiles) == (2, 8, 8192)
    assert first == found[0].design
    assert found[0].evaluation == evaluate(first, Workload.of(NETWORK))
    for trial in done:
        assert ("refused" in trial.user_attrs) != ("evaluation" in trial.user_attrs)


def test_a_study_goes_on_where_it_was_in_several_processes(what, found):
    again = search(what, 10, jobs=2)
    done = trials(what)
    assert 10 <= len([trial for trial in done if trial.state.is_finished()]) <= 11
    assert again[: len(found)] == found
    assert len({one.design for one in again}) == len(again)
    assert search(what, 10) == again  # nothing is left to do


def test_another_network_or_other_maxima_are_another_study(what):
    others = {what.name, Search("tiny", "nano", what.storage).name}
    others.add(Search(NETWORK, "zcu104", what.storage).name)
    assert len(others) == 3


def candidate(cycles, dsp, ramb18=2, uram=1, lut=10):
    used = Resources(lut=lut, dsp=dsp, ramb18=ramb18, uram=uram)
    return Candidate(DesignConfig.load("nano"), Evaluation(cycles, used))


def test_only_designs_that_no_other_one_beats_are_optimal():
    fast, small, both = candidate(10, 500), candidate(90, 100), candidate(50, 300)
    beaten = [candidate(50, 301), candidate(51, 300), candidate(10, 500, uram=2)]
    assert pareto([*beaten, small, both, fast]) == [fast, both, small]
    assert pareto([fast, fast]) == [fast]


@pytest.mark.parametrize(
    "sizes", [{"dsp": 1_600}, {"dsp": 1, "ramb18": 570}, {"dsp": 1, "lut": 210_000}]
)
def test_what_leaves_no_margin_does_not_count(sizes):
    small, large = candidate(90, 100), candidate(10, **sizes)
    assert not large.evaluation.fits
    assert pareto([small, large]) == [small]


def test_a_search_leaves_a_picture_a_table_and_designs(what, found, tmp_path):
    known = known_designs(NETWORK)
    assert set(known) == set(design_names())
    best = pareto(found)
    draw(tmp_path / "pareto.png", found, known, "title")
    assert (tmp_path / "pareto.png").read_bytes().startswith(b"\x89PNG")
    table = json.loads(json.dumps(report(what, found, best, known)))
    assert (table["tried"], len(table["pareto"])) == (len(found), len(best))
    assert table["shipped"]["zcu104"]["cycles"] < table["shipped"]["nano"]["cycles"]
    assert "nothing was built" in table["provenance"]
    write_designs(tmp_path / "designs", best)
    paths = sorted((tmp_path / "designs").iterdir())
    assert [DesignConfig.load(path).design_id for path in paths] == [
        one.design.design_id for one in best
    ]
    assert f"{best[0].evaluation.cycles:,} cycles" in toml(best[0])
