"""The command `m3vit`: each subcommand calls one function of the library and shows the result."""

import typer

from m3vit.cli import demo, info, measure, quantisation, training
from m3vit.cli.errors import Commands

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
for part in (demo, info, training, quantisation, measure):
    part.register(app)


def main() -> None:
    """Run the command line."""
    app()
