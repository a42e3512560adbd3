"""Small functions in the IR, written by hand, through `build` and the interpreter."""

import re

import pytest

from m3vit.hls.compiler import build, dump
from m3vit.hls.compiler.diagnostics import HlsError
from m3vit.hls.compiler.interpreter import Interpreter
from m3vit.hls.compiler.ir import (
    Block,
    Constant,
    Field,
    Function,
    Global,
    Instruction,
    IntType,
    Local,
    Location,
    Memory,
    Module,
    Output,
    Partition,
    Payload,
    PointerType,
    Scalar,
    StreamPort,
    VoidType,
)
from m3vit.hls.compiler.semantics import mask, signed


def number(width, signed=False):
    """Layout of one ap_int."""
    memory = max(8, 1 << (width - 1).bit_length())
    return Payload(f"ap_uint<{width}>", memory, width, (Field("", 0, memory, width, signed, 0),))


class Reader:
    """A little language: one instruction a line, `name:width = opcode operands`.

    `read s`, `write s v`, `state s offset`, `load m[i]`, `store v m[i]`, `pipeline n`; elements
    of memories are bytes unless `size` says more.
    """

    def __init__(self, streams, scalars=None, memories=None, size=1):
        self.widths = dict(scalars or {})
        self.streams = streams
        self.memories = memories or {}
        self.size = size
        self.line = 0
        self.blocks = []

    def read(self, text):
        for line in filter(None, (line.strip() for line in text.splitlines())):
            found = re.match(r"(\w+):(\d+) =", line)
            if found:
                self.widths[found[1]] = int(found[2])
        for line in filter(None, (line.strip() for line in text.splitlines())):
            self.line += 1
            if line.endswith(":"):
                self.blocks.append(Block(line[:-1], []))
            else:
                self.instruction(line)
        return self.blocks

    def emit(self, *arguments, **keywords):
        location = Location("test.cpp", self.line)
        made = Instruction(*arguments, **keywords, location=location)
        self.blocks[-1].instructions.append(made)

    def operand(self, word, width=None):
        if re.fullmatch(r"-?\d+", word):
            return Constant(int(word) & mask(width), IntType(width))
        return Local(word, IntType(self.widths[word]))

    def address(self, base, terms, element=1):
        result = f"p{self.line}_{len(self.blocks[-1].instructions)}"
        pointer = Global(base[1:]) if base[0] == "@" else Local(base, PointerType())
        operands = (pointer, *terms)
        kind = IntType(8 * element)
        self.emit("getelementptr", result, PointerType(), operands, element=kind)
        return Local(result, PointerType())

    def stream(self, name, offset):
        return self.address(name, [Constant(offset, IntType(64))])

    def element(self, text):
        base, index = re.fullmatch(r"(@?\w+)\[(\S+)\]", text).groups()
        return self.address(base, [self.operand(index, 64)], self.size)

    def instruction(self, line):
        left, _, right = line.rpartition(" = ")
        opcode, *words = right.replace(",", " ").split()
        result, width = (left.split(":")[0], int(left.split(":")[1])) if left else (None, 0)
        kind = IntType(width) if left else VoidType()
        if opcode == "pipeline":
            operands = (Constant(int(words[0]), IntType(32)),)
            self.emit("call", None, VoidType(), operands, callee="pipeline")
        elif opcode in ("read", "state"):
            offset = int(words[1]) if opcode == "state" else StreamPort.DATA_OFFSET
            self.emit("load", result, kind, (self.stream(words[0], offset),), volatile=True)
        elif opcode == "write":
            port, value = words
            bits = self.streams[port].memory_width
            pointer = self.stream(port, StreamPort.DATA_OFFSET)
            operands = (self.operand(value, bits), pointer)
            self.emit("store", None, VoidType(), operands, volatile=True)
        elif opcode == "load":
            self.emit("load", result, kind, (self.element(words[0]),))
        elif opcode == "store":
            pointer = self.element(words[1])
            bits = self.widths.get(words[0], 8 * self.size)
            self.emit("store", None, VoidType(), (self.operand(words[0], bits), pointer))
        elif opcode == "phi":
            values = tuple(self.operand(word, width) for word in words[::2])
            self.emit("phi", result, kind, values, blocks=tuple(words[1::2]))
        elif opcode == "br":
            self.emit("br", None, VoidType(), blocks=tuple(words))
        elif opcode == "if":
            operands = (self.operand(words[0], 1),)
            self.emit("br", None, VoidType(), operands, blocks=tuple(words[1:]))
        elif opcode == "switch":
            operands = (self.operand(words[0]),)
            cases = tuple(int(word) for word in words[2::2])
            blocks = (words[1], *words[3::2])
            self.emit("switch", None, VoidType(), operands, blocks=blocks, cases=cases)
        elif opcode == "ret":
            self.emit("ret", None, VoidType(), tuple(self.operand(word, 1) for word in words))
        elif opcode.startswith("icmp"):
            bits = next(self.widths[word] for word in words if word in self.widths)
            operands = tuple(self.operand(word, bits) for word in words)
            self.emit("icmp", result, kind, operands, predicate=opcode.partition(".")[2])
        else:
            operands = tuple(self.operand(word, width) for word in words)
            self.emit(opcode, result, kind, operands)


def compile_process(text, streams, *, scalars=None, memories=None, globals_=None, size=1, **more):
    """Text -> process; streams are {name: width}."""
    payloads = {name: number(width) for name, width in streams.items()}
    arguments = [StreamPort(name, payload) for name, payload in payloads.items()]
    arguments += [Scalar(name, width, False) for name, width in (scalars or {}).items()]
    blocks = Reader(payloads, scalars, memories, size).read(text)
    more.setdefault("free_running", False)
    function = Function("dut", "process", arguments, blocks, memories=memories or {}, **more)
    module = Module("dut", {"dut": function}, {}, globals_ or {})
    return build.process(function, module, {})


ACCUMULATE = """
entry:
    br loop
loop:
    sum:16 = phi 0 entry, sum2 latch
    n:8 = phi 0 entry, n2 latch
    pipeline 1
    v:16 = read x
    s:16 = add sum, v
    last:1 = icmp.eq n, 2
    n1:8 = add n, 1
    if last, out, latch
out:
    write y, s
    br latch
latch:
    sum2:16 = phi s loop, 0 out
    n2:8 = phi n1 loop, 0 out
    br loop
"""


def test_a_loop_without_end_becomes_one_pipeline_whose_phis_start_from_constants():
    process = compile_process(ACCUMULATE, {"x": 16, "y": 16}, free_running=True)
    (region,) = process.regions.values()
    assert region.pipelined and not region.transitions and not process.registers
    assert region.proceed.operation == "constant" and region.proceed.value == 1
    assert [phi.operands[0].value for phi in region.phis] == [0, 0]
    assert Interpreter(process).run({"x": [1, 2, 3, 4, 5, 60000, 7]}) == {"y": [6, 60009]}


def test_a_counter_is_as_wide_as_its_bounds():
    process = compile_process(ACCUMULATE, {"x": 16, "y": 16}, free_running=True)
    (region,) = process.regions.values()
    counter = next(phi for phi in region.phis if phi.name == "n")
    assert (counter.low, counter.high) == (0, 2)


def test_the_same_text_comes_out_of_the_same_function():
    texts = {
        dump.process(compile_process(ACCUMULATE, {"x": 16, "y": 16}, free_running=True))
        for _ in range(3)
    }
    assert len(texts) == 1
    assert "read x" in texts.pop()


NESTED = """
entry:
    first:1 = icmp.eq rows, 0
    if first, done, outer
outer:
    r:8 = phi 0 entry, r1 after
    scale:8 = read factors
    br inner
inner:
    i:8 = phi 0 outer, i1 inner
    sum:8 = phi 0 outer, sum1 inner
    pipeline 1
    v:8 = read x
    p:8 = mul v, scale
    sum1:8 = add sum, p
    i1:8 = add i, 1
    again:1 = icmp.ult i1, count
    if again, inner, after
after:
    write y, sum1
    r1:8 = add r, 1
    more:1 = icmp.ult r1, rows
    if more, outer, done
done:
    ret
"""


def test_loops_around_pipelines_are_states_and_values_travel_in_registers():
    streams = {"x": 8, "factors": 8, "y": 8}
    process = compile_process(NESTED, streams, scalars={"rows": 8, "count": 8})
    assert [region.pipelined for region in process.regions.values()].count(True) == 1
    assert len(process.regions) == 4
    inputs = {"x": [1, 2, 3, 4, 5, 6], "factors": [10, 7]}
    machine = Interpreter(process)
    assert machine.run(inputs, {"rows": 2, "count": 3}) == {"y": [60, 105]}
    assert machine.left == {"x": 0, "factors": 0}
    assert machine.run(inputs, {"rows": 0, "count": 3}) == {"y": []}


def test_straight_code_is_cut_between_two_accesses_of_one_stream():
    text = """
    entry:
        a:8 = read x
        b:8 = read x
        d:8 = sub a, b
        write y, d
        write y, a
        ret
    """
    process = compile_process(text, {"x": 8, "y": 8})
    assert Interpreter(process).run({"x": [9, 4]}) == {"y": [5, 9]}
    for region in process.regions.values():
        ports = [node.port for node in region.effects]
        assert len(ports) == len(set(ports))


def test_a_switch_leads_to_its_cases_also_out_of_a_loop():
    text = """
    entry:
        br loop
    loop:
        count:8 = phi 0 entry, count1 next
        pipeline 1
        v:8 = read x
        switch v, next, 7 seven, 9 nine, 8 seven
    next:
        count1:8 = add count, 1
        br loop
    seven:
        write y, count
        br end
    nine:
        write y, v
        br end
    end:
        ret
    """
    process = compile_process(text, {"x": 8, "y": 8})
    assert Interpreter(process).run({"x": [1, 2, 8]}) == {"y": [2]}
    assert Interpreter(process).run({"x": [1, 7]}) == {"y": [1]}
    assert Interpreter(process).run({"x": [9]}) == {"y": [9]}


def test_several_latches_choose_the_next_value_by_the_way_taken():
    text = """
    entry:
        br loop
    loop:
        a:8 = phi 0 entry, one left, two right, a loop
        pipeline 1
        v:8 = read x
        write y, a
        switch v, loop, 1 left, 2 right
    left:
        one:8 = add a, 1
        br loop
    right:
        two:8 = add a, 16
        br loop
    """
    process = compile_process(text, {"x": 8, "y": 8}, free_running=True)
    outputs = Interpreter(process).run({"x": [1, 2, 0, 2, 1, 3]})
    assert outputs == {"y": [0, 1, 17, 17, 33, 34]}


POLL = """
entry:
    br loop
loop:
    held:8 = phi 0 entry, next latch
    pipeline 1
    state:8 = state x, 0
    there:1 = trunc state
    if there, take, latch
take:
    v:8 = read x
    br latch
latch:
    next:8 = phi held loop, v take
    write y, held
    br loop
"""


def test_a_stream_is_asked_for_data_before_it_is_read():
    process = compile_process(POLL, {"x": 8, "y": 8}, free_running=True)
    (region,) = process.regions.values()
    assert [node.operation for node in region.effects] == ["not_empty", "read", "write"]
    assert process.inputs == ["x"] and process.outputs == ["y"]


def test_the_state_of_a_stream_after_its_access_is_refused():
    text = POLL.replace("write y, held", "later:8 = state x, 0\n write y, later")
    with pytest.raises(HlsError, match="status-after-access"):
        compile_process(text, {"x": 8, "y": 8}, free_running=True)


def test_a_free_running_process_that_returns_starts_again():
    process = compile_process(COUNT, {"y": 8}, globals_=calls_memory(), free_running=True)
    (region,) = process.regions.values()
    assert [transition.target for transition in region.transitions] == [process.entry]
    assert process.registers["calls"].initial == 5


def test_a_loop_entered_in_two_ways_starts_from_a_register():
    text = """
    entry:
        a:8 = read x
        big:1 = icmp.ugt a, 9
        if big, other, loop
    other:
        b:8 = read x
        br loop
    loop:
        n:8 = phi a entry, b other, n1 loop
        pipeline 1
        write y, n
        n1:8 = sub n, 1
        more:1 = icmp.ne n1, 0
        if more, loop, done
    done:
        ret
    """
    process = compile_process(text, {"x": 8, "y": 8})
    assert Interpreter(process).run({"x": [2]}) == {"y": [2, 1]}
    assert Interpreter(process).run({"x": [10, 3]}) == {"y": [3, 2, 1]}


def test_the_last_value_of_a_loop_is_there_behind_it():
    text = """
    entry:
        br loop
    loop:
        n:8 = phi 0 entry, n1 loop
        pipeline 1
        v:8 = read x
        wide:16 = zext v
        n1:8 = add n, 1
        more:1 = icmp.ne v, 0
        if more, loop, done
    done:
        twice:16 = mul wide, 3
        low:8 = trunc twice
        count:8 = add n1, low
        write y, count
        ret
    """
    process = compile_process(text, {"x": 8, "y": 8})
    assert Interpreter(process).run({"x": [7, 5, 0]}) == {"y": [3]}


# Memories ---------------------------------------------------------------------------------------

DELAY = """
entry:
    br loop
loop:
    i:8 = phi 0 entry, next loop
    pipeline 1
    index:64 = zext i
    v:8 = read x
    old:8 = load line[index]
    store v, line[index]
    write y, old
    i1:8 = add i, 1
    wrap:1 = icmp.eq i1, 12
    next:8 = select wrap, 0, i1
    br loop
"""


def make_delay(dimension=12, **keywords):
    memory = Memory("line", (dimension,), number(8), static=True, **keywords)
    return compile_process(DELAY, {"x": 8, "y": 8}, memories={"line": memory}, free_running=True)


DELAYED = [0] * 12 + list(range(100, 108))


def test_a_delay_line_in_memory_reads_before_it_writes():
    process = make_delay()
    (storage,) = process.storages.values()
    assert (storage.kind, storage.depth, storage.banks, storage.read_latency) == (
        "lutram",
        12,
        1,
        0,
    )
    words = list(range(100, 120))
    assert Interpreter(process).run({"x": words}) == {"y": DELAYED}


@pytest.mark.parametrize("partition", [("cyclic", 4), ("cyclic", 3), ("block", 4)])
def test_a_partitioned_memory_is_the_same_memory(partition):
    kind, factor = partition
    process = make_delay(partitions=(Partition(kind, 1, factor),), storage="bram")
    (storage,) = process.storages.values()
    assert (storage.kind, storage.banks, storage.read_latency) == ("bram", factor, 1)
    assert Interpreter(process).run({"x": list(range(100, 120))}) == {"y": DELAYED}


def test_a_completely_partitioned_memory_is_registers_with_a_multiplexer():
    process = make_delay(partitions=(Partition("complete", 1),))
    (region,) = process.regions.values()
    assert not process.storages
    assert sorted(phi.name for phi in region.phis if phi.name != "i") == sorted(
        f"line_{index}" for index in range(12)
    )
    assert Interpreter(process).run({"x": list(range(100, 120))}) == {"y": DELAYED}


def test_big_memories_are_block_rams():
    process = make_delay(dimension=200)
    assert [storage.kind for storage in process.storages.values()] == ["bram"]


def test_a_table_with_a_variable_index_is_a_rom_and_folds_with_a_constant_one():
    text = """
    entry:
        br loop
    loop:
        pipeline 1
        v:8 = read x
        index:64 = zext v
        a:8 = load @table[index]
        b:8 = load @table[2]
        c:8 = add a, b
        write y, c
        br loop
    """
    values = tuple(3 * index for index in range(5))
    table = Memory("table", (5,), number(8), constant=True, initial=values)
    process = compile_process(text, {"x": 8, "y": 8}, globals_={"table": table}, free_running=True)
    (region,) = process.regions.values()
    loads = [node for node in region.effects if node.operation == "load"]
    assert len(loads) == 1 and loads[0].memory.kind == "rom" and loads[0].high == 12
    assert Interpreter(process).run({"x": [0, 4, 1]}) == {"y": [6, 18, 9]}


COUNT = """
entry:
    old:8 = load @calls[0]
    new:8 = add old, 1
    store new, @calls[0]
    write y, new
    ret
"""


def calls_memory():
    return {"calls": Memory("calls", (), number(8), static=True, initial=(5,))}


def test_a_static_variable_keeps_its_value_between_calls():
    process = compile_process(COUNT, {"y": 8}, globals_=calls_memory())
    assert process.registers["calls"].initial == 5 and not process.storages
    machine = Interpreter(process)
    assert [machine.run({})["y"] for _ in range(3)] == [[6], [7], [8]]


def test_a_static_variable_of_a_free_running_loop_is_a_phi():
    text = """
    entry:
        br loop
    loop:
        pipeline 1
        v:8 = read x
        old:8 = load @sum[0]
        new:8 = add old, v
        positive:1 = icmp.ult v, 100
        if positive, add, latch
    add:
        store new, @sum[0]
        br latch
    latch:
        write y, new
        br loop
    """
    total = Memory("sum", (), number(8), static=True, initial=(1,))
    process = compile_process(text, {"x": 8, "y": 8}, globals_={"sum": total}, free_running=True)
    assert not process.registers
    (region,) = process.regions.values()
    assert [(phi.name, phi.operands[0].value) for phi in region.phis] == [("sum", 1)]
    assert Interpreter(process).run({"x": [2, 200, 3]}) == {"y": [3, 203, 6]}


PAIR = Payload("Pair", 32, 17, (Field("a", 0, 16, 12, False, 0), Field("b", 16, 8, 5, True, 12)))


def test_fields_that_are_stored_together_share_a_memory():
    text = """
    entry:
        br loop
    loop:
        pipeline 1
        v:32 = read x
        low:16 = trunc v
        slot:64 = zext low
        at:64 = and slot, 127
        store v, pairs[at]
        behind:64 = add at, 64
        over:64 = and behind, 127
        w:32 = load pairs[over]
        write y, w
        br loop
    """
    memory = Memory("pairs", (128,), PAIR)
    process = compile_process(
        text, {"x": 32, "y": 32}, memories={"pairs": memory}, size=4, free_running=True
    )
    assert [storage.width for storage in process.storages.values()] == [17]
    words = [1 | 5 << 16, 2 | 0x1F << 16, 65 | 7 << 16, 66]
    outputs = Interpreter(process).run({"x": words})
    assert outputs == {"y": [0, 0, 1 | 5 << 16, 2 | 0xFF << 16]}


LANES = Payload(
    "Row", 32, 24, tuple(Field(f"lane[{k}]", 8 * k, 8, 6, True, 6 * k) for k in range(4))
)


def test_a_lane_of_a_register_row_can_be_chosen_at_run_time():
    text = """
    entry:
        br loop
    loop:
        pipeline 1
        v:8 = read x
        word:32 = load row[0]
        low:8 = and v, 3
        lane:64 = zext low
        old:8 = load row[lane]
        store v, row[lane]
        write y, old
        write z, word
        br loop
    """
    streams = {"x": 8, "y": 8, "z": 32}
    memory = Memory("row", (), LANES, static=True, initial=(1, 2, 3, -4))
    process = compile_process(text, streams, memories={"row": memory}, free_running=True)
    (region,) = process.regions.values()
    assert not process.storages and len(region.phis) == 4
    outputs = Interpreter(process).run({"x": [8, 27, 43, 3]})
    assert outputs["y"] == [1, -4 & 255, 27, 43 - 64 & 255]
    assert outputs["z"] == [0xFC030201, 0xFC030208, 0x1B030208, 0xEB030208]


def test_a_lane_of_a_memory_word_can_be_read_at_run_time_from_the_whole_word():
    text = """
    entry:
        br loop
    loop:
        i:8 = phi 0 entry, i1 loop
        pipeline 1
        v:32 = read x
        at:64 = zext i
        byte:64 = mul at, 4
        store v, rows[byte]
        low:32 = and v, 3
        lane:64 = zext low
        place:64 = add byte, lane
        picked:8 = load rows[place]
        write y, picked
        i1:8 = add i, 1
        br loop
    """
    memory = Memory("rows", (256,), LANES, storage="bram")
    process = compile_process(text, {"x": 32, "y": 8}, memories={"rows": memory}, free_running=True)
    assert [storage.width for storage in process.storages.values()] == [24]
    outputs = Interpreter(process).run({"x": [0x04030201, 0x08070605 & ~3 | 1, 0x1F1E1D1C | 3]})
    assert outputs == {"y": [2, 6, 0x1F]}


@pytest.mark.parametrize("chosen", ["select", "phi"])
def test_a_pointer_into_one_of_two_memories_reads_the_one_that_was_chosen(chosen):
    text = """
    entry:
        br loop
    loop:
        pipeline 1
        v:8 = read x
        low:8 = and v, 15
        index:64 = zext low
        store low, first[index]
        odd:1 = trunc v
        if odd, other, latch
    other:
        br latch
    latch:
        w:8 = load first[index]
        write y, w
        br loop
    """
    table = tuple(range(100, 116))
    memories = {
        "first": Memory("first", (16,), number(8), storage="lutram"),
        "second": Memory("second", (16,), number(8), constant=True, initial=table),
    }
    payloads = {"x": number(8), "y": number(8)}
    blocks = Reader(payloads, memories=memories).read(text)
    latch = blocks[-1].instructions
    address, load = latch[0], latch[1]
    bases = Local("second", PointerType()), Local("first", PointerType())
    pointer = Instruction("phi", "p", PointerType(), bases, blocks=("other", "loop"))
    if chosen == "select":
        condition = Local("odd", IntType(1))
        pointer = Instruction("select", "p", PointerType(), (condition, *bases))
    address.operands = (Local("p", PointerType()), *address.operands[1:])
    assert load.opcode == "load"
    latch.insert(0, pointer)
    arguments = [StreamPort(name, payload) for name, payload in payloads.items()]
    function = Function("dut", "process", arguments, blocks, memories=memories, free_running=True)
    process = build.process(function, Module("dut", {"dut": function}, {}, {}), {})
    outputs = Interpreter(process).run({"x": [3, 4, 255, 0]})
    assert outputs == {"y": [103, 4, 115, 0]}


@pytest.mark.parametrize("index", ["and v64, 2", "add v64, v64"])
def test_an_index_in_bytes_chooses_among_wider_elements(index):
    text = f"""
    entry:
        br loop
    loop:
        n:8 = phi 0 entry, n1 loop
        pipeline 1
        v:8 = read x
        v64:64 = zext v
        byte:64 = {index}
        old:16 = load numbers[byte]
        new:16 = zext n
        store new, numbers[byte]
        write y, old
        n1:8 = add n, 1
        br loop
    """
    memory = Memory("numbers", (300,), number(16), static=True, initial=(7,) * 300)
    process = compile_process(
        text, {"x": 8, "y": 16}, memories={"numbers": memory}, free_running=True
    )
    words = [2, 0, 3, 250, 2, 1, 250]
    elements = [(word & 2) // 2 if "and" in index else word for word in words]
    content, expected = {}, []
    for position, element in enumerate(elements):
        expected.append(content.get(element, 7))
        content[element] = position
    assert Interpreter(process).run({"x": words}) == {"y": expected}


def test_the_bounds_of_a_counter_keep_an_index_in_its_row():
    text = """
    entry:
        br loop
    loop:
        c:32 = phi 0 entry, next loop
        pipeline 1
        v:8 = read x
        column:64 = zext c
        place:64 = add column, 6
        old:8 = load table[place]
        store v, table[place]
        write y, old
        c1:32 = add c, 1
        wrap:1 = icmp.eq c1, 6
        next:32 = select wrap, 0, c1
        br loop
    """
    memory = Memory("table", (4, 6), number(8), static=True, initial=tuple(range(24)))
    memory.partitions = (Partition("complete", 1),)
    memory.storage = "lutram"
    process = compile_process(text, {"x": 8, "y": 8}, memories={"table": memory}, free_running=True)
    (region,) = process.regions.values()
    accesses = [(x.operation, x.bank) for x in region.effects if x.memory is not None]
    assert accesses == [("load", 1), ("store", 1)]
    outputs = Interpreter(process).run({"x": list(range(100, 108))})
    assert outputs == {"y": [6, 7, 8, 9, 10, 11, 100, 101]}


def test_parts_and_neighbours_of_register_elements_can_be_stored():
    text = """
    entry:
        br loop
    loop:
        pipeline 1
        v:8 = read x
        store v, numbers[1]
        both:32 = load numbers[0]
        middle:16 = load numbers[1]
        store middle, numbers[2]
        write y, both
        br loop
    """
    memory = Memory("numbers", (2,), number(16), static=True, initial=(0x1234, 0x5678))
    process = compile_process(
        text, {"x": 8, "y": 32}, memories={"numbers": memory}, free_running=True
    )
    outputs = Interpreter(process).run({"x": [0xAB, 0xCD]})
    assert outputs == {"y": [0x5678AB34, 0x78ABCD34]}


def test_fields_that_are_stored_in_two_states_are_apart():
    text = """
    entry:
        a:16 = read x
        b:8 = trunc a
        at:64 = zext b
        byte:64 = mul at, 4
        store a, pairs[byte]
        c:16 = read x
        d:8 = trunc c
        second:64 = add byte, 2
        store d, pairs[second]
        w:32 = load pairs[byte]
        write y, w
        ret
    """
    memory = Memory("pairs", (256,), PAIR, storage="bram")
    process = compile_process(text, {"x": 16, "y": 32}, memories={"pairs": memory})
    assert sorted(storage.width for storage in process.storages.values()) == [5, 12]
    assert Interpreter(process).run({"x": [0x123, 0x1F]}) == {"y": [0x00FF0123]}


def test_a_part_of_an_element_cannot_be_stored_into_a_memory():
    text = """
    entry:
        br loop
    loop:
        pipeline 1
        v:8 = read x
        index:64 = zext v
        store v, numbers[index]
        w:16 = load numbers[index]
        cut:8 = trunc w
        write y, cut
        br loop
    """
    memory = Memory("numbers", (300,), number(16))
    with pytest.raises(HlsError, match="partial-store"):
        compile_process(
            text, {"x": 8, "y": 8}, memories={"numbers": memory}, size=2, free_running=True
        )


# Refusals ---------------------------------------------------------------------------------------


def test_a_loop_without_pipeline_is_refused_at_its_line():
    text = NESTED.replace("    pipeline 1\n", "")
    with pytest.raises(HlsError, match=r"test\.cpp:\d+: .*loop-not-pipelined"):
        compile_process(text, {"x": 8, "factors": 8, "y": 8}, scalars={"rows": 8, "count": 8})


def test_a_loop_inside_a_pipeline_is_refused():
    text = NESTED.replace("scale:8 = read", "pipeline 1\n    scale:8 = read")
    with pytest.raises(HlsError, match="loop-in-pipeline"):
        compile_process(text, {"x": 8, "factors": 8, "y": 8}, scalars={"rows": 8, "count": 8})


def test_division_by_a_variable_is_refused_and_by_a_constant_it_is_a_product():
    text = ACCUMULATE.replace("s:16 = add sum, v", "s:16 = udiv v, {}")
    with pytest.raises(HlsError, match="division"):
        compile_process(text.format("sum"), {"x": 16, "y": 16}, free_running=True)
    process = compile_process(text.format("7"), {"x": 16, "y": 16}, free_running=True)
    values = [0, 6, 65535, 7, 13, 12345]
    assert Interpreter(process).run({"x": values})["y"] == [65535 // 7, 12345 // 7]


# Module functions -------------------------------------------------------------------------------


def make_module_function():
    text = """
    entry:
        negative:1 = icmp.slt a, b
        if negative, below, above
    below:
        d:8 = sub b, a
        br join
    above:
        e:8 = sub a, b
        br join
    join:
        distance:8 = phi d below, e above
        ret distance, negative
    """
    scalars = {"a": 8, "b": 8, "unused": 3}
    reader = Reader({}, scalars)
    blocks = reader.read(text)
    results = (Output("", 8, False), Output("below", 1, False))
    arguments = [Scalar(name, width, True) for name, width in scalars.items()]
    return Function("Distance", "module", arguments, blocks, results)


def test_a_module_function_has_inputs_results_and_no_control():
    function = make_module_function()
    made = build.module_function(function, Module("x", {"Distance": function}, {}, {}), {})
    assert [node.name for node in made.inputs] == ["a", "b"]
    assert [(result.argument, result.start, result.bits) for result in made.results] == [
        ("", 0, 8),
        ("below", 8, 1),
    ]
    assert not made.region.effects and not made.region.phis


def test_a_call_gathers_its_operands_and_takes_its_results_apart():
    callee = make_module_function()
    text = """
    entry:
        br loop
    loop:
        pipeline 1
        v:8 = read x
        w:8 = read z
        br more
    more:
        write y, d
        write sign, s
        br loop
    """
    reader = Reader({"y": number(8), "sign": number(8)}, {"d": 8, "s": 8})
    blocks = reader.read(text)
    loop = blocks[1].instructions
    operands = (Local("v", IntType(8)), Local("w", IntType(8)), Constant(0, IntType(3)))
    loop[-1:-1] = [
        Instruction("call", "c", VoidType(), operands, callee="Distance"),
        Instruction("extractvalue", "d", IntType(8), (Local("c", VoidType()),), index=0),
        Instruction("extractvalue", "n", IntType(1), (Local("c", VoidType()),), index=1),
        Instruction("zext", "s", IntType(8), (Local("n", IntType(1)),)),
    ]
    ports = [StreamPort(name, number(8)) for name in ("x", "z", "y", "sign")]
    function = Function("dut", "process", ports, blocks, free_running=True)
    module = Module("dut", {"Distance": callee, "dut": function}, {}, {})
    functions = {"Distance": build.module_function(callee, module, {})}
    process = build.process(function, module, functions)
    outputs = Interpreter(process, functions).run({"x": [5, 3, 250], "z": [2, 10, 4]})
    assert outputs == {"y": [3, 7, 10], "sign": [0, 1, 1]}


# Intrinsics -------------------------------------------------------------------------------------


def leading_zeros(value):
    return 8 - value.bit_length()


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("abs v", lambda v, w: abs(signed(v, 8)) & 255),
        ("ctlz v", lambda v, w: leading_zeros(v)),
        ("cttz v", lambda v, w: leading_zeros(int(f"{v:08b}"[::-1], 2))),
        ("ctpop v", lambda v, w: bin(v).count("1")),
        ("bitreverse v", lambda v, w: int(f"{v:08b}"[::-1], 2)),
        ("fshl v, w, 3", lambda v, w: (v << 3 | w >> 5) & 255),
        ("fshr v, w, w", lambda v, w: (v << 8 | w) >> w % 8 & 255),
        ("uadd.sat v, w", lambda v, w: min(255, v + w)),
        ("usub.sat v, w", lambda v, w: max(0, v - w)),
        ("sadd.sat v, w", lambda v, w: clamp(signed(v, 8) + signed(w, 8)) & 255),
        ("ssub.sat v, w", lambda v, w: clamp(signed(v, 8) - signed(w, 8)) & 255),
        ("scmp v, w", lambda v, w: compare(signed(v, 8), signed(w, 8)) & 255),
        ("ucmp v, w", lambda v, w: compare(v, w) & 255),
        ("smax v, w", lambda v, w: max(signed(v, 8), signed(w, 8)) & 255),
        ("urem v, 10", lambda v, w: v % 10),
        ("sdiv v, -3", lambda v, w: int(signed(v, 8) / -3) & 255),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_intrinsics_and_divisions_by_constants(operation, expected):
    text = f"""
    entry:
        br loop
    loop:
        pipeline 1
        v:8 = read x
        w:8 = read z
        result:8 = {operation}
        write y, result
        br loop
    """
    process = compile_process(text, {"x": 8, "z": 8, "y": 8}, free_running=True)
    left = [*range(256), *range(0, 256, 3)]
    right = [(37 * number + 11) % 256 for number in left]
    outputs = Interpreter(process).run({"x": left, "z": right})
    assert outputs["y"] == [expected(v, w) for v, w in zip(left, right, strict=True)]


def clamp(value):
    return max(-128, min(127, value))


def compare(a, b):
    return (a > b) - (a < b)
