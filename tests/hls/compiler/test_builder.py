"""Folding changes no value: random expressions, built and evaluated, against plain evaluation."""

import random

import pytest

from m3vit.hls.compiler.builder import GraphBuilder
from m3vit.hls.compiler.graph import Node
from m3vit.hls.compiler.semantics import COMPARISONS, evaluate, mask, signed

BINARY = ["add", "sub", "mul", "and", "or", "xor", "smax", "smin", "umax", "umin"]
DIVISIONS = ["udiv", "sdiv", "urem", "srem"]
SHIFTS = ["shl", "lshr", "ashr"]
WIDTHS = [1, 2, 3, 5, 8, 13, 16]


def values_of(builder, arguments):
    """Values of all nodes, by index, for these arguments."""
    values = {}
    for node in builder.nodes:
        if node.operation == "constant":
            values[node.index] = node.value
        elif node.operation == "argument":
            values[node.index] = arguments[node.name]
        else:
            operands = [values[operand.index] for operand in node.operands]
            widths = [operand.width for operand in node.operands]
            values[node.index] = evaluate(node.operation, node.width, operands, widths, node.start)
    return values


class Expressions:
    """Random expressions: each a node and its values for some arguments, computed without it."""

    def __init__(self, seed, samples=12):
        self.random = random.Random(seed)
        self.builder = GraphBuilder()
        self.samples = samples
        self.made = []
        self.arguments = {}
        for index, width in enumerate([1, 1, 4, 8, 8, 16]):
            values = [self.random.choice(self.corners(width)) for _ in range(samples)]
            self.arguments[f"a{index}"] = values
            self.made.append((self.builder.argument(f"a{index}", width), width, values))

    def corners(self, width):
        top = mask(width)
        return [0, 1, top, top >> 1, (top >> 1) + 1, self.random.randint(0, top)]

    def constant(self, width):
        value = self.random.choice([*self.corners(width), 1 << self.random.randrange(width)])
        value &= mask(width)
        return self.builder.constant(value, width), width, [value] * self.samples

    def pick(self, width):
        """An expression of this width: an old one, resized or not, or a constant."""
        if self.random.random() < 0.25:
            return self.constant(width)
        expression = self.random.choice(self.made[-12:] + self.made[:6])
        if expression[1] == width:
            return expression
        if expression[1] > width:
            start = self.random.choice([0, self.random.randint(0, expression[1] - width)])
            return self.apply("slice" if start else "trunc", width, [expression], start)
        return self.apply(self.random.choice(["zext", "sext"]), width, [expression])

    def apply(self, operation, width, operands, start=0):
        nodes = [node for node, _, _ in operands]
        node = self.builder.pure(operation, width, *nodes, start=start)
        widths = [bits for _, bits, _ in operands]
        rows = zip(*(values for _, _, values in operands), strict=True)
        values = [evaluate(operation, width, row, widths, start) for row in rows]
        return node, width, values

    def grow(self):
        width = self.random.choice(WIDTHS)
        kind = self.random.random()
        if kind < 0.4:
            operation = self.random.choice(BINARY)
            made = self.apply(operation, width, [self.pick(width), self.pick(width)])
        elif kind < 0.5:
            value = self.random.randint(0, width - 1) if width > 1 else 0
            amount = self.builder.constant(value, width), width, [value] * self.samples
            made = self.apply(self.random.choice(SHIFTS), width, [self.pick(width), amount])
        elif kind < 0.55:
            divisor = self.constant(width)
            if divisor[2][0] == 0 or width == 1:
                return
            made = self.apply(self.random.choice(DIVISIONS), width, [self.pick(width), divisor])
        elif kind < 0.7:
            operands = [self.pick(width), self.pick(width)]
            made = self.apply(self.random.choice(sorted(COMPARISONS)), 1, operands)
        elif kind < 0.85:
            operands = [self.pick(1), self.pick(width), self.pick(width)]
            made = self.apply("select", width, operands)
        elif kind < 0.9:
            made = self.apply("not", width, [self.pick(width)])
        else:
            parts = [self.pick(self.random.choice(WIDTHS)) for _ in range(3)]
            made = self.apply("concat", sum(bits for _, bits, _ in parts), parts)
            if made[1] > 16:
                made = self.apply("slice", 16, [made], made[1] - 16)
        self.made.append(made)

    def values(self, sample):
        """Values of all nodes of the builder for one row of the arguments."""
        row = {name: values[sample] for name, values in self.arguments.items()}
        return values_of(self.builder, row)


@pytest.mark.parametrize("seed", range(60))
def test_folded_expressions_keep_their_values_and_stay_within_their_ranges(seed):
    expressions = Expressions(seed)
    for _ in range(60):
        expressions.grow()
    for sample in range(expressions.samples):
        values = expressions.values(sample)
        for node, width, expected in expressions.made:
            assert node.width == width
            assert values[node.index] == expected[sample]
        for node in expressions.builder.nodes:
            number = values[node.index]
            if node.width > 1:
                number = signed(number, node.width)
            assert node.low <= number <= node.high, (node.operation, node.width)
            possible = expressions.builder.wires.possible(node)
            assert values[node.index] & ~possible == 0, (node.operation, node.width)


def test_equal_operations_are_one_node_whatever_the_order_of_commutative_operands():
    b = GraphBuilder()
    x, y = b.argument("x", 8), b.argument("y", 8)
    assert b.pure("add", 8, x, y) is b.pure("add", 8, y, x)
    assert b.pure("sub", 8, x, y) is not b.pure("sub", 8, y, x)
    assert b.argument("x", 8) is x


def test_a_field_packed_into_a_word_and_taken_out_again_is_the_field():
    b = GraphBuilder()
    fields = [b.argument(f"f{index}", 5 + index) for index in range(6)]
    word = b.constant(0, 64)
    position = 0
    for field in fields:
        shifted = b.pure("shl", 64, b.resize(field, 64, False), b.constant(position, 64))
        word = b.pure("or", 64, word, shifted)
        position += field.width
    position = 0
    for field in fields:
        shifted = b.pure("lshr", 64, word, b.constant(position, 64))
        assert b.resize(shifted, field.width, False) is field
        position += field.width
    flat = b.wires.flat(word)
    assert flat.operation == "zext" and flat.operands[0].operands == fields[::-1]


def test_signed_fields_of_a_word_are_told_apart():
    b = GraphBuilder()
    fields = [b.argument(f"f{index}", 18) for index in range(4)]
    word = b.constant(0, 128)
    for index, field in enumerate(fields):
        wide = b.resize(b.resize(field, 32, True), 128, False)
        shifted = b.pure("shl", 128, wide, b.constant(32 * index, 128))
        word = b.pure("or", 128, word, shifted)
    assert b.wires.flat(word).operation == "sext"
    for index, field in enumerate(fields):
        assert b.wires.slice(word, 32 * index, 18) is field


def test_a_choice_between_shifted_words_chooses_their_fields():
    b = GraphBuilder()
    missing, lane = b.argument("missing", 1), b.argument("lane", 9)
    wide = b.pure("shl", 64, b.resize(lane, 64, True), b.constant(40, 64))
    chosen = b.select(missing, b.constant(0, 64), wide)
    assert chosen.operation == "sext" and chosen.operands[0].operation == "concat"
    field = b.wires.slice(chosen, 40, 9)
    assert field.operation == "select" and field.operands[2] is lane


def test_neighbouring_slices_join_and_masks_of_few_fields_are_wires():
    b = GraphBuilder()
    x = b.argument("x", 16)
    high, low = (b.pure("slice", 8, x, start=start) for start in (8, 0))
    assert b.pure("concat", 16, high, low) is x
    masked = b.pure("and", 16, x, b.constant(0x0FF0, 16))
    assert masked.operation == "zext" and masked.operands[0].operation == "concat"
    kept = b.pure("and", 16, x, b.constant(0x5555, 16))
    assert kept.operation == "and"


def test_an_extension_that_a_range_makes_superfluous_goes_away():
    b = GraphBuilder()
    x = b.argument("x", 4)
    wide = b.resize(x, 16, True)
    total = b.pure("add", 16, wide, wide)
    cut = b.pure("trunc", 6, total)
    assert b.resize(cut, 16, True) is total


@pytest.mark.parametrize(("value", "expected"), [(5, "add"), (7, "sub"), (11, "mul")])
def test_multiplications_by_sparse_constants_are_additions(value, expected):
    b = GraphBuilder()
    x = b.argument("x", 16)
    assert b.pure("mul", 16, x, b.constant(value, 16)).operation == expected
    kept = b.pure("mul", 16, x, b.constant(value, 16), implementation="dsp")
    assert kept.operation == "mul" and kept.implementation == "dsp"


def test_predicates_of_a_diamond_join_to_the_predicate_of_its_head():
    b = GraphBuilder()
    head, condition = b.argument("p", 1), b.argument("c", 1)
    sides = b.all_of(head, condition), b.all_of(head, b.invert(condition))
    assert b.any_of(*sides) is head
    assert b.all_of(*sides).value == 0


def test_an_undefined_value_is_not_chosen():
    b = GraphBuilder()
    x, condition = b.argument("x", 8), b.argument("c", 1)
    assert b.select(condition, x, b.undefined(8)) is x
    assert b.select(condition, b.undefined(8), x) is x
    assert b.select(condition, b.constant(0, 8), x).operation == "select"


def test_a_region_holds_what_is_live_with_operands_before_users():
    b = GraphBuilder()
    one = b.constant(1, 1)
    count = b.phi(b.constant(0, 8), "count")
    b.pure("mul", 8, count, count, name="unused")
    data = b.read("numbers", 8, one)
    total = b.pure("add", 8, data, count, name="total")
    b.set_next(count, b.pure("add", 8, count, b.constant(1, 8)))
    b.write("sums", one, total)
    region = b.region("loop", pipelined=True, proceed=one)
    assert "unused" not in [node.name for node in region.nodes]
    assert [node.operation for node in region.effects] == ["read", "write"]
    assert region.phis == [count]
    positions = {id(node): index for index, node in enumerate(region.nodes)}
    for user, operand in region.uses():
        if user.operation != "phi":
            assert positions[id(operand)] < positions[id(user)]
    assert [node.index for node in region.nodes] == list(range(len(region.nodes)))


def test_a_combinational_cycle_is_loud():
    b = GraphBuilder()
    first = b.read("s", 1, b.constant(1, 1))
    again: Node = b.pure("not", 1, first)
    first.operands = [again]
    with pytest.raises(AssertionError, match="depends on itself"):
        b.region("loop")


def test_constant_fields_are_not_compared():
    b = GraphBuilder()
    x = b.argument("x", 4)
    word = b.pure("concat", 10, x, b.constant(0b101101, 6))
    equal = b.equals(word, 0b0011_101101)
    assert equal.operation == "eq" and equal.operands[0] is x and equal.operands[1].value == 3
    assert b.equals(word, 0b0011_101100).value == 0


@pytest.mark.parametrize("operation", ["ult", "ugt", "ule", "uge"])
def test_a_field_is_computed_where_it_lies_without_what_is_below(operation):
    """For every field and bound: (field << 3) + (c << 3) against a bound, in five bits of logic."""
    addends, bounds = (0b11000, 0b1000, 0b11111000), (0, 1, 7, 8, 24, 30, 200, 248, 249, 255)
    for addend in addends:
        for bound in bounds:
            b = GraphBuilder()
            field = b.argument("field", 5)
            word = b.wires.concat([field, b.constant(0, 3)])
            total = b.pure("add", 8, word, b.constant(addend, 8))
            compared = b.pure(operation, 1, total, b.constant(bound, 8))
            adders = [node for node in b.nodes if node.operation in ("add", operation)]
            assert all(node.width <= 5 for node in adders)
            for value in range(32):
                values = values_of(b, {"field": value})
                expected = evaluate(operation, 1, [(value * 8 + addend) & 255, bound], [8, 8], 0)
                assert values[compared.index] == expected, (value, addend, bound)


@pytest.mark.parametrize(
    ("low", "high", "bits"),
    [(-1, -1, 1), (-1, 0, 1), (-2, -2, 2), (-2, 1, 2), (-5, -3, 4), (-8, 8, 5), (0, 0, 1)],
)
def test_a_value_has_the_bits_that_tell_it(low, high, bits):
    """One that is always negative needs no place for a sign beside its own."""
    node = GraphBuilder().argument("x", 8)
    node.low, node.high = low, high
    assert node.bits == bits
