import re
from pathlib import Path

import numpy as np
import pytest

from m3vit.sim.rtl import stalls
from m3vit.sim.rtl.bench import BenchError, run_bench


def run(target, pairs, pattern=stalls.NONE, **options):
    beats, expected = pairs
    return run_bench(
        target, {"pairs": beats}, {"offset": 3}, {"totals": expected}, pattern, **options
    )


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_every_pattern_of_stalls_gives_the_same_beats(sums, pairs):
    target = sums()
    cycles = {}
    for pattern in stalls.every_pattern(["pairs"]):
        result = run(target, pairs, pattern, engine="native")
        np.testing.assert_array_equal(result.outputs["totals"], pairs[1])
        cycles[pattern.name] = result.cycles
    assert cycles["none"] < 310
    assert all(slow > 320 for name, slow in cycles.items() if name != "none"), cycles


def test_both_engines_see_the_same_cycles(sums, pairs):
    target, pattern = sums(), stalls.RANDOM[0].seeded(5)
    native = run(target, pairs, pattern, engine="native")
    cocotb = run(target, pairs, pattern, engine="cocotb")
    assert native.cycles == cocotb.cycles > 400
    assert native.streams == cocotb.streams


def test_a_run_repeats_from_its_seed(sums, pairs):
    target = sums()
    first, again, other = (
        run(target, pairs, stalls.RANDOM[0].seeded(seed), engine="native") for seed in (1, 1, 2)
    )
    assert first.streams == again.streams != other.streams


def test_without_expectations_it_runs_until_nothing_moves(sums, pairs):
    result = run_bench(sums(), {"pairs": pairs[0]}, {"offset": 3}, engine="native", patience=500)
    np.testing.assert_array_equal(result.outputs["totals"], pairs[1])
    assert result.streams["pairs"].beats == 300
    assert result.streams["totals"].interval == pytest.approx(1.0)


def test_packed_words_are_beats_too(sums):
    result = run_bench(sums(), {"pairs": [0xFFF]}, {"offset": 1}, {"totals": [0]}, engine="native")
    assert result.outputs["totals"].tolist() == [0]


def test_a_wrong_beat_is_located_and_leaves_a_waveform(sums, pairs):
    target = sums("13'(pairs_data[16:12])", "13'(pairs_data[15:12])")
    with pytest.raises(BenchError) as failure:
        run(target, pairs, engine="native")
    message = str(failure.value)
    assert re.search(r"beat 1 of stream 'totals' in cycle \d+: expected 2081, got 2065", message)
    waves = Path(message.rsplit("waveform: ")[1])
    assert waves == Path("build/waves/sums.fst")
    data = waves.read_bytes()
    assert data[0] == 0  # an FST header block
    assert b"totals_data" in data


@pytest.mark.parametrize(
    ("before", "after", "pattern", "message"),
    [
        (
            "totals_valid = count",
            "totals_valid = !(&queue[0][3:0]) && count",
            stalls.NONE,
            "nothing has moved",
        ),
        ("'(pop) : 2'd0", "'(pop) + 2'(push && total[3:0] == 4'd9) : 2'd0", stalls.NONE, "totals"),
        ("count < 2'd2", "count < 2'd3", stalls.TOGGLING, "expected"),
        ("data = queue[0]", "data = totals_ready ? queue[0] : '0", stalls.TOGGLING, "changed in"),
        ("totals_valid = count", "totals_valid = totals_ready && count", stalls.RELUCTANT, "moved"),
        (
            "totals_valid = count",
            "totals_valid = (pairs_valid || pairs_data[0]) && count",
            stalls.RANDOM[0],
            "withdrawn",
        ),
    ],
)
def test_faults_are_found(sums, pairs, before, after, pattern, message):
    with pytest.raises(BenchError, match=message):
        run(sums(before, after), pairs, pattern, engine="native", patience=2000, waves=False)


def test_a_stuck_design_tells_who_waits_for_whom(sums, pairs):
    target = sums("pairs_ready = count", "pairs_ready = pairs_data[16:12] != 5'd31 && count")
    with pytest.raises(BenchError) as failure:
        run(target, pairs, engine="native", patience=2000)
    message = str(failure.value)
    assert "input 'pairs': 1 beats taken, beat offered but not taken" in message
    assert "output 'totals': 1 of 300 beats came, the design offers none" in message


def test_missing_and_unknown_names_are_refused(sums, pairs):
    with pytest.raises(ValueError, match="scalar 'offset' is missing"):
        run_bench(sums(), {"pairs": pairs[0]}, engine="native")
    with pytest.raises(ValueError, match="input stream 'pear' is unknown"):
        run_bench(sums(), {"pairs": pairs[0], "pear": []}, {"offset": 1}, engine="native")
