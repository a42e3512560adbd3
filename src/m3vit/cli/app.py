"""All commands in one place."""

import typer

from m3vit.cli.bench import bench
from m3vit.cli.build import app as build
from m3vit.cli.build import deploy, fetch_bitstream
from m3vit.cli.demo import demo
from m3vit.cli.disassemble import disassemble
from m3vit.cli.doctor import doctor
from m3vit.cli.errors import Commands
from m3vit.cli.explore import explore
from m3vit.cli.hls import app as hls
from m3vit.cli.info import info, version
from m3vit.cli.options import SeveralTasks
from m3vit.cli.quantisation import compare, golden, quantize
from m3vit.cli.training import evaluate, import_m3vit, scenes, train

app = typer.Typer(
    name="m3vit",
    cls=Commands,
    help="Multi-task mixture-of-experts vision transformers: train, quantise, verify, run.",
    epilog="Every number shown says where it comes from: measured, counted, simulated, published.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(cls=SeveralTasks)(demo)
app.command()(info)
app.command()(train)
app.command(cls=SeveralTasks)(evaluate)
app.command()(quantize)
app.command()(compare)
app.command()(golden)
app.command()(scenes)
app.command("import-m3vit")(import_m3vit)
app.command()(disassemble)
app.command()(doctor)
app.command()(explore)
app.command()(bench)
app.command()(version)
app.command()(deploy)
app.command("fetch-bitstream")(fetch_bitstream)
app.add_typer(hls)
app.add_typer(build)


def main() -> None:
    """Run the command line."""
    app()
