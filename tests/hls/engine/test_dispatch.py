"""The dispatcher: what reaches which queue, with how many accesses in front of it."""

import numpy as np
import pytest

from m3vit.hls.isa import (
    KEY_VALUE_DOMAIN,
    RESIDUAL_BANKS,
    RESIDUAL_DOMAIN,
    TO_MEMORY,
    TO_RESIDUAL,
    TO_TOKENS,
    WIDE_GATE,
    WIDE_MEMORY,
    Instruction,
)
from m3vit.hls.kernels import compile_kernel
from m3vit.sim.csim import kernels
from m3vit.sim.rtl.bench import run_bench
from m3vit.sim.streams.programs import RandomProgram

OUTPUTS = ("loads", "data", "rows", "array", "images", "residual_loads", "stores", "ending")
RETIRED = (
    *("row_reads_retired", "row_writes_retired", "token_reads_retired", "token_writes_retired"),
    *("key_value_reads_retired", "key_value_writes_retired", "stores_retired"),
)
ROW_DOMAINS = slice(RESIDUAL_DOMAIN, RESIDUAL_DOMAIN + RESIDUAL_BANKS)
DOMAINS = KEY_VALUE_DOMAIN + 1
PIXELS, ROWS, AFFINE, TABLE, GATE = range(5)
STORE_RESIDUAL, STORE_RESULTS, STORE_WIDE, STORE_PICKS = range(4)


class Model:
    """What the dispatcher does, from the contract of the memories.

    Attributes:
        sent: queue -> its items, as mappings from field to value.
        accesses: how many of each kind; they all retire.
    """

    def __init__(self, design):
        self.design = design
        self.reads = [0] * DOMAINS
        self.writes = [0] * DOMAINS
        self.stores = 0
        self.added = None  # domain that a MATMUL reads which the next NORM may follow row by row
        self.followed = False  # so does the last NORM of rows for a gate
        self.sent = {name: [] for name in OUTPUTS}

    @property
    def accesses(self):
        return {
            "row_reads_retired": sum(self.reads[ROW_DOMAINS]),
            "row_writes_retired": sum(self.writes[ROW_DOMAINS]),
            "token_reads_retired": sum(self.reads[:6]),
            "token_writes_retired": sum(self.writes[:6]),
            "key_value_reads_retired": self.reads[KEY_VALUE_DOMAIN],
            "key_value_writes_retired": self.writes[KEY_VALUE_DOMAIN],
            "stores_retired": self.stores,
        }

    def data(self, kind, line, beats, words):
        self.sent["data"].append({"kind": kind, "line": line, "beats": beats, "words": words})

    def store(self, source, line, beats, words):
        self.stores += 1
        self.sent["stores"].append({"source": source, "line": line, "beats": beats, "words": words})

    def step(self, instruction):
        """Everything that one instruction sends."""
        fields = instruction
        name, rows = fields.name, fields.values.get("rows", 0)
        read = written = second = None
        residual = RESIDUAL_DOMAIN + fields.values.get("bank", 0)
        queues = {
            "STORE": ["rows"],
            "NORM": ["rows"],
            "TABLE": ["array"],
            "ATTENTION": ["array"],
            "MATMUL": ["loads", "array"],
            "GATE": ["loads", "array"],
            "EXPERTS": ["loads", "array"],
        }.get(name, [])
        if name == "IMAGE":
            written = fields["domain"]
            words = -(-fields["strips"] * fields["strip_bytes"] // self.design.lanes)
            self.data(PIXELS, fields["address"], fields["beats"], words)
        elif name == "LOAD":
            written = residual
            self.data(ROWS, fields["address"], fields["beats"], rows * fields["words"])
        elif name == "STORE":
            read = residual
            self.store(STORE_RESIDUAL, fields["address"], fields["beats"], rows * fields["words"])
        elif name == "NORM":
            read = residual
            written = fields["domain"] if fields["codes"] else None
            outputs = fields["codes"] + (fields["wide"] != 0)
            if not fields["raw"]:
                words = outputs * fields["words"]
                self.data(AFFINE, fields["parameters"], fields["parameter_beats"], words)
            if fields["wide"] == WIDE_MEMORY:
                words = rows * fields["words"]
                self.store(STORE_WIDE, fields["store"], fields["store_beats"], words)
        elif name == "TABLE":
            self.data(TABLE, fields["address"], 16, 256)
        elif name == "MATMUL":
            read = fields["domain"]
            to = fields["destination"]
            if to == TO_MEMORY:
                words = rows * fields["groups"] * fields["chunks"]
                self.store(STORE_RESULTS, fields["store"], fields["store_beats"], words)
            else:
                domains = {TO_TOKENS: fields["to_domain"], TO_RESIDUAL: residual}
                written = domains.get(to, KEY_VALUE_DOMAIN)
        elif name == "ATTENTION":
            read, second, written = fields["domain"], KEY_VALUE_DOMAIN, fields["to_domain"]
        elif name == "GATE":
            beats = (fields["experts"] + 1) // 2
            self.data(GATE, fields["parameters"], beats, fields["experts"])
            picks = fields["pick_count"]
            self.store(STORE_PICKS, fields["picks"], (picks + 1) // 2, picks)
        elif name == "EXPERTS":
            read, second, written = fields["domain"], fields["hidden_domain"], residual
        hidden = second if name == "EXPERTS" else None
        counts = {
            "after": self._count(self.writes, read),
            "second_after": (self._count(self.writes, second) + (hidden is not None)) % 64,
            "reads": self._count(self.reads, written),
            "second_reads": self._count(self.reads, hidden),
            "writes": self._count(self.writes, written),
            "second_writes": self._count(self.writes, hidden),
            "trails": int(self._trails(fields)),
        }
        words = np.frombuffer(fields.encode(), "<u8")
        for queue in queues:
            self.sent[queue].append({"word": words, **counts})
        order = (counts["reads"], 1, 1, 1, counts["writes"])
        if name == "IMAGE":
            cut = tuple(fields.values[key] for key in list(fields.values)[2:11])
            place = (fields["base"], fields["stride"])
            write = (fields["domain"], order, place, 0, (rows, 1, fields["words"]))
            self.sent["images"].append({"cut": cut, "write": write})
        elif name == "LOAD":
            self.sent["residual_loads"].append(
                {
                    "action": 0,
                    "bank": fields["bank"],
                    "order": order,
                    "first": fields["first"],
                    "stride": fields["words"],
                    "offset": 0,
                    "rows": (rows, 1, fields["words"]),
                }
            )
        for domain in {read, second} - {None}:
            self.reads[domain] += 1
        for domain in {written, hidden} - {None}:
            self.writes[domain] += 1

    def _trails(self, fields):
        """Whether a GATE may follow the MATMUL in front block by block."""
        small = False
        if fields.name in ("MATMUL", "GATE"):
            small = fields["groups"] * fields["beats"] <= self.design.weight_tiles // 2
        if fields.name == "NORM" and fields["wide"] == WIDE_GATE:
            elsewhere = not fields["codes"] or fields["domain"] != self.added
            self.followed = self.added is not None and fields["first"] == 0 and elsewhere
        adds = fields.name == "MATMUL" and fields["destination"] == TO_RESIDUAL
        self.added = fields["domain"] if adds and fields["first"] == 0 and small else None
        return fields.name == "GATE" and self.followed and small

    def end(self, code, position):
        self.sent["ending"].append({"code": code, "position": position})

    @staticmethod
    def _count(counters, domain):
        return 0 if domain is None else counters[domain] % 64


def run(ladder, design, contents, model, rtl=False):
    """The ladder for a program in bytes, with all accesses retired."""
    types = kernels.stream_types("dispatch", design)
    inputs = {"program": {"lane": np.frombuffer(b"".join(contents), "<u4").reshape(-1, 4)}}
    inputs |= {name: np.ones(count, np.uint8) for name, count in model.accesses.items()}
    expected = {}
    for name, items in model.sent.items():
        expected[name] = np.zeros(len(items), types[name].dtype)
        for item, values in zip(expected[name], items, strict=True):
            for field, value in values.items():
                item[field] = value
    assert set(inputs) == {"program", *RETIRED}
    return ladder("dispatch", design, inputs, expected, rtl)


def program(design, seed, length):
    instructions = RandomProgram(design, seed).instructions(length)
    return instructions, [instruction.encode() for instruction in instructions]


def all_of(model, instructions):
    for instruction in instructions:
        if instruction.name not in ("BEGIN", "END"):
            model.step(instruction)


def test_programs_one_after_another(nano, ladder):
    """Counts go on from program to program, and wrap around."""
    model, contents, names = Model(nano), [], set()
    for seed in range(20):
        instructions, encoded = program(nano, seed, 40)
        all_of(model, instructions)
        model.end(0, len(instructions) - 1)
        contents += encoded
        names |= {instruction.name for instruction in instructions}
    assert len(names) == 11
    assert max(model.writes) > 64
    run(ladder, nano, contents, model)


def test_hardware(nano, ladder):
    model = Model(nano)
    instructions, contents = program(nano, 3, 30)
    all_of(model, instructions)
    model.end(0, len(instructions) - 1)
    run(ladder, nano, contents, model, rtl=True)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (bytes(32), 1),
        (Instruction("STORE", rows=1, words=0, beats=1).encode(), 2),
        (Instruction("BEGIN", design=1, version=1).encode(), 4),
        (Instruction("GATE").encode(), 2),
    ],
    ids=["unknown", "no words", "second BEGIN", "all zero"],
)
def test_nothing_behind_an_error(nano, ladder, wrong, code):
    model = Model(nano)
    instructions, contents = program(nano, 1, 5)
    place = len(instructions) - 2
    all_of(model, instructions[:place])
    model.end(code, place)
    run(
        ladder, nano, [*contents[:place], wrong, *contents[place:], *contents], model, rtl=code == 2
    )


def test_other_hardware_and_no_beginning(nano, ladder):
    for first, code in (
        (Instruction("BEGIN", design=nano.design_id ^ 1, version=1), 3),
        (Instruction("BEGIN", design=nano.design_id, version=2), 3),
        (Instruction("END"), 4),
    ):
        model = Model(nano)
        model.end(code, 0)
        _, contents = program(nano, 1, 3)
        run(ladder, nano, [first.encode(), *contents], model)


def test_pairs(nano, ladder):
    """A gate's rows must not wait, and no choice is left alone."""
    pairs = RandomProgram(nano, 11)
    norm = next(
        made for made in iter(pairs.norm, None) if made["wide"] == WIDE_GATE and not made["codes"]
    )
    gate, matmul = pairs.gate(norm), pairs.matmul()
    experts, end = pairs.experts(gate), Instruction("END")
    begin = Instruction("BEGIN", design=nano.design_id, version=1)
    for bad in (
        [norm, matmul],
        [norm, end],
        [gate],
        [norm, norm],
        [norm, gate, end],
        [norm, gate, norm],
        [experts],
        [norm, gate, experts, experts],
    ):
        model = Model(nano)
        all_of(model, bad[:-1])
        model.end(4, len(bad))
        run(ladder, nano, [made.encode() for made in [begin, *bad]], model)
    model = Model(nano)
    all_of(model, [norm, gate, matmul, experts])
    model.end(0, 5)
    whole = [begin, norm, gate, matmul, experts, end]
    run(ladder, nano, [made.encode() for made in whole], model)


def test_no_more_than_31_under_way(nano, target):
    """Reads that never retire hold the program back."""
    store = Instruction("STORE", rows=1, words=1, beats=1)
    begin = Instruction("BEGIN", design=nano.design_id, version=1)
    contents = b"".join(made.encode() for made in [begin, *[store] * 40, Instruction("END")])
    types = kernels.stream_types("dispatch", nano)
    for retired in (0, 3):
        inputs = {name: np.zeros(0, types[name].dtype) for name in RETIRED}
        inputs["program"] = np.frombuffer(contents, types["program"].dtype)
        inputs["row_reads_retired"] = np.ones(retired, types["row_reads_retired"].dtype)
        inputs["stores_retired"] = np.ones(30 + retired, types["stores_retired"].dtype)
        found = run_bench(target("dispatch", nano), inputs, engine="native", patience=500)
        assert found.outputs["rows"].size == 30 + retired
        assert found.outputs["ending"].size == 0


def test_large_design(zcu104, ladder):
    model = Model(zcu104)
    instructions, contents = program(zcu104, 7, 60)
    all_of(model, instructions)
    model.end(0, len(instructions) - 1)
    run(ladder, zcu104, contents, model)


def test_an_iteration_per_cycle(zcu104):
    intervals = {m.name: m.interval for m in compile_kernel("dispatch", zcu104).report.modules}
    assert intervals["CheckProgram"] == intervals["Issue"] == 1
