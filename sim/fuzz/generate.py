"""Random kernels as C++ text, from a seed.

A kernel has one of four shapes: a loop that runs as often as an argument says ("counted"), one
that never ends ("forever"), an outer loop around two pipelined ones with a buffer between them
("nested"), and a DATAFLOW network of processes ("network").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from .numbers import Number, Value, integer_type
from .processes import Process, module
from .statements import Module, Statements
from .text import Text

HEADER = """\
#include <ap_fixed.h>
#include <ap_int.h>
#include <hls_stream.h>

#include <m3vit/stream.hpp>

"""


@dataclass(frozen=True)
class Kernel:
    """A random kernel.

    Attributes:
        seed: makes the same kernel again.
        shape: "counted", "forever", "nested" or "network".
        text: C++.
        top: its function; names of functions end in the seed, so that many kernels can share
            one simulation.
        inputs: input stream -> items it should get; it may read fewer of them.
        outputs: output streams.
        scalars: argument -> value.
        arguments: all of them, in order.
        calls: how often it is called.
    """

    seed: int
    shape: str
    text: str
    top: str
    inputs: Mapping[str, int]
    outputs: tuple[str, ...]
    scalars: Mapping[str, int]
    arguments: tuple[str, ...]
    calls: int = 1


def kernel(seed: int) -> Kernel:
    """The kernel of a seed."""
    random = Random(seed)
    shape = random.choices(list(_SHAPES), [4, 3, 2, 2])[0]
    return _SHAPES[shape](seed, random)


def _modules(seed: int, random: Random, text: Text) -> list[Module]:
    made: list[Module] = []
    for number in range(random.choice([0, 0, 1, 2])):
        made.append(module(random, f"Module{number}_{seed}", text, list(made)))
    return made


def _interval(random: Random) -> int:
    return random.choices([1, 2, 3], [8, 2, 1])[0]


def _single(seed: int, random: Random, *, counted: bool) -> Kernel:
    """One process with up to two inputs and two outputs."""
    structs, functions = Text(), Text()
    modules = _modules(seed, random, functions)
    process = Process(random, f"Kernel_{seed}", structs, modules, _interval(random))
    process.read("in")
    if random.random() < 0.5:
        process.read_sometimes("more")
    if counted and random.random() < 0.6:
        process.take("gain", integer_type(random, 30))
    process.compute(random.randint(4, 14))
    process.write("out", sometimes=random.random() < 0.4)
    if random.random() < 0.35:
        process.write("also", sometimes=True)
    items = random.randint(30, 150)
    scalars = {
        name: random.getrandbits(number.width - int(number.signed))
        for name, number in process.numbers.items()
    }
    calls = 1
    if counted:
        process.numbers["n"] = Number(10, False)
        calls = random.choice([1, 1, 2])
        scalars["n"] = items // calls
    loop = "for (ap_uint<10> i = 0; i < n; i++)" if counted else "M3VIT_FOREVER(in, false)"
    functions.add(process.function(loop, free_running=not counted))
    return Kernel(
        seed,
        "counted" if counted else "forever",
        f"{HEADER}{structs}\n{functions}",
        f"Kernel_{seed}",
        {name: items for name in process.streams if name in ("in", "more")},
        tuple(name for name in process.streams if name in ("out", "also")),
        scalars,
        (*process.streams, *process.numbers),
        calls,
    )


def _counted(seed: int, random: Random) -> Kernel:
    return _single(seed, random, counted=True)


def _forever(seed: int, random: Random) -> Kernel:
    return _single(seed, random, counted=False)


def _network(seed: int, random: Random) -> Kernel:
    """A fork, a branch with more work, and a join; each process runs for ever."""
    structs, functions = Text(), Text()
    modules = _modules(seed, random, functions)
    fork = Process(random, f"Fork_{seed}", structs, modules)
    fork.read("in")
    fork.compute(random.randint(2, 6))
    shared = fork.write("left")
    side = fork.write("right")
    work = Process(random, f"Work_{seed}", structs, modules, _interval(random))
    work.read("from", shared)
    work.compute(random.randint(3, 8))
    made = work.write("to")
    join = Process(random, f"Join_{seed}", structs, modules)
    join.read("first", made)
    join.read("second", side)
    join.compute(random.randint(2, 6))
    result = join.write("out", sometimes=True)
    for process, first in ((fork, "in"), (work, "from"), (join, "first")):
        functions.add(process.function(f"M3VIT_FOREVER({first}, false)"))
    arguments = [
        f"hls::stream<{fork.streams['in'].type}>& in",
        f"hls::stream<{result.type}>& out",
    ]
    functions.line(f"void Kernel_{seed}({', '.join(arguments)}) {{")
    functions.pragma("INTERFACE mode=ap_ctrl_none port=return")
    functions.pragma("DATAFLOW")
    for name, payload in (("left", shared), ("right", side), ("worked", made)):
        functions.line(f"    hls::stream<{payload.type}> {name};")
        if random.random() < 0.6:
            depth = random.choice([2, 3, 5, 16, 40])
            functions.pragma(f"STREAM variable={name} depth={depth}")
    functions.line(f"    Fork_{seed}(in, left, right);")
    functions.line(f"    Work_{seed}(left, worked);")
    functions.line(f"    Join_{seed}(worked, right, out);")
    functions.line("}")
    return Kernel(
        seed,
        "network",
        f"{HEADER}{structs}\n{functions}",
        f"Kernel_{seed}",
        {"in": random.randint(30, 120)},
        ("out",),
        {},
        ("in", "out"),
    )


def _nested(seed: int, random: Random) -> Kernel:
    """Rows: one loop fills a buffer and adds up, code between, one loop reads the buffer."""
    structs, functions = Text(), Text()
    modules = _modules(seed, random, functions)
    columns = random.choice([4, 8, 16])
    fill = Process(random, f"Kernel_{seed}", structs, modules)
    fill.read("in")
    fill.compute(random.randint(2, 6))
    stored = random.choice([value for value in fill.values if not value.number.fixed])
    total = Number(min(60, stored.number.width + 8), stored.number.signed)
    fill.body.line(f"buffer[column] = {stored.text};")
    fill.body.line(f"total += {stored.text};")
    between = Text(depth=2)
    sums = [Value("total", total), Value("row", Number(8, False))]
    middle = Statements(random, between, None, sums, modules=modules, prefix="y")
    middle.write(random.randint(1, 5))
    drain = Process(random, f"Drain_{seed}", structs, modules, prefix="z")
    drain.depend_on([*middle.values[-6:], Value("loaded", stored.number)])
    drain.body.line(f"{stored.number} loaded = buffer[column];")
    drain.compute(random.randint(2, 6))
    written = drain.write("out")
    storage = random.choice(["", "lutram", "bram", "uram"])
    text = functions
    text.line(
        f"void Kernel_{seed}(hls::stream<{fill.streams['in'].type}>& in, "
        f"hls::stream<{written.type}>& out, ap_uint<8> rows) {{"
    )
    text.line(f"    {stored.number} buffer[{columns}];")
    if storage:
        text.pragma(f"BIND_STORAGE variable=buffer type=ram_2p impl={storage}")
    text.add(fill.before)
    text.add(drain.before)
    text.open("    row: for (ap_uint<8> row = 0; row < rows; row++) {")
    text.line(f"    {total} total = 0;")
    text.close()
    for label, process in (("fill", fill), ("drain", drain)):
        text.line(f"        {label}: for (ap_uint<6> column = 0; column < {columns}; column++) {{")
        text.pragma("PIPELINE II=1")
        text.add(process.body)
        text.line("        }")
        if process is fill:
            text.add(between)
    text.line("    }")
    text.line("}")
    rows = random.randint(2, 10)
    return Kernel(
        seed,
        "nested",
        f"{HEADER}{structs}\n{text}",
        f"Kernel_{seed}",
        {"in": rows * columns},
        ("out",),
        {"rows": rows},
        ("in", "out", "rows"),
    )


_SHAPES = {"counted": _counted, "forever": _forever, "nested": _nested, "network": _network}
