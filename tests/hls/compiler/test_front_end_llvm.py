"""LLVM's text form: parsing, layout, intrinsics; what is unknown is refused."""

import pytest

from m3vit.hls.compiler import ir, semantics
from m3vit.hls.compiler.front_end import bulk, intrinsics, storage
from m3vit.hls.compiler.front_end.aggregates import Aggregates
from m3vit.hls.compiler.front_end.llvm import layout, parser, syntax
from m3vit.hls.compiler.front_end.llvm.line import ParseError
from m3vit.hls.compiler.front_end.llvm.unoptimised import split_operands

MODULE = """\
%struct.Row = type { [2 x %struct.Code], i16 }
%struct.Code = type { i8 }
@table = internal unnamed_addr constant <{ [2 x i16], [3 x i16] }> <{ [2 x i16] [i16 1, i16 -2], \
[3 x i16] zeroinitializer }>, align 2, !dbg !3
@"odd name" = internal global [4 x i8] c"a\\00\\FF\\22", align 1
@llvm.global_ctors = appending global [0 x ptr] zeroinitializer
@undefined = internal global %struct.Row undef

; Function Attrs: mustprogress
define dso_local noundef i32 @f(ptr noundef nonnull align 8 dereferenceable(72) %in, \
i1 zeroext %c) local_unnamed_addr #0 !dbg !9 {
entry:
  %a = alloca [4 x %struct.Row], align 2
    #dbg_declare(ptr %a, !10, !DIExpression(), !11)
  %0 = load volatile i8, ptr %in, align 1, !dbg !12
    #dbg_value(i8 %0, !13, !DIExpression(DW_OP_LLVM_fragment, 8, 8), !11)
  %p = getelementptr inbounds nuw %struct.Row, ptr %a, i64 0, i32 0, i64 1
  store i8 %0, ptr %p, align 1
  %w = zext nneg i8 %0 to i35
  %s = add nuw nsw i35 %w, -1
  %m = call range(i32 0, 9) i32 @llvm.umin.i32(i32 7, i32 8)
  switch i32 %m, label %out [
    i32 3, label %loop
    i32 -1, label %out
  ], !dbg !12

loop:                                             ; preds = %loop, %entry
  %i = phi i35 [ %s, %entry ], [ poison, %loop ]
  %q = icmp ult ptr %p, getelementptr (i8, ptr @table, i64 4)
  br i1 %c, label %loop, label %out, !llvm.loop !14

out:                                              ; preds = %loop, %entry
  ret i32 %m
}

declare i32 @llvm.umin.i32(i32, i32) #1

!3 = !DIGlobalVariableExpression(var: !4, expr: !DIExpression())
"""


@pytest.fixture(scope="module")
def module():
    return parser.parse(MODULE)


def test_types_and_functions(module):
    assert module.types["struct.Row"] == ir.StructType(
        (ir.ArrayType(2, ir.StructType((ir.IntType(8),))), ir.IntType(16))
    )
    function = module.functions["f"]
    assert [(item.name, item.type) for item in function.parameters] == [
        ("in", ir.PointerType()),
        ("c", ir.IntType(1)),
    ]
    assert (function.returns, function.debug) == (ir.IntType(32), 9)
    assert [block.name for block in function.blocks] == ["entry", "loop", "out"]


def test_instructions(module):
    entry, loop, out = module.functions["f"].blocks
    by_result = {item.result: item for item in entry.instructions}
    assert by_result["0"].volatile and by_result["0"].debug == 12
    assert by_result["s"].operands[1] == ir.Constant(2**35 - 1, ir.IntType(35))
    assert by_result["m"].callee == "llvm.umin.i32" and by_result["m"].type == ir.IntType(32)
    switch = entry.instructions[-1]
    assert (switch.cases, switch.blocks) == ((3, 2**32 - 1), ("out", "loop", "out"))
    phi, compare, branch = loop.instructions
    assert phi.blocks == ("entry", "loop") and isinstance(phi.operands[1], ir.Undefined)
    assert compare.operands[1] == ir.Address(ir.Global("table"), 4)
    assert branch.loop == 14
    assert out.instructions[0].operands == (ir.Local("m", ir.IntType(32)),)


def test_debug_records(module):
    function = module.functions["f"]
    assert function.declarations == {"a": syntax.Declaration(10, "")}
    assert function.values == [syntax.ValueRecord("0", 13, "DW_OP_LLVM_fragment, 8, 8")]


def test_initial_values(module):
    assert storage.image(module.globals["table"]) == bytes([1, 0, 254, 255, 0, 0, 0, 0, 0, 0])
    assert storage.image(module.globals["odd name"]) == b'a\x00\xff"'
    assert storage.image(module.globals["undefined"]) is None
    assert module.globals["table"].constant and not module.globals["odd name"].constant
    assert "llvm.global_ctors" not in module.globals


@pytest.mark.parametrize(
    "line",
    [
        "  %x = fadd float %a, %b",
        "  %x = add <4 x i32> %a, %b",
        "  %x = load atomic i8, ptr %p monotonic, align 1",
        "  %x = call i32 %f(i32 1)",
        "  %x = bitcast i32 %a to float",
        "  %x = alloca i8, i32 %n, align 1",
        "  %x = inttoptr i64 %a to ptr",
        "  indirectbr ptr %a, []",
    ],
)
def test_unknown_lines_are_refused(line):
    with pytest.raises(ParseError) as caught:
        parser.parse(f"define void @f() {{\nentry:\n{line}\n  ret void\n}}\n")
    assert str(caught.value) == line.strip()


@pytest.mark.parametrize(
    ("of", "size", "alignment"),
    [
        (ir.IntType(1), 1, 1),
        (ir.IntType(18), 4, 4),
        (ir.IntType(64), 8, 8),
        (ir.IntType(100), 16, 16),
        (ir.StructType((ir.IntType(8), ir.IntType(32), ir.IntType(8))), 12, 4),
        (ir.StructType((ir.IntType(8), ir.IntType(32)), packed=True), 5, 1),
        (ir.ArrayType(3, ir.StructType((ir.IntType(16), ir.IntType(8)))), 12, 2),
        (ir.PointerType(), 8, 8),
    ],
)
def test_sizes(of, size, alignment):
    assert (layout.size(of), layout.alignment(of)) == (size, alignment)


def test_offsets():
    row = ir.StructType((ir.IntType(8), ir.ArrayType(4, ir.IntType(16))))
    assert layout.element_offset(row, (2, 1, 3)) == 2 * 10 + 2 + 6
    with pytest.raises(ValueError, match="no elements"):
        layout.element_offset(ir.IntType(8), (0, 1))


def test_operands_of_a_call():
    text = 'ptr noundef %a, i64 noundef 3, ptr getelementptr (i8, ptr @"b,c", i64 4), { i8, i8 } %d'
    assert list(split_operands(text)) == [
        "ptr noundef %a",
        "i64 noundef 3",
        'ptr getelementptr (i8, ptr @"b,c", i64 4)',
        "{ i8, i8 } %d",
    ]


# Intrinsics ---------------------------------------------------------------------------------------


def compute(callee, width, *values):
    """Run what an intrinsic expands to."""
    of = ir.IntType(width)
    names = iter(f"step{number}" for number in range(100))
    operands = [ir.Local(f"in{index}", of) for index in range(len(values))]
    steps = intrinsics.expand(callee, "result", of, operands, None, lambda: next(names))
    known = {f"in{index}": value for index, value in enumerate(values)}
    for step in steps:
        widths = [operand.type.width for operand in step.operands]
        inputs = [
            known[operand.name] if isinstance(operand, ir.Local) else operand.value
            for operand in step.operands
        ]
        operation = step.predicate or step.opcode
        known[step.result] = semantics.evaluate(operation, step.type.width, inputs, widths)
    return known["result"]


def signed(value, width):
    return value - (1 << width) if value >> (width - 1) else value


def test_saturating_arithmetic():
    for a in range(16):
        for b in range(16):
            assert compute("llvm.uadd.sat.i4", 4, a, b) == min(a + b, 15)
            assert compute("llvm.usub.sat.i4", 4, a, b) == max(a - b, 0)
            total = signed(a, 4) + signed(b, 4)
            assert compute("llvm.sadd.sat.i4", 4, a, b) == max(-8, min(7, total)) % 16
            difference = signed(a, 4) - signed(b, 4)
            assert compute("llvm.ssub.sat.i4", 4, a, b) == max(-8, min(7, difference)) % 16


def test_three_way_comparison():
    for a in range(8):
        for b in range(8):
            assert compute("llvm.ucmp.i3.i3", 3, a, b) == ((a > b) - (a < b)) % 8
            x, y = signed(a, 3), signed(b, 3)
            assert compute("llvm.scmp.i3.i3", 3, a, b) == ((x > y) - (x < y)) % 8


def test_swapped_bytes():
    assert compute("llvm.bswap.i32", 32, 0x12345678) == 0x78563412


def test_plain_intrinsics():
    of = ir.IntType(8)
    operands = [ir.Local("a", of), ir.Constant(0, ir.IntType(1))]
    (made,) = intrinsics.expand("llvm.ctlz.i8", "r", of, operands, None, str)
    assert (made.opcode, made.operands) == ("ctlz", (ir.Local("a", of),))
    assert intrinsics.expand("llvm.sqrt.i8", "r", of, operands, None, str) is None
    assert intrinsics.has_no_effect("llvm.lifetime.start.p0")
    assert not intrinsics.has_no_effect("llvm.memset.p0.i64")


def bulk_call(callee, target, source, length):
    values = (target, source, ir.Constant(length, ir.IntType(64)), ir.Constant(0, ir.IntType(1)))
    return syntax.Instruction("call", None, ir.VoidType(), values, callee=callee), values


def test_fills_and_copies(module):
    pointer = ir.Local("p", ir.PointerType())
    call, values = bulk_call("llvm.memset.p0.i64", pointer, ir.Constant(0xAB, ir.IntType(8)), 3)
    (store,) = bulk.expand(call, values, module, None, "step")
    assert store.operands == (ir.Constant(0xABABAB, ir.IntType(24)), pointer)
    call, values = bulk_call("llvm.memcpy.p0.p0.i64", pointer, ir.Address(ir.Global("table"), 2), 4)
    (store,) = bulk.expand(call, values, module, None, "step")
    assert store.operands[0] == ir.Constant(0xFFFE, ir.IntType(32))
    call, values = bulk_call("llvm.memcpy.p0.p0.i64", pointer, ir.Global("odd name"), 4)
    load, store = bulk.expand(call, values, module, None, "step")
    assert (load.opcode, load.result, load.type) == ("load", "step", ir.IntType(32))
    assert store.operands == (ir.Local("step", ir.IntType(32)), pointer)
    call, values = bulk_call("llvm.memset.p0.i64", pointer, ir.Constant(0, ir.IntType(8)), 0)
    assert bulk.expand(call, values, module, None, "step") == []


# Struct values ------------------------------------------------------------------------------------

PAIRS = """\
define void @f(i1 %c) {
entry:
  %x = call { i8, i9 } @g(i8 1)
  br i1 %c, label %then, label %end

then:
  %y = call { i8, i9 } @g(i8 2)
  %z = insertvalue { i8, i9 } %y, i8 7, 0
  br label %end

end:
  %p = phi { i8, i9 } [ %x, %entry ], [ %z, %then ]
  %s = select i1 %c, { i8, i9 } %p, { i8, i9 } { i8 poison, i9 3 }
  ret void
}
"""


def test_struct_values_are_taken_apart():
    function = parser.parse(PAIRS).functions["f"]
    added = []
    aggregates = Aggregates(function, lambda made, place: added.append((made, place.result)),
                            lambda instruction: None)  # fmt: skip
    pair = ir.StructType((ir.IntType(8), ir.IntType(9)))
    value = aggregates.element(ir.Local("s", pair), 0)
    assert aggregates.element(ir.Local("s", pair), 0) == value
    made = {instruction.result: (instruction, place) for instruction, place in added}
    select, _ = made[value.name]
    assert select.opcode == "select" and isinstance(select.operands[2], ir.Undefined)
    phi, place = made["p[0]"]
    assert place == "p" and phi.blocks == ("entry", "then")
    assert phi.operands[1] == ir.Constant(7, ir.IntType(8))
    extract, place = made["x[0]"]
    assert (extract.opcode, extract.index, place) == ("extractvalue", 0, "x")
    assert "y[0]" not in made
