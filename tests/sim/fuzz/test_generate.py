from collections import Counter

import pytest

from m3vit.sim.fuzz import generate
from m3vit.sim.fuzz.numbers import Feedback, Number, Value


def test_a_seed_always_makes_the_same_kernel():
    assert generate.kernel(11) == generate.kernel(11)
    assert generate.kernel(11).text != generate.kernel(12).text


def test_all_shapes_and_constructs_appear():
    kernels = [generate.kernel(seed) for seed in range(300)]
    shapes = Counter(kernel.shape for kernel in kernels)
    assert set(shapes) == {"counted", "forever", "nested", "network"}
    assert min(shapes.values()) > 20
    text = "".join(kernel.text for kernel in kernels)
    expected = """
        AP_TRN, AP_TRN_ZERO, AP_RND, AP_RND_ZERO, AP_RND_INF, AP_RND_MIN_INF, AP_RND_CONV,
        AP_WRAP> AP_SAT> AP_SAT_ZERO> AP_SAT_SYM> ap_uint<70> ap_int<70> ap_uint<1> ap_int<2>
        switch else if static _reduce to_uint UNROLL INLINE DATAFLOW STREAM M3VIT_FOREVER
        impl=uram impl=bram impl=lutram cyclic block complete DEPENDENCE II=2 II=3 kTable more_left
    """
    missing = [word for word in expected.split() if word not in text]
    assert missing == []


def test_numbers_name_their_types():
    assert str(Number(7, False)) == "ap_uint<7>"
    fixed = Number(9, True, -1, "AP_RND", "AP_SAT")
    assert str(fixed) == "ap_fixed<9, -1, AP_RND, AP_SAT>"


@pytest.mark.parametrize("slowly", [True, False])
def test_a_loop_through_something_slow_is_not_made(slowly):
    feedback = Feedback()
    first = Value("", Number(4, False), frozenset("a"), frozenset("a") if slowly else frozenset())
    assert feedback.accepts("b", first)
    second = Value("", Number(4, False), frozenset("b"))
    assert feedback.accepts("a", second) is not slowly
