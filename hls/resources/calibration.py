"""What yosys made of the designs that ship, by unit, without their memories: see `model`.

From `m3vit hls estimate engine --design nano` and `--design zcu104`, yosys 0.70.
"""

from typing import NamedTuple


class Logic(NamedTuple):
    """LUTs of logic, LUTs that are memory, flip-flops, DSP blocks."""

    lut: int
    memory_lut: int
    ff: int
    dsp: int


MAPPED = {
    "nano": {
        "matmul array": Logic(2641, 1499, 5903, 32),
        "weights": Logic(2000, 991, 3058, 2),
        "token memory": Logic(1722, 312, 2159, 1),
        "key and value memory": Logic(557, 279, 577, 1),
        "residual memory": Logic(1325, 334, 2205, 7),
        "requantisation, GELU": Logic(2659, 857, 2322, 8),
        "softmax": Logic(3062, 292, 3226, 8),
        "LayerNorm": Logic(3656, 1802, 5007, 30),
        "gate, routing": Logic(3259, 723, 3624, 3),
        "patches, data, results": Logic(1361, 544, 1812, 0),
        "instructions": Logic(4226, 2954, 7351, 24),
        "AXI, registers": Logic(1661, 416, 1652, 0),
        "queues between units": Logic(633, 2352, 758, 0),
        "wiring": Logic(16, 0, 0, 0),
    },
    "zcu104": {
        "matmul array": Logic(41252, 10331, 142492, 1024),
        "weights": Logic(9300, 8280, 22565, 2),
        "token memory": Logic(1922, 773, 3230, 1),
        "key and value memory": Logic(4442, 2625, 786, 1),
        "residual memory": Logic(3422, 945, 5356, 19),
        "requantisation, GELU": Logic(8746, 3093, 7266, 32),
        "softmax": Logic(8916, 812, 8967, 32),
        "LayerNorm": Logic(11120, 5428, 14646, 90),
        "gate, routing": Logic(6644, 1070, 7474, 3),
        "patches, data, results": Logic(3171, 1097, 3883, 0),
        "instructions": Logic(4614, 2952, 7979, 24),
        "AXI, registers": Logic(2371, 1992, 3465, 0),
        "queues between units": Logic(629, 5112, 778, 0),
        "wiring": Logic(18, 0, 0, 0),
    },
}
