"""What yosys made of two designs, by unit, without their memories: see `model`.

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
        "matmul array": Logic(2520, 1427, 5823, 32),
        "weights": Logic(1990, 991, 2887, 2),
        "token memory": Logic(1702, 312, 2166, 1),
        "key and value memory": Logic(557, 279, 577, 1),
        "residual memory": Logic(1438, 351, 2260, 7),
        "requantisation, GELU": Logic(1633, 792, 1559, 4),
        "softmax": Logic(6648, 1499, 6398, 16),
        "LayerNorm": Logic(3651, 1802, 5007, 30),
        "gate, routing": Logic(3259, 723, 3624, 3),
        "patches, data, results": Logic(1363, 544, 1813, 0),
        "instructions": Logic(5278, 2928, 7794, 25),
        "AXI, registers": Logic(1695, 416, 1670, 0),
        "queues between units": Logic(655, 2336, 784, 0),
        "wiring": Logic(16, 0, 0, 0),
    },
    "zcu104": {
        "matmul array": Logic(41399, 10043, 140784, 1024),
        "weights": Logic(9295, 8280, 21821, 2),
        "token memory": Logic(1911, 773, 3237, 1),
        "key and value memory": Logic(4442, 2625, 786, 1),
        "residual memory": Logic(3535, 947, 5419, 19),
        "requantisation, GELU": Logic(5094, 2908, 4799, 16),
        "softmax": Logic(20810, 2957, 18936, 64),
        "LayerNorm": Logic(11119, 5428, 14646, 90),
        "gate, routing": Logic(6644, 1070, 7474, 3),
        "patches, data, results": Logic(3174, 1097, 3884, 0),
        "instructions": Logic(5659, 2938, 8385, 25),
        "AXI, registers": Logic(2449, 1992, 3501, 0),
        "queues between units": Logic(654, 5096, 810, 0),
        "wiring": Logic(18, 0, 0, 0),
    },
}
