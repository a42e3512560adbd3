"""`m3vit build`, `m3vit deploy`, `m3vit fetch-bitstream`: from sources to a board."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from m3vit.cli.options import JsonOption, write_json

DesignOption = Annotated[
    str, typer.Option(help="Hardware sizes: zcu104, nano or a TOML file of your own.")
]
CoreOption = Annotated[
    Literal["open", "vitis"],
    typer.Option(help="Compiler of the core: this project's own, or Vitis HLS."),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="Directory for the project and its logs."),
]

app = typer.Typer(
    name="build",
    help="""Build the accelerator for the ZCU104 with Vivado 2023.2 or 2024.1.

    [bold]Examples[/bold]

    m3vit build --dry-run

    m3vit build bitstream
    """,
    invoke_without_command=True,
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.callback()
def build(
    context: typer.Context,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Play every script without Vivado and Vitis, and say what is wrong."
        ),
    ] = False,
    design: DesignOption = "zcu104",
    json_file: JsonOption = None,
) -> None:
    """Check the scripts, if asked for."""
    if not dry_run or context.invoked_subcommand is not None:
        return
    from dataclasses import asdict

    from m3vit.errors import UserError
    from m3vit.hls.design import DesignConfig
    from m3vit.hls.rehearsal import rehearse

    findings = list(rehearse(DesignConfig.load(design)))
    for finding in findings:
        typer.echo(f"{finding.step}: {finding.fault or 'nothing amiss'}")
    write_json(json_file, {"findings": [asdict(finding) for finding in findings]})
    faults = [finding for finding in findings if finding.fault]
    if faults:
        raise UserError(f"{len(faults)} of {len(findings)} steps would fail: see above")
    typer.echo("Played by stand-ins for Vitis HLS and Vivado; neither was run.")


@app.command()
def ip(
    core: CoreOption = "open", design: DesignOption = "zcu104", output: OutputOption = None
) -> None:
    """Package the engine as IP for Vivado's block designs; with --core vitis this takes hours.

    [bold]Examples[/bold]

    m3vit build ip

    m3vit build ip --core vitis
    """
    packaged = made_ip(core, design, output)
    typer.echo(f"{packaged.directory / 'component.xml'}: {packaged.flow} core")


@app.command()
def bitstream(
    core: CoreOption = "open",
    design: DesignOption = "zcu104",
    output: OutputOption = None,
    overlay: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Directory for the overlay.", show_default="bitstreams/DESIGN"
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processes of Vivado at a time.")
    ] = min(os.cpu_count() or 1, 8),
) -> None:
    """Build an overlay for the ZCU104: .bit, .hwh, reports, manifest.json; this takes hours.

    [bold]Examples[/bold]

    m3vit build bitstream

    m3vit build bitstream --core vitis --jobs 16
    """
    from rich.console import Console

    from m3vit.hls.vivado.bitstream import build_bitstream

    packaged = made_ip(core, design, output)
    name = packaged.design.name
    target = overlay or Path("bitstreams") / name
    with Console(stderr=True).status("Vivado implements the engine"):
        manifest = build_bitstream(
            packaged, (output or Path("build/vivado") / f"{name}-{core}"), target, jobs
        )
    show(manifest)
    typer.echo(f"{target}: overlay with its manifest")


@app.command()
def links(
    address: Annotated[str, typer.Argument(help="URL of the directory that has the files.")],
    overlay: Annotated[
        Path, typer.Option(metavar="DIR", help="Directory with the built overlay.")
    ] = Path("bitstreams/zcu104"),
    target: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Directory to write.", show_default="the same"),
    ] = None,
) -> None:
    """Write the .link files of an overlay that has been published somewhere.

    [bold]Example[/bold]

    m3vit build links https://example.org/m3vit/zcu104
    """
    from m3vit.host.bitstreams import write_links

    for path in write_links(overlay, address, target or overlay):
        typer.echo(path)


def deploy(
    host: Annotated[str, typer.Argument(metavar="HOST", help="Name or address of the board.")],
    overlay: Annotated[
        Path, typer.Option(metavar="DIR", help="Directory with the overlay.")
    ] = Path("bitstreams/zcu104"),
    wheel: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The package.", show_default="made from these sources"),
    ] = None,
    user: Annotated[str, typer.Option(metavar="NAME", help="Who logs in.")] = "xilinx",
) -> None:
    """Copy an overlay and this package to a board, by rsync or scp.

    [bold]Example[/bold]

    m3vit deploy 192.168.2.99
    """
    from m3vit.host.deploy import deploy as run

    commands = run(host, overlay, wheel, user)
    typer.echo("Copied. On the board:")
    for command in commands:
        typer.echo(f"  {command}")


def fetch_bitstream(
    source: Annotated[
        str, typer.Argument(help="A design whose overlay is published, or a directory with one.")
    ] = "zcu104",
    design: Annotated[
        str | None,
        typer.Option(help="The sources' design.", show_default="the one that the manifest names"),
    ] = None,
) -> None:
    """Bring an overlay to this machine; SHA-256, hardware and version are checked.

    [bold]Examples[/bold]

    m3vit fetch-bitstream

    m3vit fetch-bitstream build/overlay
    """
    from m3vit.cli.progress import LateBar
    from m3vit.hls.design import DesignConfig
    from m3vit.host.bitstreams import fetch

    with LateBar("bytes") as bar:
        path = fetch(
            source,
            DesignConfig.load(design) if design else None,
            progress=lambda name, done, total: bar.show(completed=done, total=total, detail=name),
        )
    typer.echo(path)


def made_ip(core: Literal["open", "vitis"], design: str, output: Path | None) -> Any:
    """The `PackagedEngine` that the options ask for."""
    from rich.console import Console

    from m3vit.hls.design import DesignConfig
    from m3vit.hls.vivado.package import build_ip

    sizes = DesignConfig.load(design)
    doing = "compiling and packaging the engine"
    with Console(stderr=True).status(doing if core == "open" else f"{doing} with Vitis HLS"):
        return build_ip(sizes, core, output or Path("build/vivado") / f"{sizes.name}-{core}")


def show(manifest: Any) -> None:
    """Print a `Manifest`: what Vivado's reports say."""
    typer.echo(
        f"{manifest.design} {manifest.design_id:#010x}, {manifest.clock_mhz} MHz, worst slack "
        f"{manifest.timing.wns_ns:+.3f} ns (Vivado {manifest.tools['Vivado']}, routed)"
    )
    for name, resource in manifest.utilisation.items():
        share = resource.used / resource.available
        typer.echo(f"  {name:7}{resource.used:>10,g} of {resource.available:>9,g}  {share:.1%}")
