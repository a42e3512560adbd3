import pytest

from m3vit.hls.compiler.builder import GraphBuilder
from m3vit.hls.compiler.predicates import ATOMS, exclusive, implies


@pytest.fixture
def builder():
    return GraphBuilder()


def conditions(builder, count):
    return [builder.argument(f"c{i}", 1) for i in range(count)]


def test_a_condition_excludes_its_inverse_and_what_implies_that(builder):
    a, b, c = conditions(builder, 3)
    assert exclusive(a, builder.invert(a))
    assert exclusive(builder.all_of(a, b), builder.all_of(c, builder.invert(a)))
    assert exclusive(builder.any_of(a, b), builder.all_of(builder.invert(a), builder.invert(b), c))
    assert not exclusive(a, b)
    assert not exclusive(builder.any_of(a, b), builder.invert(a))
    assert not exclusive(a, a)


def test_a_condition_implies_itself_and_parts_of_it(builder):
    a, b, c = conditions(builder, 3)
    assert implies(a, a)
    assert implies(builder.all_of(a, b), a)
    assert implies(builder.any_of(builder.all_of(a, b), builder.all_of(a, c)), a)
    assert implies(builder.constant(0, 1), a)
    assert not implies(a, builder.all_of(a, b))
    assert not implies(builder.any_of(a, b), a)


def test_the_state_of_a_stream_is_one_wherever_it_is_asked_for(builder):
    a, b, _ = conditions(builder, 3)
    asked = [builder.effect("not_full", 1, port="out") for _ in range(3)]
    other = builder.effect("not_full", 1, port="other")
    both = builder.any_of(builder.all_of(a, asked[0]), builder.all_of(b, asked[1]))
    assert implies(both, asked[2])
    assert not implies(both, other)
    assert not implies(both, builder.effect("not_empty", 1, port="out"))


def test_one_value_equals_one_constant(builder):
    value = builder.argument("value", 8)
    other = builder.argument("other", 8)
    three, four = builder.equals(value, 3), builder.equals(value, 4)
    assert exclusive(three, four)
    assert exclusive(three, builder.pure("ne", 1, value, builder.constant(3, 8)))
    assert not exclusive(three, builder.equals(other, 4))
    assert not exclusive(three, builder.pure("ne", 1, value, builder.constant(4, 8)))


def test_selects_and_exclusive_or_are_looked_into(builder):
    a, b, c = conditions(builder, 3)
    chosen = builder.select(a, b, c)
    assert exclusive(builder.all_of(chosen, a), builder.invert(b))
    differ = builder.pure("xor", 1, a, b)
    assert exclusive(differ, builder.all_of(a, b))


def test_never_wrong_about_more_conditions_than_a_table_holds(builder):
    many = conditions(builder, ATOMS + 8)
    everything = builder.all_of(*many)
    assert not exclusive(everything, builder.any_of(*many))
    assert exclusive(everything, builder.invert(everything))
