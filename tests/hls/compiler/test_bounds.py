"""Bounds of counters and registers; soundness is proven by running what they bound."""

import random

import pytest

from m3vit.hls.compiler.bounds import Bounds
from m3vit.hls.compiler.builder import GraphBuilder
from m3vit.hls.compiler.draft import Draft
from m3vit.hls.compiler.graph import Register
from m3vit.hls.compiler.semantics import evaluate, signed


def bounded(builder, proceed=None, exports=None, registers=()):
    draft = Draft("loop", True, 1, builder, proceed or builder.constant(1, 1))
    draft.exports = exports or {}
    draft.outputs = list(builder.phis)
    bounds = Bounds([draft], {register.name: register for register in registers})
    bounds.run()
    return bounds


def counter(b, width=32, start=0, step=1, name="i"):
    phi = b.phi(b.constant(start, width), name)
    return phi, b.pure("add", width, phi, b.constant(step, width))


@pytest.mark.parametrize("last", [1, 9, 63, 1000])
def test_a_counter_that_starts_again_stays_below_its_end(last):
    b = GraphBuilder()
    phi, after = counter(b)
    wrap = b.pure("eq", 1, phi, b.constant(last, 32))
    b.set_next(phi, b.select(wrap, b.constant(0, 32), after))
    bounded(b)
    assert (phi.low, phi.high) == (0, last)


@pytest.mark.parametrize(
    ("operation", "limit", "high"), [("ne", 64, 63), ("ult", 64, 63), ("ugt", 0, None)]
)
def test_the_condition_to_go_on_bounds_the_next_value(operation, limit, high):
    b = GraphBuilder()
    phi, after = counter(b)
    proceed = b.pure(operation, 1, after, b.constant(limit, 32))
    b.set_next(phi, after)
    bounded(b, proceed)
    assert phi.low == 0 if high else phi.low < 0
    assert phi.high == (high or (1 << 31) - 1)


def test_a_counter_that_wraps_can_be_anything():
    b = GraphBuilder()
    phi, after = counter(b, 8)
    b.set_next(phi, after)
    bounded(b)
    assert (phi.low, phi.high) == (-128, 127)


def test_a_countdown_is_bounded_from_below():
    b = GraphBuilder()
    phi, after = counter(b, 16, 100, -1)
    done = b.pure("eq", 1, phi, b.constant(0, 16))
    b.set_next(phi, b.select(done, b.constant(100, 16), after))
    bounded(b)
    assert (phi.low, phi.high) == (0, 100)


def test_a_register_is_bounded_by_all_that_is_assigned_to_it():
    b = GraphBuilder()
    register = Register("r", 16, -(1 << 15), (1 << 15) - 1, initial=7)
    old = b.register(register)
    chosen = b.select(b.argument("c", 1), b.constant(-3, 16), old)
    bounds = bounded(b, exports={"r": chosen}, registers=[register])
    assert bounds.registers["r"] == (-3, 7)


@pytest.mark.parametrize("seed", range(25))
def test_no_run_of_a_random_loop_leaves_its_bounds(seed):
    generator = random.Random(seed)
    b = GraphBuilder()
    width = generator.choice([3, 6, 12])
    phis = [b.phi(b.constant(generator.randint(-4, 8), width), f"p{k}") for k in range(3)]
    nodes = [*phis, b.argument("x", width), b.argument("y", width)]
    conditions = [b.argument("c", 1)]
    for _ in range(18):
        kind = generator.randrange(4)
        if kind == 0:
            constant = b.constant(generator.randint(-8, 20), width)
            operation = generator.choice(["add", "mul", "and", "smin", "smax", "xor"])
            nodes.append(b.pure(operation, width, generator.choice(nodes), constant))
        elif kind == 1:
            operation = generator.choice(["eq", "ne", "ult", "uge", "slt", "sgt", "sle"])
            constant = b.constant(generator.randint(-3, 16), width)
            conditions.append(b.pure(operation, 1, generator.choice(nodes), constant))
        elif kind == 2:
            condition = generator.choice(conditions)
            if generator.random() < 0.5:
                condition = b.all_of(condition, generator.choice(conditions))
            nodes.append(b.select(condition, *(generator.choice(nodes) for _ in range(2))))
        else:
            cut = b.pure("trunc", width - 1, generator.choice(nodes))
            nodes.append(b.resize(cut, width, generator.random() < 0.5))
    for phi in phis:
        b.set_next(phi, generator.choice(nodes))
    bounded(b)
    state = {phi.index: phi.operands[0].value for phi in phis}
    for _ in range(200):
        values = dict(state)
        arguments = {"x": generator.getrandbits(width), "y": generator.getrandbits(width)}
        arguments["c"] = generator.getrandbits(1)
        for node in b.nodes:
            if node.operation == "constant":
                values[node.index] = node.value
            elif node.operation == "argument":
                values[node.index] = arguments[node.name]
            elif node.operation != "phi":
                operands = [values[operand.index] for operand in node.operands]
                widths = [operand.width for operand in node.operands]
                values[node.index] = evaluate(
                    node.operation, node.width, operands, widths, node.start
                )
        for phi in phis:
            assert phi.low <= signed(values[phi.index], width) <= phi.high
        state = {phi.index: values[phi.operands[1].index] for phi in phis}
