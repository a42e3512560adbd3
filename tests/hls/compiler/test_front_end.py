"""What C++ becomes: arguments, layouts, memories, modules and networks of `ir.Module`."""

from pathlib import Path

import pytest

from m3vit.hls.compiler import front_end, ir, ir_text

KERNELS = sorted((Path(__file__).parent / "kernels").glob("*.cpp"))
HEADERS = "#include <ap_fixed.h>\n#include <ap_int.h>\n#include <hls_stream.h>\n"


@pytest.fixture(scope="module")
def modules():
    """A function that reads a kernel once."""
    known = {}

    def read(name):
        if name not in known:
            path = Path(__file__).parent / "kernels" / f"{name}.cpp"
            known[name] = front_end.read(path, name)
        return known[name]

    return read


@pytest.fixture
def compile_text(tmp_path):
    """A function that reads a program whose top function is `kernel`."""

    def read(text, **options):
        path = tmp_path / "kernel.cpp"
        path.write_text(HEADERS + text)
        return front_end.read(path, "kernel", **options)

    return read


def instructions(function, opcode):
    return [
        instruction
        for block in function.blocks
        for instruction in block.instructions
        if instruction.opcode == opcode
    ]


def check_ssa(function):
    """Every operand is defined, nothing twice; blocks end in one terminator."""
    defined = [argument.name for argument in function.arguments] + list(function.memories)
    defined += [item.result for block in function.blocks for item in block.instructions]
    names = [name for name in defined if name is not None]
    assert len(names) == len(set(names))
    blocks = {block.name for block in function.blocks}
    for block in function.blocks:
        *body, last = block.instructions
        assert last.opcode in ("br", "switch", "ret", "unreachable")
        assert not any(item.opcode in ("br", "switch", "ret") for item in body)
        assert set(last.blocks) <= blocks
        for item in block.instructions:
            for operand in item.operands:
                assert not isinstance(operand, ir.Local) or operand.name in names


@pytest.mark.parametrize("path", KERNELS, ids=lambda path: path.stem)
def test_kernels_are_read(modules, path):
    module = modules(path.stem)
    assert module.top == path.stem
    assert module.functions or module.networks
    for function in module.functions.values():
        check_ssa(function)
        for mul in instructions(function, "mul"):
            assert mul.location is not None
    text = ir_text.write(module)
    assert f" {path.stem}(" in text


# Arguments and layouts ----------------------------------------------------------------------------


def test_payload_of_a_struct(modules):
    function = modules("running_sum").functions["running_sum"]
    commands, values, totals = function.arguments
    assert [argument.name for argument in function.arguments] == ["commands", "values", "totals"]
    fields = [
        (field.name, field.offset, field.memory_width, field.width, field.signed, field.position)
        for field in commands.payload.fields
    ]
    assert fields == [
        ("count", 0, 16, 10, False, 0),
        ("bias", 16, 8, 6, True, 10),
        ("negate", 24, 8, 1, False, 16),
    ]
    assert (commands.payload.memory_width, commands.payload.width) == (32, 17)
    assert [field.name for field in values.payload.fields] == [""]
    assert totals.payload.width == 40


def test_payload_with_nested_arrays(compile_text):
    module = compile_text(
        """
        enum class Kind : unsigned char { kFirst, kSecond };
        template <typename T, int N> struct Row { T lane[N]; };
        struct Outer { Row<ap_fixed<18, 6>, 2> rows[2]; Kind kind; short plain; ap_uint<70> wide; };
        void kernel(hls::stream<Outer>& in) {
            while (true) {
                #pragma HLS PIPELINE
                in.read();
            }
        }
        """
    )
    payload = module.functions["kernel"].arguments[0].payload
    assert [(field.name, field.width, field.offset) for field in payload.fields] == [
        ("rows[0].lane[0]", 18, 0),
        ("rows[0].lane[1]", 18, 32),
        ("rows[1].lane[0]", 18, 64),
        ("rows[1].lane[1]", 18, 96),
        ("kind", 8, 128),
        ("plain", 16, 144),
        ("wide", 70, 192),
    ]
    assert (payload.width, payload.memory_width) == (4 * 18 + 8 + 16 + 70, 320)


def test_scalars_by_value_and_by_reference(modules):
    function = modules("threshold").functions["threshold"]
    scalars = {
        argument.name: (argument.width, argument.signed)
        for argument in function.arguments
        if isinstance(argument, ir.Scalar)
    }
    assert scalars == {
        "count": (16, False),
        "limits_low": (32, True),
        "limits_high": (32, True),
    }
    assert function.axilite == {"count", "limits_low", "limits_high", "return"}
    assert not function.free_running


def test_native_scalars_keep_their_sign(compile_text):
    module = compile_text(
        """
        void kernel(hls::stream<int>& out, bool on, short offset, const ap_int<5>& small) {
            #pragma HLS INTERFACE ap_none port=on
            if (on) out.write(offset + small);
        }
        """
    )
    scalars = module.functions["kernel"].arguments[1:]
    assert [(item.name, item.width, item.signed) for item in scalars] == [
        ("on", 1, False),
        ("offset", 16, True),
        ("small", 5, True),
    ]


def test_streams_are_volatile_accesses(modules):
    function = modules("merge").functions["merge"]
    reads = [item for item in instructions(function, "load") if item.volatile]
    assert {item.type for item in reads} == {ir.IntType(8)}
    assert any(item.volatile for item in instructions(function, "store"))
    assert function.free_running


def test_values_have_their_names_in_the_source(modules):
    function = modules("running_sum").functions["running_sum"]
    phis = {item.result.split(".")[0] for item in instructions(function, "phi")}
    assert {"sum", "left", "serial", "command_negate"} <= phis


def test_locations_are_the_users(modules):
    module = modules("scale")
    path = "kernels/scale.cpp"
    found = {
        item.location.line
        for block in module.functions["scale"].blocks
        for item in block.instructions
        if item.location is not None
    }
    assert found <= set(range(8, 23))
    for item in instructions(module.functions["scale"], "mul"):
        assert str(item.location).endswith(f"{path}:16")


def test_defines_and_includes(compile_text, tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "width.hpp").write_text("#pragma once\nusing Word = ap_uint<WIDTH>;\n")
    module = compile_text(
        '#include "width.hpp"\nvoid kernel(hls::stream<Word>& in) { in.read(); }\n',
        defines={"WIDTH": "11"},
        include=[tmp_path / "inner"],
    )
    assert module.functions["kernel"].arguments[0].payload.width == 11


# Loops --------------------------------------------------------------------------------------------


def test_loops_have_their_labels(modules):
    function = modules("centre_rows").functions["centre_rows"]
    assert set(function.loop_names.values()) == {"row", "add", "subtract"}


def test_intervals(modules):
    for name, interval in (("interval_two", 2), ("scale", 1)):
        (marker,) = instructions(modules(name).functions[name], "call")
        assert marker.callee == "pipeline" and marker.operands[0].value == interval


def test_interval_left_out(compile_text):
    module = compile_text(
        "template <int kInterval> void Copy(hls::stream<int>& in) {\n"
        "while (true) {\n#pragma HLS PIPELINE II=(kInterval * 2)\nin.read(); } }\n"
        "void kernel(hls::stream<int>& in) {\nif (in.read() == 1) {\n"
        "for (int i = 0; i < 100; ++i) {\n#pragma HLS PIPELINE\nin.read(); } }\nCopy<3>(in); }"
    )
    markers = instructions(module.functions["kernel"], "call")
    assert sorted(marker.operands[0].value for marker in markers) == [0, 6]


def test_a_loop_with_one_iteration_is_none(compile_text):
    module = compile_text(
        "void kernel(hls::stream<int>& in) {\nfor (int i = 0; i < 1; ++i) {\n"
        "#pragma HLS PIPELINE II=1\nin.read(); } }"
    )
    assert instructions(module.functions["kernel"], "call") == []


# Memories -----------------------------------------------------------------------------------------


def test_tables(modules):
    (memory,) = modules("scale").memories.values()
    assert (memory.name, memory.dimensions, memory.constant) == ("kOffsets", (8,), True)
    assert memory.initial == (0, 3, 2**16 - 5, 100, 2**16 - 100, 7, 0, 0)
    assert str(memory.location).endswith("scale.cpp:5")
    (memory,) = modules("interval_two").memories.values()
    assert memory.element.fields[0].width == 12
    assert memory.initial[:5] == (5, 2**12 - 7, 100, 2047, 2048) and len(memory.initial) == 32


def test_tables_that_llvm_writes_as_text(compile_text):
    numbers = (92, 34, 92, 92, 65, 0, 10, 255)
    module = compile_text(
        f"""
        void kernel(hls::stream<ap_uint<3> >& in, hls::stream<ap_uint<8> >& out) {{
            static const unsigned char table[8] = {{{", ".join(map(str, numbers))}}};
            while (true) {{
#pragma HLS PIPELINE II=1
                out.write(table[in.read()]);
            }}
        }}
        """
    )
    (memory,) = module.memories.values()
    assert memory.initial == numbers


def test_static_variables(modules):
    (memory,) = modules("running_sum").memories.values()
    assert (memory.name, memory.dimensions, memory.static) == ("serial", (), True)
    assert memory.initial == (40,) and not memory.constant


def test_partitions(modules):
    memories = {
        memory.name: memory for memory in modules("banks").functions["banks"].memories.values()
    }
    assert memories["cyclic"].partitions == (ir.Partition("cyclic", 1, 4),)
    assert memories["halves"].partitions == (ir.Partition("block", 1, 2),)
    assert memories["weights"].partitions == (ir.Partition("complete", 1, 0),)
    assert memories["cyclic"].element.fields[0].width == 9


def test_storage_of_memories(modules):
    (rings,) = modules("delay_line").memories.values()
    assert (rings.storage, rings.dimensions) == ("lutram", (4, 32))
    assert rings.partitions == (ir.Partition("complete", 1),)
    (table,) = modules("look_up").functions["look_up"].memories.values()
    assert (table.storage, table.latency) == ("bram", 2)
    assert [field.name for field in table.element.fields] == ["gain", "offset"]
    (table,) = modules("histogram").functions["histogram"].memories.values()
    assert table.no_dependence == {"inter"} and table.distance == 0


def test_pragmas_follow_references_and_instances(compile_text):
    module = compile_text(
        """
        template <int kDepth, int kBanks>
        void Store(ap_int<8> (&ring)[kDepth], hls::stream<int>& in) {
            #pragma HLS ARRAY_PARTITION variable=ring cyclic factor=kBanks dim=1
            #pragma HLS DEPENDENCE variable=ring type=inter direction=RAW dependent=true distance=9
            const int x = in.read();
            ring[x & (kDepth - 1)] = x;
        }
        void kernel(hls::stream<int>& first, hls::stream<int>& second, hls::stream<int>& out) {
            ap_int<8> small[32], large[64];
            #pragma HLS RESOURCE variable=large core=RAM_2P_URAM
            while (true) {
                #pragma HLS PIPELINE
                Store<32, 2>(small, first);
                Store<64, 4>(large, second);
                out.write(small[out.full()] + large[3]);
            }
        }
        """
    )
    memories = {memory.name: memory for memory in module.functions["kernel"].memories.values()}
    assert memories["small"].partitions == (ir.Partition("cyclic", 1, 2),)
    assert memories["large"].partitions == (ir.Partition("cyclic", 1, 4),)
    assert memories["large"].storage == "uram" and memories["small"].storage == ""
    assert memories["small"].distance == 9


def test_members_of_a_class_are_memories_of_their_own(compile_text):
    module = compile_text(
        """
        struct Ring {
            ap_int<12> data[64];
            ap_uint<6> head;
            ap_int<12> Push(ap_int<12> value) {
                #pragma HLS BIND_STORAGE variable=data type=ram_s2p impl=lutram
                const ap_int<12> old = data[head];
                data[head] = value;
                ++head;
                return old;
            }
        };
        struct Pair { Ring first, second; };
        void kernel(hls::stream<ap_int<12>>& in, hls::stream<ap_int<12>>& out) {
            static Pair pair;
            while (true) {
                #pragma HLS PIPELINE
                out.write(pair.second.Push(pair.first.Push(in.read())));
            }
        }
        """
    )
    memories = {memory.name: memory for memory in module.memories.values()}
    assert set(memories) == {
        "pair_first_data",
        "pair_first_head",
        "pair_second_data",
        "pair_second_head",
    }
    assert memories["pair_first_data"].dimensions == (64,)
    assert memories["pair_first_data"].storage == "lutram"
    assert memories["pair_second_data"].storage == "lutram"
    assert memories["pair_second_head"].storage == ""
    assert memories["pair_second_head"].element.width == 6
    assert memories["pair_second_data"].initial == (0,) * 64


def test_initialisers_are_stores(compile_text):
    module = compile_text(
        """
        void kernel(hls::stream<ap_uint<2>>& in, hls::stream<int>& out) {
            short zeros[4] = {};
            short numbers[4] = {1, 2, 3, -1};
            while (true) {
                #pragma HLS PIPELINE
                const ap_uint<2> i = in.read();
                out.write(zeros[i] + numbers[i]);
                zeros[i] = i;
                numbers[i] += 1;
            }
        }
        """
    )
    function = module.functions["kernel"]
    wide = [item for item in instructions(function, "store") if not item.volatile]
    values = [item.operands[0] for item in wide]
    constants = {value.value for value in values if isinstance(value, ir.Constant)}
    assert constants == {0, 1 | 2 << 16 | 3 << 32 | 0xFFFF << 48}
    assert module.memories == {}


# Modules ------------------------------------------------------------------------------------------


def test_functions_kept_as_modules(modules):
    module = modules("dot_product")
    assert [(name, function.kind) for name, function in module.functions.items()] == [
        ("Dot", "module"),
        ("Dot_2", "module"),
        ("dot_product", "process"),
    ]
    dot = module.functions["Dot"]
    assert [argument.name for argument in dot.arguments] == [
        *(f"left_{index}" for index in range(8)),
        *(f"right_{index}" for index in range(8)),
    ]
    assert {(argument.width, argument.signed) for argument in dot.arguments} == {(8, True)}
    assert dot.results == (ir.Output("", 20, True), ir.Output("last", 16, True))
    (returned,) = instructions(dot, "ret")
    assert [operand.type for operand in returned.operands] == [ir.IntType(20), ir.IntType(16)]
    products = instructions(dot, "mul")
    assert len(products) == 8 and {item.implementation for item in products} == {"dsp"}


def test_calls_of_modules(modules):
    module = modules("dot_product")
    function = module.functions["dot_product"]
    calls = [item for item in instructions(function, "call") if item.callee != "pipeline"]
    assert sorted(call.callee for call in calls) == ["Dot", "Dot_2", "Dot_2"]
    for call in calls:
        callee = module.functions[call.callee]
        assert len(call.operands) == len(callee.arguments)
        assert [operand.type.width for operand in call.operands] == [
            argument.width for argument in callee.arguments
        ]
        widths = tuple(ir.IntType(output.width) for output in callee.results)
        assert call.type == ir.StructType(widths)
    extracts = instructions(function, "extractvalue")
    # `last_odd` is a result that this caller does not look at.
    assert len(extracts) == 5


def test_unused_arguments_and_results_go(compile_text):
    module = compile_text(
        """
        struct Three { ap_int<8> a, b, c; };
        static void Half(const Three& from, Three& to, bool unused) {
            #pragma HLS INLINE off
            to.a = from.b >> 1;
            to.b = from.c;
            if (from.b == 3) to.c = 7;
        }
        void kernel(hls::stream<Three>& in, hls::stream<ap_int<8>>& out) {
            while (true) {
                #pragma HLS PIPELINE
                Three to = {1, 2, 3};
                Half(in.read(), to, true);
                out.write(to.a + to.c);
            }
        }
        """
    )
    half = module.functions["Half"]
    assert [argument.name for argument in half.arguments] == ["from_b", "to_c"]
    assert [output.name for output in half.results] == ["to_a", "to_c"]


def test_structs_may_meet_behind_branches(compile_text):
    """LLVM joins the results of two calls in one phi of struct type."""
    module = compile_text(
        """
        struct Two { ap_int<8> low, high; };
        static Two Split(ap_int<16> x) {
            #pragma HLS INLINE off
            return {ap_int<8>(x), ap_int<8>(x >> 8)};
        }
        void kernel(hls::stream<ap_int<16>>& in, hls::stream<ap_int<16>>& out) {
            while (true) {
                #pragma HLS PIPELINE
                const ap_int<16> x = in.read();
                Two two;
                if (x > 100) {
                    two = Split(x);
                    out.write(1);
                } else {
                    two = Split(in.read());
                }
                out.write(two.low * two.high);
            }
        }
        """
    )
    function = module.functions["kernel"]
    check_ssa(function)
    for item in instructions(function, "phi"):
        assert isinstance(item.type, ir.IntType)


# Networks -----------------------------------------------------------------------------------------


def test_network(modules):
    module = modules("network")
    network = module.networks["network"]
    assert [(item.name, item.depth) for item in network.channels] == [
        ("halves_0", 8),
        ("halves_1", 8),
        ("left", 2),
        ("right", 2),
    ]
    connections = {item.function: item.connections for item in network.instances}
    assert connections["Deal"] == {
        "input": "input",
        "outputs_0": "halves_0",
        "outputs_1": "halves_1",
        "count": "pairs",
    }
    assert connections["Multiply"] == {
        "input": "halves_0",
        "output": "left",
        "count": 4,
        "offset": "offset",
    }
    inner = module.networks["Twice"]
    assert [item.depth for item in inner.channels] == [4]
    assert [item.function for item in inner.instances] == ["Multiply", "Multiply_2"]
    assert inner.instances[1].connections["offset"] == 2**16 - 2
    order = [*module.functions, *module.networks]
    assert order.index("Multiply_2") < order.index("Twice") < order.index("network")


def test_a_top_that_calls_a_network_is_one(compile_text):
    module = compile_text(
        """
        static void Copy(hls::stream<int>& in, hls::stream<int>& out) {
            while (true) {
                #pragma HLS PIPELINE
                out.write(in.read());
            }
        }
        template <int kDepth> void Chain(hls::stream<int>& in, hls::stream<int>& out) {
            #pragma HLS DATAFLOW
            hls::stream<int> middle;
            #pragma HLS STREAM variable=middle depth=kDepth
            Copy(in, middle);
            Copy(middle, out);
        }
        void kernel(hls::stream<int>& in, hls::stream<int>& out) {
            #pragma HLS INTERFACE mode=ap_ctrl_none port=return
            Chain<7>(in, out);
        }
        """
    )
    assert set(module.networks) == {"Chain", "kernel"}
    assert module.networks["Chain"].channels[0].depth == 7
    assert [item.name for item in module.networks["Chain"].instances] == ["Copy", "Copy_2"]
    assert module.networks["Chain"].free_running and module.functions["Copy"].free_running


def test_preprocessed_text_names_its_headers():
    text = front_end.preprocess(KERNELS[0])
    assert f'"{KERNELS[0]}"' in text or KERNELS[0].name in text
    assert text.splitlines()[-1].startswith("// ") and "LLVM" in text.splitlines()[-1]
