"""Chains of additions become trees, and recurrences keep one addition."""

from m3vit.hls.compiler.builder import GraphBuilder
from m3vit.hls.compiler.draft import Draft
from m3vit.hls.compiler.rewrite import rewrite


def depth_of(node, operation):
    """Operations of one kind on the longest way below a node, not past phis."""
    if node.operation == "phi":
        return 0
    below = max((depth_of(operand, operation) for operand in node.operands), default=0)
    return below + (node.operation == operation)


def rewritten(b, outputs):
    draft = Draft("loop", True, 1, b, b.constant(1, 1), outputs=outputs)
    return rewrite(draft, {}, {})


def test_a_chain_of_sums_becomes_a_balanced_tree():
    b = GraphBuilder()
    total = b.argument("x0", 32)
    for index in range(1, 16):
        total = b.pure("add", 32, total, b.argument(f"x{index}", 32), name="total")
    assert depth_of(total, "add") == 15
    (balanced,) = rewritten(b, [total]).outputs
    assert depth_of(balanced, "add") == 4 and balanced.name == "total"


def test_late_operands_come_last():
    b = GraphBuilder()
    slow = b.argument("slow", 32)
    for index in range(3):
        slow = b.pure("mul", 32, slow, b.argument(f"f{index}", 32))
    total = slow
    for index in range(6):
        total = b.pure("add", 32, total, b.argument(f"x{index}", 32))
    (balanced,) = rewritten(b, [total]).outputs
    assert "mul" in [operand.operation for operand in balanced.operands]


def test_the_operand_on_a_recurrence_is_added_last():
    b = GraphBuilder()
    one = b.constant(1, 1)
    total = b.phi(b.constant(0, 32), "total")
    first = b.argument("first", 1)
    kept = b.select(first, b.constant(0, 32), total)
    after = kept
    for index in range(5):
        after = b.pure("add", 32, after, b.resize(b.read(f"s{index}", 16, one), 32, True))
    b.set_next(total, after)
    draft = rewritten(b, [after])
    (balanced,) = draft.outputs
    (phi,) = draft.builder.phis
    assert any(operand.operation == "select" for operand in balanced.operands)
    assert phi.operands[1] is balanced


def test_a_sum_that_is_used_elsewhere_stays():
    b = GraphBuilder()
    x = [b.argument(f"x{index}", 32) for index in range(4)]
    pair = b.pure("add", 32, x[0], x[1])
    total = b.pure("add", 32, b.pure("add", 32, pair, x[2]), x[3])
    outputs = rewritten(b, [total, pair]).outputs
    used = {id(node) for node in outputs[0].operands}
    used |= {id(node) for operand in outputs[0].operands for node in operand.operands}
    assert id(outputs[1]) in used


def test_words_put_together_by_or_become_one_concatenation():
    b = GraphBuilder()
    word = b.constant(0, 32)
    fields = [b.argument(f"f{index}", 8) for index in range(4)]
    for position, field in enumerate(fields):
        wide = b.pure("zext", 32, field)
        shifted = b.pure("shl", 32, wide, b.constant(8 * position, 32))
        word = b.pure("or", 32, word, shifted)
    (flat,) = rewritten(b, [word]).outputs
    assert flat.operation == "concat"
    assert [operand.name for operand in flat.operands] == ["f3", "f2", "f1", "f0"]


def test_a_phi_that_never_changes_is_its_initial_value():
    b = GraphBuilder()
    start = b.argument("start", 8)
    phi = b.phi(start, "kept")
    b.set_next(phi, phi)
    (output,) = rewritten(b, [phi]).outputs
    assert output.operation == "argument"
