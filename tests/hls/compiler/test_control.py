"""Dominators, loops and the paths through a region, on small graphs with known answers."""

import itertools
import random

import pytest

from m3vit.hls.compiler.builder import GraphBuilder
from m3vit.hls.compiler.control import analyse, immediate_dominators, reverse_postorder
from m3vit.hls.compiler.diagnostics import HlsError
from m3vit.hls.compiler.ir import (
    Block,
    Constant,
    Function,
    Instruction,
    IntType,
    Local,
    Location,
    VoidType,
)
from m3vit.hls.compiler.paths import Paths
from m3vit.hls.compiler.semantics import evaluate

CONDITION = Local("c", IntType(1))


def make_function(edges, pipelines=(), kind="process"):
    """Blocks {name: successors}; a block without successors returns, "dead" is unreachable."""
    blocks = []
    for line, (name, targets) in enumerate(edges.items()):
        place = Location("f.cpp", line)
        instructions = []
        if name in pipelines:
            interval = (Constant(pipelines[name], IntType(32)),)
            marker = Instruction("call", None, VoidType(), interval, callee="pipeline")
            marker.location = place
            instructions.append(marker)
        opcode = "br" if targets else "unreachable" if name == "dead" else "ret"
        operands = (CONDITION,) if len(targets) > 1 else ()
        end = Instruction(opcode, None, VoidType(), operands, tuple(targets), location=place)
        blocks.append(Block(name, [*instructions, end]))
    return Function("f", kind, [], blocks)


def random_acyclic(seed, count=9):
    """Edges of a random region: every block is reachable, edges go down."""
    generator = random.Random(seed)
    names = [f"b{index}" for index in range(count)]
    edges = {name: [] for name in names}
    for index, name in enumerate(names[1:], start=1):
        free = [other for other in names[:index] if len(edges[other]) < 2]
        edges[generator.choice(free)].append(name)
    for index, name in enumerate(names[:-1]):
        if len(edges[name]) < 2 and generator.random() < 0.7:
            target = generator.choice(names[index + 1 :])
            if target not in edges[name]:
                edges[name].append(target)
    return edges


def sources_of(edges):
    sources = {name: [] for name in edges}
    for name, targets in edges.items():
        for target in targets:
            sources[target].append(name)
    return sources


def reached(edges, start, without=None):
    seen = {start} - {without}
    todo = list(seen)
    while todo:
        for target in edges[todo.pop()]:
            if target != without and target not in seen:
                seen.add(target)
                todo.append(target)
    return seen


@pytest.mark.parametrize("seed", range(20))
def test_a_dominator_is_on_every_way_from_the_entry(seed):
    edges = random_acyclic(seed)
    order = reverse_postorder("b0", edges)
    dominators = immediate_dominators(order, sources_of(edges))
    for name in order[1:]:
        found = set()
        other = name
        while other != "b0":
            other = dominators[other]
            found.add(other)
        expected = {
            other for other in order if other != name and name not in reached(edges, "b0", other)
        }
        assert found == expected


@pytest.mark.parametrize("seed", range(30))
def test_path_conditions_hold_exactly_on_the_way_that_is_taken(seed):
    edges = random_acyclic(seed)
    order = reverse_postorder("b0", edges)
    b = GraphBuilder()
    paths = Paths(b, order, edges)
    conditions, arrivals = {}, {}
    sources = sources_of(edges)
    for name in order:
        conditions[name] = paths.enter(name)
        for source in sources[name]:
            arrivals[source, name] = paths.arriving(source, name)
        if len(edges[name]) == 2:
            choice = b.argument(f"c_{name}", 1)
            paths.leave(name, edges[name][0], choice)
            paths.leave(name, edges[name][1], b.invert(choice))
        elif edges[name]:
            paths.leave(name, edges[name][0], b.constant(1, 1))
    choosers = [name for name in order if len(edges[name]) == 2]
    for choices in itertools.product((0, 1), repeat=len(choosers)):
        taken = dict(zip(choosers, choices, strict=True))
        way = ["b0"]
        while edges[way[-1]]:
            last = way[-1]
            way.append(edges[last][1 - taken[last]] if last in taken else edges[last][0])
        values = {}
        for node in b.nodes:
            if node.operation == "constant":
                values[node.index] = node.value
            elif node.operation == "argument":
                values[node.index] = taken[node.name[2:]]
            else:
                operands = [values[operand.index] for operand in node.operands]
                values[node.index] = evaluate(node.operation, 1, operands, [1] * len(operands))
        for name in order:
            assert values[conditions[name].index] == (name in way)
        for source, target in itertools.pairwise(way):
            for other in sources[target]:
                expected = other == source
                assert values[arrivals[other, target].index] == expected


def test_a_block_that_always_follows_shares_the_condition_of_its_dominator():
    edges = {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}
    b = GraphBuilder()
    paths = Paths(b, ["a", "b", "c", "d"], edges)
    paths.enter("a")
    choice = b.argument("c", 1)
    paths.leave("a", "b", choice)
    paths.leave("a", "c", b.invert(choice))
    for name in "bc":
        paths.enter(name)
        paths.leave(name, "d", b.constant(1, 1))
    assert paths.enter("d") is b.constant(1, 1)


def test_loops_know_their_blocks_their_parents_and_their_interval():
    edges = {
        "entry": ["outer"],
        "outer": ["inner"],
        "inner": ["inner", "latch"],
        "latch": ["outer", "exit"],
        "exit": [],
    }
    flow = analyse(make_function(edges, {"inner": 3}))
    outer, inner = flow.loops["outer"], flow.loops["inner"]
    assert outer.blocks == ["outer", "inner", "latch"] and inner.blocks == ["inner"]
    assert inner.parent is outer and outer.inner == [inner] and outer.parent is None
    assert (outer.interval, inner.interval) == (None, 3)


def test_an_interval_left_out_is_one():
    flow = analyse(make_function({"entry": ["loop"], "loop": ["loop"]}, {"loop": 0}))
    assert flow.loops["loop"].interval == 1


def test_a_branch_to_unreachable_code_is_no_branch():
    edges = {"entry": ["a", "b"], "a": [], "b": ["dead"], "dead": []}
    flow = analyse(make_function(edges))
    assert flow.successors == {"entry": ["a"], "a": []}


def test_a_loop_with_two_entries_is_refused():
    edges = {"entry": ["a", "b"], "a": ["b"], "b": ["a"]}
    with pytest.raises(HlsError, match="irreducible-loop"):
        analyse(make_function(edges))


def test_a_loop_in_a_module_function_is_refused():
    function = make_function({"entry": ["a"], "a": ["a", "b"], "b": []}, {"a": 1}, "module")
    with pytest.raises(HlsError, match=r"f\.cpp:1: .*loop-in-module"):
        analyse(function)
