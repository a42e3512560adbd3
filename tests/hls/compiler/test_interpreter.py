"""The interpreter: iterations happen whole or not at all, and state lives on."""

import pytest

from m3vit.hls.compiler.builder import GraphBuilder
from m3vit.hls.compiler.graph import Process, Storage, Transition
from m3vit.hls.compiler.interpreter import Interpreter
from m3vit.hls.compiler.ir import Field, Memory, Payload, StreamPort

WORD = Payload("ap_uint<8>", 8, 8, (Field("", 0, 8, 8, False, 0),))
MEMORY = Memory("m", (4,), WORD)


def make_process(region, inputs, outputs, storages=(), free_running=True):
    ports = {name: StreamPort(name, WORD) for name in (*inputs, *outputs)}
    return Process(
        "p",
        ports,
        list(inputs),
        list(outputs),
        {},
        {},
        {storage.name: storage for storage in storages},
        {region.name: region},
        region.name,
        free_running,
    )


def test_an_iteration_that_finds_no_data_leaves_no_trace():
    b = GraphBuilder()
    one = b.constant(1, 1)
    first = b.read("a", 8, one)
    b.write("y", one, first)
    second = b.read("b", 8, one)
    b.write("z", one, second)
    machine = Interpreter(make_process(b.region("r", pipelined=True, proceed=one), "ab", "yz"))
    assert machine.run({"a": [1, 2, 3], "b": [4, 5]}) == {"y": [1, 2], "z": [4, 5]}
    assert machine.left == {"a": 1, "b": 0}


def test_a_load_sees_the_stores_before_it():
    b = GraphBuilder()
    one = b.constant(1, 1)
    storage = Storage(MEMORY, "m", 8, 4, 1, "bram", None, 1)
    word = b.read("a", 8, one)
    address = b.pure("trunc", 2, word)
    before = b.load(storage, 0, one, address)
    b.store(storage, 0, one, address, word)
    after = b.load(storage, 0, one, address)
    b.write("y", one, before)
    b.write("z", one, after)
    region = b.region("r", pipelined=True, proceed=one)
    machine = Interpreter(make_process(region, "a", "yz", [storage]))
    assert machine.run({"a": [4, 8, 5]}) == {"y": [0, 4, 0], "z": [4, 8, 5]}
    assert machine.run({"a": [9]}) == {"y": [5], "z": [9]}


def test_a_loop_in_which_nothing_changes_any_more_ends():
    b = GraphBuilder()
    there = b.effect("not_empty", 1, port="a")
    word = b.read("a", 8, there)
    b.write("y", there, word)
    region = b.region("r", pipelined=True, proceed=b.constant(1, 1))
    machine = Interpreter(make_process(region, "a", "y"))
    assert machine.run({"a": [3, 1]}) == {"y": [3, 1]}


def test_a_started_process_that_lacks_input_is_an_error():
    b = GraphBuilder()
    one = b.constant(1, 1)
    b.write("y", one, b.read("a", 8, one))
    region = b.region("r", transitions=[Transition(one, None)])
    machine = Interpreter(make_process(region, "a", "y", free_running=False))
    assert machine.run({"a": [7]}) == {"y": [7]}
    with pytest.raises(RuntimeError, match="stream a is empty"):
        machine.run({"a": []})


def test_exits_that_do_not_exclude_each_other_are_an_error():
    b = GraphBuilder()
    one = b.constant(1, 1)
    region = b.region("r", transitions=[Transition(one, None), Transition(one, "r")])
    machine = Interpreter(make_process(region, "", "", free_running=False))
    with pytest.raises(RuntimeError, match="2 exits"):
        machine.run({})
