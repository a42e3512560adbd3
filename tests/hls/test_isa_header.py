"""C++ reads from an instruction what Python wrote."""

import subprocess

import numpy as np
import pytest

from m3vit.hls.compiler.vendor_headers import vendor_directory
from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import BY_NAME, INSTRUCTIONS, MEANINGS, Instruction
from m3vit.hls.isa_header import isa_header
from m3vit.hls.kernels import HLS, include_directories

SEEDS = range(4)


def extreme_instruction(kind, seed):
    """Fields at their ends, and in between."""
    generator = np.random.default_rng((kind.opcode, seed))
    values = {}
    for field in kind.fields:
        low, high = field.range
        between = int(generator.integers(low, high, endpoint=True))
        values[field.name] = (low, high, between)[generator.integers(3)]
    return Instruction(kind.name, **values)


@pytest.fixture(scope="module")
def decoded(tmp_path_factory):
    """What a program with the header prints: (name, seed) -> opcode and fields."""
    lines = ["#include <iostream>", '#include "m3vit/isa.hpp"', "using namespace m3vit;"]
    lines += ["int main() {"]
    for kind in INSTRUCTIONS:
        for seed in SEEDS:
            content = extreme_instruction(kind, seed).encode()
            words = [
                f"ap_uint<64>(0x{content[at : at + 8][::-1].hex()}ull)" for at in (24, 16, 8, 0)
            ]
            lines.append(f"    {{ const InstructionBits bits = ({', '.join(words)});")
            lines.append(f'    std::cout << "{kind.name} {seed} " << OpcodeOf(bits);')
            if kind.fields:
                lines.append(f"    const auto fields = As{kind.name.capitalize()}(bits);")
            lines += [f'    std::cout << " " << fields.{field.name};' for field in kind.fields]
            lines.append('    std::cout << "\\n"; }')
    directory = tmp_path_factory.mktemp("isa")
    (directory / "main.cpp").write_text("\n".join([*lines, "}", ""]))
    includes = [HLS / "csim", *include_directories(DesignConfig.load("nano"))]
    subprocess.run(
        [
            *("g++", "-std=c++17", "-O0", "-w", *(f"-I{path}" for path in includes)),
            *("-isystem", str(vendor_directory())),
            *(str(directory / "main.cpp"), "-o", str(directory / "main")),
        ],
        check=True,
    )
    printed = subprocess.run(
        [str(directory / "main")], check=True, capture_output=True, text=True
    ).stdout
    found = {}
    for line in printed.splitlines():
        name, seed, *numbers = line.split()
        found[name, int(seed)] = [int(number) for number in numbers]
    return found


@pytest.mark.parametrize("kind", INSTRUCTIONS, ids=lambda kind: kind.name)
def test_fields_arrive(kind, decoded):
    for seed in SEEDS:
        instruction = extreme_instruction(kind, seed)
        expected = [kind.opcode, *instruction.values.values()]
        assert decoded[kind.name, seed] == expected


def test_named_values():
    text = isa_header()
    for name, kind in BY_NAME.items():
        assert f"    kOpcode{name.capitalize()} = {kind.opcode}," in text
    for names in MEANINGS.values():
        for value, name in enumerate(names):
            assert f"{name.capitalize()} = {value}," in text


def test_lines_are_short():
    assert max(map(len, isa_header().splitlines())) <= 100
