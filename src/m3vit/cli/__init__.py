"""The command `m3vit`: each subcommand calls one function of the library and shows the result."""

from m3vit.cli.app import app, main

__all__ = ["app", "main"]
