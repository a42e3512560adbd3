"""The bench around a design under test: a source or sink on every stream, as SystemVerilog text."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from m3vit.hls.compiler import Design
from m3vit.hls.compiler.ir import Payload
from m3vit.hls.compiler.names import legal

LIBRARY = tuple(sorted((Path(__file__).parent / "sv").glob("*.sv")))
"""The hand-written modules of the bench."""

NATIVE_MAIN = Path(__file__).parent / "sv" / "native.cpp"
"""The C++ main program of a bench without cocotb; its top module is `bench`."""


@dataclass(frozen=True)
class Target:
    """A design under test.

    Attributes:
        name: of its top module, with `clk`, `rst_n` and for every stream `<s>_data`, `<s>_valid`
            and `<s>_ready`.
        files: its SystemVerilog.
        inputs, outputs: what each stream carries.
        scalars: width of each number that is held stable while it runs.
        handshake: it has ap_start, ap_done, ap_idle and ap_ready; otherwise it runs freely.
    """

    name: str
    files: tuple[Path, ...]
    inputs: Mapping[str, Payload]
    outputs: Mapping[str, Payload]
    scalars: Mapping[str, int] = field(default_factory=dict)
    handshake: bool = False

    @classmethod
    def of(cls, design: Design, directory: Path) -> "Target":
        """A compiled design; its text is written to `directory`, which may hold others.

        Raises:
            ValueError: it is started by AXI4-Lite registers, which this bench does not drive.
        """
        if design.control == "axilite":
            raise ValueError(f"{design.top} is behind registers: simulate it without s_axilite")
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in design.texts().items():
            (directory / name).write_text(text)
        ports: dict[str, dict[str, Payload]] = {"in": {}, "out": {}}
        for stream in design.streams:
            ports[stream.direction][stream.name] = stream.payload
        return cls(
            name=design.top,
            files=tuple(directory / name for name in design.texts()),
            inputs=ports["in"],
            outputs=ports["out"],
            scalars={legal(scalar.name): scalar.width for scalar in design.scalars},
            handshake=design.control == "ap_ctrl_hs",
        )


def bench(target: Target, module: str, folder: str = "") -> str:
    """The module that plays one design; ports: clk, rst_n, the scalars, and `finished` out.

    Args:
        target: the design.
        module: name of the bench.
        folder: subdirectory of the run's directory with its files, ending in a slash.
    """
    scalars = [
        f"    input  logic {_range(width)} {name}," for name, width in target.scalars.items()
    ]
    streams = {**target.inputs, **target.outputs}
    return "\n".join(
        [
            f"module {module} (",
            "    input  logic clk,",
            "    input  logic rst_n,",
            *scalars,
            "    output logic finished",
            ");",
            "    int   cycle, report;",
            "    logic quiet, ending;",
            "    logic ap_start, ap_done, ap_idle, ap_ready;",
            f"    wire  moved = {_any(f'{name}_moved' for name in streams)};",
            f"    wire  sources_finished = {_all(f'{name}_finished' for name in target.inputs)};",
            f"    wire  sinks_satisfied = {_all(f'{name}_satisfied' for name in target.outputs)};",
            "",
            f"    bench_control #({_control(target, folder)}) control (.*);",
            *([] if target.handshake else ["    assign {ap_done, ap_idle, ap_ready} = '0;"]),
            *(_source(name, payload, folder) for name, payload in target.inputs.items()),
            *(_sink(name, payload, folder) for name, payload in target.outputs.items()),
            "",
            f"    {target.name} dut (.*);",
            "endmodule",
            "",
        ]
    )


def native_top(targets: Sequence[Target]) -> str:
    """`bench`: one bench per design under the clock of the C++ main program, and their reset.

    The files of design number k are in the subdirectory `<k>`; its `scalars` holds one
    hexadecimal number per scalar. The simulation ends when every bench has finished.
    """
    benches = [bench(target, f"bench_{k}", f"{k}/") for k, target in enumerate(targets)]
    instances = [_native_instance(target, k) for k, target in enumerate(targets)]
    return "\n".join(
        [
            *benches,
            "module bench (input logic clk);",
            "    logic [1:0] reset = '1;  // so short that nothing drains before it has an effect",
            "    wire rst_n = !reset[0];",
            f"    logic [{len(targets) - 1}:0] finished;",
            "    string folder;",
            '    initial if (!$value$plusargs("run=%s", folder)) $fatal(1, "+run is missing");',
            "    always_ff @(posedge clk) begin",
            "        reset <= {1'b0, reset[1]};",
            "        if (rst_n && &finished) $finish;",
            "    end",
            *instances,
            "endmodule",
            "",
        ]
    )


def cocotb_top(target: Target) -> str:
    """`bench`: one bench, whose reset and scalars cocotb drives."""
    ports = [f"    input  logic {_range(width)} {name}," for name, width in target.scalars.items()]
    return "\n".join(
        [
            bench(target, "bench_0", "0/"),
            "module bench (",
            "    input  logic rst_n,",
            *ports,
            "    output logic finished",
            ");",
            "    logic clk = 1'b0;",
            "    always #5 clk = !clk;",
            "    bench_0 streams (.*);",
            "endmodule",
            "",
        ]
    )


def _native_instance(target: Target, number: int) -> str:
    scalars = list(target.scalars.items())
    declared = [f"        logic {_range(width)} {name};" for name, width in scalars]
    read = [
        f'            if ($fscanf(file, "%h", {name}) != 1) $fatal(1, "no value of {name}");'
        for name, _ in scalars
    ]
    connected = "".join(f".{name}({name}), " for name, _ in scalars)
    return "\n".join(
        [
            f"    if (1) begin : part_{number}",
            *declared,
            *(["        int file;"] if scalars else []),
            *(["        initial begin"] if scalars else []),
            *(
                [f'            file = $fopen({{folder, "/{number}/scalars"}}, "r");']
                if scalars
                else []
            ),
            *read,
            *(["        end"] if scalars else []),
            f"        bench_{number} streams ({connected}.finished(finished[{number}]), .*);",
            "    end",
        ]
    )


def _control(target: Target, folder: str) -> str:
    return f'.FOLDER("{folder}"), .HANDSHAKE({int(target.handshake)})'


def _source(name: str, payload: Payload, folder: str) -> str:
    return f"""
    logic {_range(payload.width)} {name}_data;
    logic {name}_valid, {name}_ready, {name}_moved, {name}_finished;
    stream_source #(.WIDTH({payload.width}), .FOLDER("{folder}"), .NAME("{name}")) {name}_source (
        .moved({name}_moved), .finished({name}_finished),
        .data({name}_data), .valid({name}_valid), .ready({name}_ready), .*
    );"""


def _sink(name: str, payload: Payload, folder: str) -> str:
    return f"""
    logic {_range(payload.width)} {name}_data;
    logic {name}_valid, {name}_ready, {name}_moved, {name}_satisfied;
    stream_sink #(.WIDTH({payload.width}), .FOLDER("{folder}"), .NAME("{name}")) {name}_sink (
        .moved({name}_moved), .satisfied({name}_satisfied),
        .data({name}_data), .valid({name}_valid), .ready({name}_ready), .*
    );"""


def _range(width: int) -> str:
    return f"[{width - 1}:0]"


def _any(names: Iterable[str]) -> str:
    return " || ".join(names) or "1'b0"


def _all(names: Iterable[str]) -> str:
    return " && ".join(names) or "1'b1"
