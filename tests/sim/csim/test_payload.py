"""Layouts of payloads: what the C++ compiler says, what arrives, and what the front end sees."""

import numpy as np
import pytest

from m3vit.hls.compiler import ir
from m3vit.hls.kernels import compile_kernel, kernel_names
from m3vit.sim.csim.kernels import stream_types

SAMPLE = """
struct Inner { ap_int<5> low; bool flag; };
struct Sample {
    ap_uint<12> count;
    Inner inner[3];
    ap_int<9> at[2][4];
    ap_fixed<20, 4> real;
    unsigned short plain;
    ap_uint<64> wide;
};
void sample_top(hls::stream<Sample>& in, hls::stream<ap_uint<3>>& bare,
                hls::stream<Sample>& out, hls::stream<ap_int<40>>& sums) {
    M3VIT_FOREVER(in, false) {
        const Sample sample = in.read();
        out.write(sample);
        sums.write(sample.inner[2].low + sample.at[1][3] + bare.read());
    }
}
"""


@pytest.fixture
def kernel(compiled):
    return compiled(SAMPLE)


def test_struct(kernel):
    dtype = kernel.streams["in"].dtype
    assert dtype.names == ("count", "inner", "at", "real", "plain", "wide")
    assert dtype["count"] == np.uint16
    assert dtype["inner"].shape == (3,) and dtype["inner"].base.names == ("low", "flag")
    assert dtype["at"].shape == (2, 4) and dtype["at"].base == np.int16
    assert dtype["real"] == np.int32 and dtype["plain"] == np.uint16 and dtype["wide"] == np.uint64
    numbers = {number.path: number for number in kernel.streams["in"].numbers}
    assert [numbers[path].width for path in (("count",), ("inner", "low"), ("inner", "flag"))] == [
        12,
        5,
        1,
    ]
    assert numbers["at",].signed and not numbers["plain",].signed
    assert kernel.streams["bare"].dtype == np.uint8
    assert kernel.streams["sums"].numbers[0].width == 40


def test_values_travel_unchanged(kernel):
    random = np.random.default_rng(0)
    items = np.zeros(50, kernel.streams["in"].dtype)
    items["count"] = random.integers(0, 4096, 50)
    items["inner"]["low"] = random.integers(-16, 16, (50, 3))
    items["inner"]["flag"] = random.integers(0, 2, (50, 3))
    items["at"] = random.integers(-256, 256, (50, 2, 4))
    items["real"] = random.integers(-(1 << 19), 1 << 19, 50)
    items["wide"] = random.integers(0, 1 << 63, 50)
    bare = random.integers(0, 8, 50)
    out = kernel.run({"in": items, "bare": bare})
    np.testing.assert_array_equal(out["out"], items)
    np.testing.assert_array_equal(
        out["sums"], items["inner"]["low"][:, 2] + items["at"][:, 1, 3] + bare
    )


@pytest.mark.parametrize("name", kernel_names())
def test_hardware_sees_the_same_fields(nano, name):
    """g++ and the compiler to SystemVerilog agree on every offset, width and sign."""
    streams = {stream.name: stream.payload for stream in compile_kernel(name, nano).streams}
    types = stream_types(name, nano)
    assert list(streams) == list(types)
    for stream, payload in streams.items():
        found = sorted(_fields(types[stream].dtype, types[stream].numbers))
        assert found == sorted(_described(payload)), stream
        assert payload.memory_width == 8 * types[stream].dtype.itemsize


def _described(payload: ir.Payload):
    for field in payload.fields:
        yield field.offset // 8, field.memory_width // 8, field.width, field.signed


def _fields(dtype, numbers):
    """(offset, bytes, width, signed) of every number, from a NumPy type."""
    widths = {number.path: number for number in numbers}

    def visit(part, offset, path):
        if part.subdtype is not None:
            element, shape = part.subdtype
            for index in range(int(np.prod(shape))):
                yield from visit(element, offset + index * element.itemsize, path)
        elif part.names is not None:
            for name in part.names:
                child, start = part.fields[name][:2]
                yield from visit(child, offset + start, (*path, name))
        else:
            number = widths[path]
            yield offset, part.itemsize, number.width, number.signed

    return visit(dtype, 0, ())
