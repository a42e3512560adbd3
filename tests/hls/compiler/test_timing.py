from m3vit.hls.compiler import timing
from m3vit.hls.compiler.builder import GraphBuilder
from m3vit.hls.compiler.timing import CLOCK_TO_OUTPUT, LUT, LogicCones


def inputs(builder, count, width=1):
    return [builder.argument(f"x{width}_{i}", width) for i in range(count)]


def levels(builder, node):
    """LUT levels of a cone of 1-bit logic over arguments."""
    cones, times = LogicCones(), {}

    def visit(x):
        if x in times or not x.operands:
            return times.setdefault(x, CLOCK_TO_OUTPUT)
        for operand in x.operands:
            visit(operand)
        if timing.is_wiring(x):
            times[x] = times[x.operands[0]]
        else:
            times[x] = cones.arrival(x, 0, lambda leaf: times[leaf])
        return times[x]

    return round((visit(node) - CLOCK_TO_OUTPUT) / LUT)


def test_six_inputs_are_one_lut_seven_are_two():
    builder = GraphBuilder()
    x = inputs(builder, 8)
    assert levels(builder, builder.all_of(*x[:6])) == 1
    assert levels(builder, builder.all_of(*x[:7])) == 2
    mixed = builder.any_of(x[0], builder.invert(builder.all_of(x[1], x[2])), x[3])
    assert levels(builder, mixed) == 1


def test_a_shared_input_counts_once():
    builder = GraphBuilder()
    x = inputs(builder, 6)
    first = builder.any_of(x[0], x[1], x[2])
    second = builder.pure("xor", 1, builder.pure("xor", 1, x[0], x[3]), x[4])
    assert levels(builder, builder.pure("xor", 1, first, builder.all_of(second, x[5]))) == 1


def test_nested_wide_selects_share_a_lut_per_bit():
    builder = GraphBuilder()
    conditions, words = inputs(builder, 2), inputs(builder, 3, 8)
    inner = builder.select(conditions[0], words[0], words[1])
    assert levels(builder, builder.select(conditions[1], inner, words[2])) == 1


def product(width_a, width_b, implementation=""):
    builder = GraphBuilder()
    a, b = builder.argument("a", width_a), builder.argument("b", width_b)
    wide = [builder.resize(node, 80, True) for node in (a, b)]
    return builder.pure("mul", 80, *wide, implementation=implementation)


def test_products_take_dsp_blocks_by_their_signed_widths():
    assert [timing.dsp_blocks(product(27, 18)), timing.multiplier_latency(product(27, 18))] == [
        1,
        2,
    ]
    assert [timing.dsp_blocks(product(18, 28)), timing.multiplier_latency(product(18, 28))] == [
        2,
        3,
    ]
    assert timing.dsp_blocks(product(35, 35)) == 4
    assert timing.multiplier_latency(product(20, 3)) == 0
    assert timing.dsp_blocks(product(8, 8, "fabric")) == 0
    assert timing.multiplier_latency(product(8, 2, "dsp")) == 2


def test_constant_factors_with_few_digits_are_adders():
    builder = GraphBuilder()
    x = builder.argument("x", 16)
    sparse = builder.pure("mul", 40, builder.resize(x, 40, True), builder.constant(262145 * 4, 40))
    dense = builder.pure("mul", 40, builder.resize(x, 40, True), builder.constant(0x5555, 40))
    assert sparse.operation != "mul" or timing.multiplier_latency(sparse) == 0
    assert timing.multiplier_latency(dense) == 2


def test_wider_arithmetic_is_slower():
    builder = GraphBuilder()
    sums = []
    for width in (8, 64):
        a, b = inputs(builder, 2, width)
        sums.append(timing.arithmetic_delay(builder.pure("add", width, a, b)))
    assert sums[0] < sums[1] < 2.0
