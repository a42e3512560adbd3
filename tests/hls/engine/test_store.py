"""Rows and picks on their way to memory: the bytes of the beats."""

import dataclasses

import numpy as np
import pytest

from m3vit.sim.rtl.stalls import NONE

RESIDUAL, RESULTS, WIDE, PICKS = range(4)
NAMES = ("residual", "results", "wide", "picks")


def stimulus(design, commands):
    """Streams for a list of (source, words), and requests and beats."""
    random = np.random.default_rng(6)
    rows = {name: [np.zeros((0, design.lanes), np.int64)] for name in NAMES[:3]}
    picks, memory, sent = [np.zeros((0, 4), np.int64)], b"", []
    for index, (source, words) in enumerate(commands):
        if source == PICKS:
            items = random.integers(0, [4096, 256, 16, 32769], (words, 4))
            picks.append(items)
            content = b"".join(
                (token | expert << 12 | rank << 20 | score << 24).to_bytes(8, "little")
                for token, expert, rank, score in items.tolist()
            )
        else:
            values = random.integers(-32768, 32768, (words, design.lanes))
            values.reshape(-1)[:2] = (-32768, 32767)[: values.size]
            rows[NAMES[source]].append(values)
            content = values.astype("<i2").tobytes()
        content += bytes(-len(content) % 16)
        memory += content
        sent.append((source, 7919 * index, len(content) // 16, words))
    sources, lines, beats, words = np.array(sent).T
    chosen = np.concatenate(picks).T
    inputs = {name: np.concatenate(values) for name, values in rows.items()}
    inputs["picks"] = dict(zip(("token", "expert", "rank", "score"), chosen, strict=True))
    inputs["commands"] = {"source": sources, "line": lines, "beats": beats, "words": words}
    outputs = {
        "requests": {"line": lines, "beats": beats},
        "beats": np.frombuffer(memory, np.uint8).reshape(-1, 16),
    }
    return inputs, outputs


COMMANDS = [
    (RESIDUAL, 9),
    (PICKS, 3),
    (RESULTS, 1),
    (WIDE, 5),
    (PICKS, 4),
    (PICKS, 1),
    (RESULTS, 12),
    (RESIDUAL, 2),
    (WIDE, 8),
]


@pytest.mark.parametrize("lanes", [4, 8])
def test_sources_one_after_another(nano, ladder, lanes):
    """Several rows to a beat, and one row; picks in between."""
    panel_lanes = max(lanes, nano.panel_lanes)
    design = dataclasses.replace(nano, lanes=lanes, array_outputs=lanes, panel_lanes=panel_lanes)
    ladder("store", design, *stimulus(design, COMMANDS), rtl=lanes == 4)


def test_a_beat_per_cycle(zcu104, ladder):
    """Rows of two beats."""
    inputs, outputs = stimulus(zcu104, [(RESULTS, 20), (RESIDUAL, 30), (WIDE, 7)])
    found = ladder("store", zcu104, inputs, outputs, rtl=(NONE,))
    assert found["beats"].interval == 1


def test_all_sources_of_a_large_design(zcu104, ladder):
    ladder("store", zcu104, *stimulus(zcu104, COMMANDS))
