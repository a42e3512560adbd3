"""The top module of an engine's simulation: the engine, and a memory on all its ports."""

from collections.abc import Iterator, Sequence

from m3vit.hls.compiler.interface import connected
from m3vit.hls.engine import TOP, Engine

MODULE = "engine_bench"
"""Name of the top module."""

_SETTINGS = (
    ("storage", "longint unsigned"),
    ("base", "longint unsigned"),
    ("size", "longint unsigned"),
    ("seed", "longint unsigned"),
    ("read_latency", "int unsigned"),
    ("write_latency", "int unsigned"),
    ("bandwidth", "int unsigned"),
    ("bandwidth_cycles", "int unsigned"),
    ("stalls", "int unsigned"),
    ("failing_read", "longint"),
    ("failing_write", "longint"),
)
_READ_CHANNELS = (
    "araddr",
    "arlen",
    "arvalid",
    "arready",
    *(f"r{name}" for name in ("data", "resp", "last", "valid", "ready")),
)
_WRITE_CHANNELS = (
    "awaddr",
    "awlen",
    "awvalid",
    "awready",
    "wdata",
    "wstrb",
    "wlast",
    "wvalid",
    "wready",
    "bresp",
    "bvalid",
    "bready",
)


def bench(engine: Engine, watch: Sequence[str] = ()) -> str:
    """The text of the bench.

    Args:
        engine: what is simulated.
        watch: streams of the core whose every word is printed, as `stream`, or `module:stream` for
            one inside a module of the core.
    """
    return "\n".join([*_bench(engine), *_monitors(engine, watch), ""])


def _bench(engine: Engine) -> Iterator[str]:
    masters = list(engine.memory_ports())
    outside = [port for port in engine.ports() if not port[0].startswith("m_axi_")]
    inside = [port for port in engine.ports() if port[0].startswith("m_axi_")]
    ports = [
        *(f"    {direction} logic {_range(width)}{name}" for name, direction, width in outside),
        *(f"    input {kind} {name}" for name, kind in _SETTINGS),
    ]
    yield f"module {MODULE} ("
    yield ",\n".join(ports)
    yield ");"
    yield from (f"    logic {_range(width)}{name};" for name, _, width in inside)
    yield f"    {TOP} engine ("
    yield connected((name, name) for name, _, _ in engine.ports())
    yield "    );"
    yield f"    axi_ddr #(.READERS({len(masters)})) ddr ("
    yield connected(
        [
            ("clk", "ap_clk"),
            ("rst_n", "ap_rst_n"),
            *((name, name) for name, _ in _SETTINGS),
            *(
                (name, f"{{{', '.join(f'{master}_{name}' for master in reversed(masters))}}}")
                for name in _READ_CHANNELS
            ),
            *((name, f"m_axi_data_{name}") for name in _WRITE_CHANNELS),
        ]
    )
    yield "    );"
    yield "endmodule"


def _monitors(engine: Engine, watch: Sequence[str]) -> Iterator[str]:
    for number, chosen in enumerate(watch):
        module, _, stream = chosen.rpartition(":")
        yield (
            f'bind {module or engine.core.top} stream_monitor #(.NAME("{chosen}"), '
            f".WIDTH($bits({stream}_data))) monitor_{number} (.clk(clk), .rst_n(rst_n), "
            f".data({stream}_data), .valid({stream}_valid), .ready({stream}_ready));"
        )


def _range(width: int) -> str:
    return f"[{width - 1}:0] " if width > 1 else ""
