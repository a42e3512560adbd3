"""Data from memory: what is requested, and the words that come out of the beats."""

import numpy as np

from m3vit.sim.rtl.stalls import NONE

PIXELS, ROWS, AFFINE, TABLE, GATE = range(5)
STREAMS = ("pixels", "residual_rows", "affine", "entries", "gate_parameters")


def test_whole_lines_are_requested(nano, ladder):
    beats = np.array([1, 3, 4, 5, 16, 1 << 18, (1 << 20) - 1])
    kinds, words = np.arange(beats.size) % 5, np.arange(beats.size) * 1000 + 1
    line = np.linspace(0, (1 << 26) - 1, beats.size).astype(np.int64)
    lines = -(-beats // 4)
    inputs = {"commands": {"kind": kinds, "line": line, "beats": beats, "words": words}}
    outputs = {
        "requests": {"line": line, "lines": lines},
        "contents": {"kind": kinds, "lines": lines, "words": words},
    }
    found = ladder("data_loader", nano, inputs, outputs, rtl=True)
    assert found["commands"].interval == 1


class Data:
    """Contents and beats of some kinds of data, and what they hold.

    Args:
        commands: (kind, words) each.
    """

    def __init__(self, design, commands):
        self.lanes = design.lanes
        self.random = np.random.default_rng(4)
        self.found = {name: [] for name in STREAMS}
        contents, memory = [], b""
        for kind, words in commands:
            content = getattr(self, STREAMS[kind])(words)
            lines = -(-len(content) // 64)
            contents.append((kind, lines, words))
            # What lies behind the last word must not matter.
            memory += content + self.random.bytes(64 * lines - len(content))
        kinds, lines, words = np.array(contents).T
        self.inputs = {
            "contents": {"kind": kinds, "lines": lines, "words": words},
            "beats": {"lane": np.frombuffer(memory, np.uint8).reshape(-1, 16)},
        }

    def values(self, bits, shape):
        """Random integers of a width, with both ends among them."""
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        values = self.random.integers(low, high, shape, endpoint=True)
        values.reshape(-1)[:2] = (low, high)[: values.size]
        return values

    def pixels(self, words):
        values = self.values(8, (words, self.lanes)) & 255
        self.found["pixels"].append(values)
        return values.astype("u1").tobytes()

    def residual_rows(self, words):
        values = self.values(16, (words, self.lanes))
        self.found["residual_rows"].append(values)
        return values.astype("<i2").tobytes()

    def affine(self, words):
        layout = [("gain", "<i2"), ("none", "<u2"), ("bias", "<i4")]
        items = np.zeros((words, self.lanes), layout)
        items["gain"] = self.values(16, items.shape)
        items["bias"] = self.values(32, items.shape)
        self.found["affine"].append(items)
        return items.tobytes()

    def entries(self, words):
        values = self.values(8, words)
        self.found["entries"].append(values)
        return values.astype("i1").tobytes()

    def gate_parameters(self, words):
        bias, multiplier = self.values(35, words), self.values(16, words)
        shift = self.random.integers(19, 51, words)
        self.found["gate_parameters"].append(np.stack([bias, multiplier, shift], 1))
        rows = zip(bias.tolist(), multiplier.tolist(), shift.tolist(), strict=True)
        return b"".join(
            (b & (1 << 35) - 1 | (m & 0xFFFF) << 35 | s << 51).to_bytes(8, "little")
            for b, m, s in rows
        )

    @property
    def outputs(self):
        def joined(name, *shape):
            return np.concatenate([np.zeros((0, *shape), np.int64), *self.found[name]])

        affine = np.concatenate(self.found["affine"])
        gate = joined("gate_parameters", 3)
        return {
            "pixels": joined("pixels", self.lanes),
            "residual_rows": joined("residual_rows", self.lanes),
            "affine": {"gain": affine["gain"], "bias": affine["bias"]},
            "entries": joined("entries"),
            "gate_parameters": dict(zip(("bias", "multiplier", "shift"), gate.T, strict=True)),
        }


COMMANDS = [
    (PIXELS, 37),
    (ROWS, 1),
    (AFFINE, 3),
    (TABLE, 256),
    (GATE, 5),
    (GATE, 16),
    (PIXELS, 1),
    (ROWS, 33),
    (AFFINE, 1),
    (ROWS, 8),
    (PIXELS, 16),
]


def test_kinds_one_after_another(nano, ladder):
    """Several words to a beat, and several beats to a word."""
    data = Data(nano, COMMANDS)
    ladder("data_unpack", nano, data.inputs, data.outputs, rtl=True)


def test_a_beat_per_cycle(zcu104, ladder):
    data = Data(zcu104, [(ROWS, 40), (AFFINE, 24), (PIXELS, 64)])
    found = ladder("data_unpack", zcu104, data.inputs, data.outputs, rtl=(NONE,))
    assert found["beats"].interval == 1


def test_all_kinds_of_a_large_design(zcu104, ladder):
    data = Data(zcu104, COMMANDS)
    ladder("data_unpack", zcu104, data.inputs, data.outputs)
