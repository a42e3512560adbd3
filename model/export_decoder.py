"""A decoder head in PyTorch as an ONNX file, which `m3vit.host.onnx_decoder` runs on a board."""

import warnings
from pathlib import Path

import torch
from torch import nn

from m3vit.errors import UserError
from m3vit.files import atomic_path


def export_decoder(head: nn.Module, tokens: int, width: int, path: str | Path) -> None:
    """Write a head, whole or not at all.

    Args:
        head: (1, T, D) float tokens, the class token first -> (1, C, h, w); put into evaluation
            mode.
        tokens: T, patches and the class token.
        width: D.
        path: of the file.

    Raises:
        UserError: the head does not take such tokens, gives no such map, or has an operation that
            ONNX lacks; or the package `onnx` is not here.
    """
    example = torch.zeros(1, tokens, width)
    head = head.eval()
    try:
        with torch.inference_mode():
            maps = head(example)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"the head does not take tokens of shape (1, {tokens}, {width}): {error}"
        ) from error
    if not isinstance(maps, torch.Tensor) or maps.dim() != 4:
        raise UserError("a head gives one tensor (1, C, h, w): let its forward return that")
    with atomic_path(path) as fresh, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is a newer exporter; it needs more packages
        try:
            torch.onnx.export(
                head,
                (example,),
                fresh,
                dynamo=False,
                input_names=["tokens"],
                output_names=["maps"],
            )
        except torch.onnx.OnnxExporterError as error:
            if "onnx is not installed" in str(error):
                raise UserError(
                    "export needs the package onnx: install it with pip install 'm3vit[onnx]'"
                ) from error
            raise UserError(
                f"the head cannot be written as ONNX ({error}): build it from other operations"
            ) from error
