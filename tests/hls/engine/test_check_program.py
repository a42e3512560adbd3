"""The dispatcher's checks: with the Python side's rules, and with where instructions reach."""

import random

import numpy as np
import pytest

from m3vit.errors import UserError
from m3vit.hls.isa import BY_OPCODE, Instruction
from m3vit.hls.isa_checks import broken_rule
from m3vit.hls.isa_order import ProgramOrder
from m3vit.sim.csim import kernels
from m3vit.sim.rtl import stalls
from m3vit.sim.streams.programs import RandomProgram

WELL, UNKNOWN, FIELD, DESIGN, ORDER = range(5)
END = Instruction("END").encode()


def beats(programs):
    """The stream `program` of instructions in bytes."""
    words = np.frombuffer(b"".join(programs), "<u4").reshape(-1, 4)
    return {"lane": words}


def codes_of(design, contents):
    """What the checks say of a program's instructions up to the first that is wrong."""
    order, codes = ProgramOrder(design), []
    for content in contents:
        codes.append(code_of(design, content, order))
        if codes[-1] != WELL:
            break
    return codes


def code_of(design, content, order):
    """What they say of one more, which takes its place in the order."""
    try:
        instruction = Instruction.decode(content)
    except UserError:
        return UNKNOWN
    if order.broken_frame(instruction):
        return ORDER
    values = instruction.values
    if instruction.name == "BEGIN" and (values["design"], values["version"]) != (
        design.design_id,
        1,
    ):
        return DESIGN
    if broken_rule(instruction, design):
        return FIELD
    if order.broken_pair(instruction):
        return ORDER
    order.step(instruction)
    return WELL


def changed(instruction, choice):
    """One field has another value; at an end of its range, beside what it was, or anywhere."""
    field = choice.choice(instruction.kind.fields)
    low, high = field.range
    old = instruction[field.name]
    value = choice.choice((low, high, old - 1, old + 1, choice.randint(low, high)))
    return Instruction(
        instruction.name, **(instruction.values | {field.name: min(max(value, low), high)})
    )


def some_programs(design, count, seed=0):
    """Programs in bytes: as they should be, with changed fields, shuffled, or of random bits."""
    choice = random.Random(seed)
    for index in range(count):
        program = RandomProgram(design, seed * count + index).instructions(choice.randint(1, 6))
        way = choice.randrange(4)
        if way == 1:
            place = choice.randrange(len(program) - 1)
            program[place] = changed(program[place], choice)
        elif way == 2:
            first, second = choice.randrange(len(program)), choice.randrange(len(program))
            program[first], program[second] = program[second], program[first]
        contents = [instruction.encode() for instruction in program]
        if way == 3:
            bits = choice.getrandbits(252) << 4 | choice.randrange(16)
            contents.insert(choice.randrange(len(contents)), bits.to_bytes(32, "little"))
        yield contents


def check(design, programs):
    """The kernel's codes per program."""
    # END brings the order back to its start, even behind what was refused.
    padded = [[*program, END] for program in programs]
    stream = np.zeros(2 * sum(map(len, padded)), [("lane", "u4", 4)])
    stream["lane"] = beats([content for program in padded for content in program])["lane"]
    found = kernels.run("check_program", design, {"program": stream})["instructions"]
    lengths = np.cumsum([len(program) for program in padded])
    return np.split(found, lengths[:-1])


@pytest.mark.parametrize("name", ["nano", "zcu104"])
def test_codes_are_those_of_the_python_rules(name, request):
    design = request.getfixturevalue(name)
    programs = list(some_programs(design, 4000))
    seen = dict.fromkeys(range(5), 0)
    for program, found in zip(programs, check(design, programs), strict=True):
        codes = codes_of(design, program)
        assert found["code"][: len(codes)].tolist() == codes
        seen[codes[-1]] += 1
    assert min(seen.values()) > 20


# Where instructions reach -------------------------------------------------------------------------


class Reach:
    """Every place that an instruction touches, enumerated; asserts that it exists."""

    def __init__(self, design, instruction):
        self.design, self.fields = design, instruction
        getattr(self, instruction.name.lower(), lambda: None)()

    def token_rows(self, words, prefix=""):
        """`words` of kPanelLanes channels of every row."""
        fields = self.fields
        assert fields[f"{prefix}domain"] < 6
        rows = np.arange(fields["rows"])[:, None]
        places = fields[f"{prefix}base"] + rows * fields[f"{prefix}stride"] + np.arange(words)
        assert places.size
        assert places.max() < self.design.token_words
        assert fields["rows"] <= self.design.max_tokens

    def panel(self, words):
        """Words of panel_lanes behind the last of so many words of lanes."""
        return (words * self.design.lanes + self.design.panel_lanes - 1) // self.design.panel_lanes

    def residual_rows(self, stride, words, first=0):
        fields = self.fields
        rows = np.arange(first, first + fields["rows"])[:, None]
        places = rows * stride + np.arange(words)
        assert places.size
        assert places.max() < self.design.residual_words

    def matrix(self, words, beats, groups):
        """Panel words meet weights that fit into the ring."""
        design = self.design
        inputs = words * design.panel_lanes
        assert (beats - 1) * design.array_inputs < inputs <= beats * design.array_inputs
        assert inputs
        assert beats * design.array_inputs < max(design.max_hidden, design.max_tokens) + (
            design.array_inputs
        )
        assert 0 < groups * beats <= design.weight_tiles

    def memory(self, beats, size):
        assert 16 * (beats - 1) < size <= 16 * beats

    def image(self):
        design, fields = self.design, self.fields
        size, channels = fields["patch_size"], fields["channels"]
        assert fields["strips"] * fields["patches"] == fields["rows"]
        # The last byte of a strip's last patch, and what one cycle reads of a row.
        last = (
            (fields["patches"] - 1) * fields["patch_bytes"]
            + (size - 1) * fields["row_bytes"]
            + size * channels
        )
        assert last <= fields["strip_bytes"] <= design.max_strip_bytes
        banks = {column * channels % design.lanes for column in range(fields["columns"])}
        assert len(banks) == fields["columns"] <= size <= design.max_patch_size
        assert 0 < channels <= design.max_channels
        pixels = fields["strips"] * fields["strip_bytes"]
        self.memory(fields["beats"], -(-pixels // design.lanes) * design.lanes)
        values = size * size * channels
        words = fields["words"]
        assert (words - 1) * design.lanes < values <= words * design.lanes
        self.token_rows(self.panel(fields["words"]))

    def load(self):
        fields = self.fields
        self.residual_rows(fields["words"], fields["words"], fields["first"])
        self.memory(fields["beats"], fields["rows"] * fields["words"] * self.design.lanes * 2)

    store = load

    def norm(self):
        design, fields = self.design, self.fields
        words, rows = fields["words"], fields["rows"]
        self.residual_rows(words, words, fields["first"])
        assert words <= -(-design.max_width // design.lanes)
        outputs = fields["codes"] + (fields["wide"] != 0)
        if not fields["raw"]:
            assert (words - 1) * design.lanes < fields["width"] <= words * design.lanes
            self.memory(fields["parameter_beats"], outputs * words * design.lanes * 8)
        assert outputs
        if fields["codes"]:
            self.token_rows(self.panel(words))
        if fields["wide"] == 2:
            self.memory(fields["store_beats"], rows * words * design.lanes * 2)

    def matmul(self):
        design, fields = self.design, self.fields
        rows, groups = fields["rows"], fields["groups"]
        self.token_rows(fields["words"])
        self.matrix(fields["words"], fields["beats"], groups)
        assert groups <= design.parameter_words
        row = groups * fields["chunks"]
        if fields["destination"] == 0:
            assert fields["to_domain"] != fields["domain"]
            self.token_rows(self.panel(row), "to_")
        elif fields["destination"] == 1:
            self.residual_rows(fields["to_stride"], row, fields["first"])
        elif fields["destination"] == 4:
            self.memory(fields["store_beats"], rows * row * design.lanes * 2)
        else:
            self.key_values()

    def key_values(self):
        design, fields = self.design, self.fields
        assert fields["chunks"] == 1
        assert fields["step"] < 256
        head, word = np.divmod(np.arange(fields["groups"]), fields["head_words"])
        token = np.arange(fields["first"], fields["first"] + fields["rows"])[:, None]
        assert token.max() < design.max_tokens
        if fields["destination"] == 2:
            within = token // design.array_outputs * fields["step"]
            within = within + word * design.lanes // design.array_inputs
        else:
            within = word * fields["step"] + token // design.array_inputs
        tiles = fields["to_base"] + head * fields["to_stride"] + within
        assert tiles.max() < design.key_value_tiles

    def attention(self):
        design, fields = self.design, self.fields
        keys = fields["keys"]
        self.token_rows(fields["words"])
        self.token_rows(self.panel(fields["to_offset"] + fields["value_groups"]), "to_")
        self.matrix(fields["words"], fields["beats"], 1)
        assert 0 < keys <= design.max_tokens
        assert (fields["key_groups"] - 1) * design.lanes < keys
        assert keys <= fields["key_groups"] * design.lanes
        assert (fields["value_beats"] - 1) * design.array_inputs < keys
        assert keys <= fields["value_beats"] * design.array_inputs
        ends = (
            fields["key_base"] + fields["key_groups"] * fields["beats"],
            fields["value_base"] + fields["value_groups"] * fields["value_beats"],
        )
        assert fields["value_groups"]
        assert max(ends) <= design.key_value_tiles

    def gate(self):
        design, fields = self.design, self.fields
        self.matrix(fields["words"], fields["beats"], fields["groups"])
        assert fields["first"] < fields["last"] <= fields["experts"] <= design.max_experts
        assert (fields["groups"] - 1) * design.lanes < fields["experts"]
        assert fields["experts"] <= fields["groups"] * design.lanes
        assert 0 < fields["kept"] <= design.max_experts_per_token
        assert fields["kept"] <= fields["last"] - fields["first"]
        assert 0 < fields["rows"] * fields["kept"] == fields["pick_count"]
        assert fields["rows"] <= design.max_tokens

    def experts(self):
        design, fields = self.design, self.fields
        self.token_rows(fields["up_words"])
        self.token_rows(fields["down_words"], "hidden_")
        assert fields["hidden_domain"] != fields["domain"]
        assert self.panel(fields["up_groups"]) == fields["down_words"]
        self.matrix(fields["up_words"], fields["up_beats"], fields["up_groups"])
        self.matrix(fields["down_words"], fields["down_beats"], fields["down_groups"])
        assert max(fields["up_groups"], fields["down_groups"]) <= design.parameter_words
        self.residual_rows(fields["residual_words"], fields["down_groups"], fields["to_first"])


@pytest.mark.parametrize("name", ["nano", "zcu104"])
def test_nothing_that_passes_reaches_beyond_a_memory(name, request):
    design = request.getfixturevalue(name)
    choice = random.Random(5)
    instructions = []
    for seed in range(1500):
        for instruction in RandomProgram(design, 10_000 + seed).instructions(3)[1:-1]:
            mutant = changed(instruction, choice)
            instructions += [mutant, changed(mutant, choice)]
    # The pairs of instructions are of no interest here.
    begin = Instruction("BEGIN", design=design.design_id, version=1).encode()
    programs = [[begin, instruction.encode()] for instruction in instructions]
    passed = set()
    for instruction, found in zip(instructions, check(design, programs), strict=True):
        if found["code"][1] in (WELL, ORDER):
            Reach(design, instruction)
            passed.add((instruction.name, int(found["code"][1])))
    assert {name for name, _ in passed} == {
        kind.name for kind in BY_OPCODE.values() if kind.name not in ("BEGIN", "END")
    }


def test_hardware(nano, ladder):
    programs = list(some_programs(nano, 60, seed=1))
    contents = [content for program in programs for content in (*program, END)]
    stream = np.zeros(2 * len(contents), [("lane", "u4", 4)])
    stream["lane"] = beats(contents)["lane"]
    found = kernels.run("check_program", nano, {"program": stream})["instructions"]
    assert set(found["code"]) == set(range(5))
    patterns = (stalls.NONE, stalls.RANDOM[0])
    ladder("check_program", nano, {"program": stream}, {"instructions": found}, rtl=patterns)
