"""`m3vit hls`: C++ kernels as SystemVerilog, and what they cost."""

from pathlib import Path, PurePath
from typing import Annotated, Any

import typer

from m3vit.cli.options import JsonOption, write_json
from m3vit.cli.progress import counted
from m3vit.cli.resources import show_engine, show_estimate
from m3vit.errors import UserError
from m3vit.hls.kernels import HLS, kernel_names

app = typer.Typer(
    name="hls",
    help="""Compile C++ kernels to SystemVerilog with pip-installed tools, and report their cost.

    [bold]Examples[/bold]

    m3vit hls report requantise

    m3vit hls compile my_kernel.cpp --top MyKernel -o build/my_kernel
    """,
    no_args_is_help=True,
    rich_markup_mode="rich",
)

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help=f"A C++ file, or a kernel that ships: {', '.join(kernel_names())}.",
    ),
]
TopOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The function to compile.", show_default="the file's name"),
]
ClockOption = Annotated[
    float | None,
    typer.Option(
        min=0.1, metavar="NS", help="Target period in nanoseconds.", show_default="the design's"
    ),
]
DefineOption = Annotated[
    list[str] | None, typer.Option("--define", "-D", metavar="NAME[=VALUE]", help="A macro.")
]
IncludeOption = Annotated[
    list[Path] | None,
    typer.Option("--include", "-I", metavar="DIR", help="A directory with headers."),
]
DesignOption = Annotated[
    str,
    typer.Option(
        help="Hardware sizes behind m3vit/config.hpp: nano, zcu104 or a TOML file of your own."
    ),
]


@app.command("compile")
def compile_(
    source: SourceArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory to write.")],
    top: TopOption = None,
    clock: ClockOption = None,
    define: DefineOption = None,
    include: IncludeOption = None,
    design: DesignOption = "zcu104",
) -> None:
    """Write a kernel as SystemVerilog, with every module that it needs and a report.

    [bold]Examples[/bold]

    m3vit hls compile matmul_array -o build/matmul_array

    m3vit hls compile my.cpp --top Filter -o build/filter --clock 4 -D TAPS=8 -I include
    """
    compiled = compiled_design(source, top, clock, define, include, design)
    compiled.write(output)
    show_report(compiled.report)
    lines = sum(text.count("\n") for text in compiled.modules.values())
    typer.echo(f"{output}: {lines} lines of SystemVerilog, modules {', '.join(compiled.modules)}")


@app.command()
def report(
    source: SourceArgument,
    top: TopOption = None,
    clock: ClockOption = None,
    define: DefineOption = None,
    include: IncludeOption = None,
    design: DesignOption = "zcu104",
    wide: Annotated[
        bool, typer.Option("--wide", help="More columns; every number is in the JSON.")
    ] = False,
    json_file: JsonOption = None,
) -> None:
    """Show what a kernel costs per module: interval, latency, stages, registers, memories, delays.

    [bold]Examples[/bold]

    m3vit hls report layer_norm

    m3vit hls report my.cpp --top Filter --clock 4 --json filter.json
    """
    compiled = compiled_design(source, top, clock, define, include, design)
    show_report(compiled.report, wide)
    write_json(json_file, compiled.report.as_dict())


@app.command()
def estimate(
    source: SourceArgument,
    top: TopOption = None,
    clock: ClockOption = None,
    define: DefineOption = None,
    include: IncludeOption = None,
    design: DesignOption = "zcu104",
    jobs: Annotated[int, typer.Option(min=1, help="Processes of yosys at a time.")] = 1,
    json_file: JsonOption = None,
) -> None:
    """Estimate LUTs, flip-flops, DSP blocks and memories with yosys; nothing is placed or routed.

    [bold]engine[/bold] is the whole accelerator with its AXI ports, shown by unit. Every module is
    mapped once and kept: the engine takes many minutes the first time. The first call of all
    prepares yosys, which takes minutes.

    [bold]Examples[/bold]

    m3vit hls estimate requantise

    m3vit hls estimate engine --design zcu104 --jobs 2 --json estimate.json
    """
    from m3vit.hls.design import DesignConfig
    from m3vit.hls.resources.engine import estimate_engine
    from m3vit.hls.resources.synthesis import estimate as run

    if source == "engine" and not any((top, clock, define, include)):
        sizes = DesignConfig.load(design)
        with counted("modules") as progress:
            whole = estimate_engine(sizes, progress, jobs)
        show_engine(whole)
        write_json(json_file, whole.as_dict())
        return
    compiled = compiled_design(source, top, clock, define, include, design)
    with counted("modules") as progress:
        result = run(compiled.texts(), compiled.top, progress, jobs)
    show_estimate(result)
    write_json(json_file, result.as_dict())


@app.command()
def csynth(
    kernels: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KERNEL...]", help=f"{', '.join(kernel_names())}; by default all of them."
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory to write.")] = Path(
        "build/csynth"
    ),
    design: DesignOption = "zcu104",
    json_file: JsonOption = None,
) -> None:
    """Run C synthesis with Vitis HLS, where it is installed, and compare with our own report.

    [bold]Example[/bold]

    m3vit hls csynth requantise
    """
    from dataclasses import asdict

    from m3vit.hls.design import DesignConfig
    from m3vit.hls.kernels import compile_kernel
    from m3vit.hls.vitis.csynth import synthesise

    sizes = DesignConfig.load(design)
    compared = []
    for kernel in kernels or kernel_names():
        vitis = synthesise(kernel, sizes, output)
        compared.append((vitis, compile_kernel(kernel, sizes).report))
    show_comparison(compared)
    write_json(
        json_file,
        {vitis.top: {"vitis": asdict(vitis), "m3vit": ours.as_dict()} for vitis, ours in compared},
    )


def compiled_design(
    source: str,
    top: str | None,
    clock: float | None,
    define: list[str] | None,
    include: list[Path] | None,
    design: str,
) -> Any:
    """The `compiler.Design` that the options of a command ask for, with a line of progress.

    Raises:
        UserError: no such file or kernel, a macro without a name, or C++ without hardware.
    """
    from rich.console import Console

    from m3vit.hls.compiler import compile_source
    from m3vit.hls.design import DesignConfig
    from m3vit.hls.kernels import include_directories

    path = Path(source)
    if source in kernel_names() and not path.is_file():
        path = HLS / "src" / f"{source}_top.cpp"
    elif not path.is_file():
        raise UserError(
            f"{source} is neither a file nor a kernel: name a C++ file or one of "
            f"{', '.join(kernel_names())}"
        )
    sizes = DesignConfig.load(design)
    defines = {}
    for word in define or ():
        name, _, value = word.partition("=")
        if not name.isidentifier():
            raise UserError(f"'{word}' is no macro: write --define NAME=VALUE")
        defines[name] = value
    with Console(stderr=True).status(f"compiling {path.name}"):
        return compile_source(
            path,
            top or path.stem,
            defines=defines,
            include=[*(include or ()), *include_directories(sizes)],
            clock_ns=clock or 1000 / sizes.clock_mhz,
        )


# Tables -------------------------------------------------------------------------------------------


def show_report(report: Any, wide: bool = False) -> None:
    """Print a `compiler.report.DesignReport`: a row per module, totals, warnings.

    Without `wide` it fits 80 columns.
    """
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from m3vit.hls.compiler.report import PROVENANCE

    console = Console(highlight=False)
    console.print(f"[bold]{report.top}[/bold], {report.clock_ns:.4g} ns: {PROVENANCE}")
    table = Table(box=box.SIMPLE, pad_edge=False, show_edge=False)
    counts = report.counts()
    columns = WIDE_COLUMNS if wide else COLUMNS
    for heading in columns:
        table.add_column(
            heading,
            justify="left" if heading in ("module", "memories", "at") else "right",
            no_wrap=True,
        )
    for module in report.modules:
        cells = module_cells(module, counts[module.name], report.budget_ns, wide)
        table.add_row(*(cells[heading] for heading in columns))
    console.print(table)
    total = report.total()
    console.print(
        f"in all: {total['registers']:,} register bits, {total['dsp']:,} DSP blocks, "
        f"{total['ramb18']} RAMB18, {total['uram']} URAM, {total['lutram_bits']:,} bits of LUTRAM, "
        f"{total['queue_bits']:,} bits of queues"
    )
    slowest = report.slowest
    place = f" at {escape(slowest.slowest_at)}" if slowest.slowest_at else ""
    console.print(
        f"largest enable fan-out {total['enable_fan_out']:,}; slowest stage "
        f"{slowest.slowest_ns:.2f} of {report.budget_ns:.2f} ns, in {slowest.name}{place}"
    )
    console.print(", ".join(f"{name} {version}" for name, version in report.tools.items()))
    for module in report.modules:
        for warning in module.warnings:
            console.print(f"[yellow]warning[/yellow] {module.name}: {escape(warning)}")


COLUMNS = ("module", "count", "II", "latency", "registers", "DSP", "memories", "ns")
WIDE_COLUMNS = (
    *COLUMNS[:4],
    "stages",
    "registers",
    "products",
    "DSP",
    "memories",
    "queue bits",
    "fan-out",
    "ns",
    "at",
)


def module_cells(module: Any, count: int, budget: float, wide: bool) -> dict[str, str]:
    """A row of the report, by heading; the slowest stage is red above the budget."""
    slowest = f"{module.slowest_ns:.2f}" if module.slowest_ns else ""
    memories = [memory_line(memory) for memory in module.memories] if wide else kinds(module)
    return {
        "module": module.name,
        "count": str(count),
        "II": shown(module.interval),
        "latency": shown(module.latency),
        "stages": str(max((loop.stages for loop in module.loops), default="")),
        "registers": shown(module.registers or None),
        "products": shown(module.multipliers or None),
        "DSP": shown(module.dsp or None),
        "memories": "\n".join(memories),
        "queue bits": shown(sum(width * depth for width, depth in module.queues.values()) or None),
        "fan-out": shown(module.enable_fan_out or None),
        "ns": f"[red]{slowest}[/red]" if module.slowest_ns > budget else slowest,
        "at": PurePath(module.slowest_at).name,
    }


def kinds(module: Any) -> list[str]:
    """What a module's memories take, by kind."""
    lines = []
    for kind, name in (("bram", "RAMB18"), ("uram", "URAM")):
        if module.blocks(kind):
            lines.append(f"{module.blocks(kind)} {name}")
    for kind, name in (("lutram", "b LUTRAM"), ("rom", "b table")):
        if module.bits(kind):
            lines.append(f"{module.bits(kind):,} {name}")
    return lines


def memory_line(memory: Any) -> str:
    """Such as `rows 4x 36x512 bram`."""
    parts = memory.banks * memory.copies
    several = f"{parts}x " if parts > 1 else ""
    return f"{memory.name} {several}{memory.width}x{memory.depth} {memory.kind}"


def shown(number: int | None) -> str:
    """A count, or nothing."""
    return "" if number is None else f"{number:,}"


def show_comparison(compared: list[tuple[Any, Any]]) -> None:
    """Print what Vitis HLS and the open compiler say about the same kernels."""
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title="Vitis HLS | m3vit: both estimates, before place and route", title_justify="left"
    )
    table.add_column("kernel")
    for heading in ("II", "slowest path, ns", "DSP", "RAMB18", "URAM", "FF", "LUT (Vitis)"):
        table.add_column(heading, justify="right")
    for vitis, ours in compared:
        total, theirs = ours.total(), vitis.resources
        interval = max((module.interval or 1 for module in ours.modules), default=1)
        table.add_row(
            vitis.top,
            f"{shown(vitis.interval) or '?'} | {interval}",
            f"{vitis.estimated_ns:.2f} | {ours.slowest.slowest_ns:.2f}",
            f"{theirs['DSP']:,} | {total['dsp']:,}",
            f"{theirs['BRAM_18K']:,} | {total['ramb18']:,}",
            f"{theirs['URAM']:,} | {total['uram']:,}",
            f"{theirs['FF']:,} | {total['registers']:,}",
            f"{theirs['LUT']:,}",
        )
    Console().print(table)
