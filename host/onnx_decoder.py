"""A decoder head of the user's own on the host, from an ONNX file, by onnxruntime."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError

Maps = NDArray[np.float32]


class OnnxDecoder:
    """From the tokens of the last block to a map; `m3vit.model.export_decoder` writes such files.

    Args:
        path: an ONNX file with one float input (1, T, D), tokens with the class token first, and
            one output (1, C, h, w).
        threads: of the processor; onnxruntime decides by default.

    Raises:
        UserError: no onnxruntime, no such file, or a network of other shapes.
    """

    def __init__(self, path: str | Path, threads: int = 0) -> None:
        try:
            import onnxruntime  # type: ignore[import-untyped]
        except ImportError as error:
            raise UserError(
                "decoders in ONNX need onnxruntime: install it with pip install 'm3vit[onnx]'"
            ) from error
        if not Path(path).is_file():
            raise UserError(f"there is no file {path}: write it with m3vit.model.export_decoder")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own have no base of their own
            raise UserError(
                f"onnxruntime cannot load {path} ({error}): export the head again"
            ) from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        ranks = [len(each.shape) for each in (*inputs, *outputs)]
        if ranks != [3, 4] or inputs[0].type != "tensor(float)":
            raise UserError(
                f"{path} is no decoder: it takes one (1, T, D) tensor of floats and gives one "
                "(1, C, h, w); export the head alone"
            )
        self.path, self._input = Path(path), inputs[0]

    def __call__(self, tokens: Maps) -> Maps:
        """(T, D) real values, the class token first -> (C, h, w).

        Raises:
            UserError: it was exported for other numbers of tokens or channels.
        """
        expected = self._input.shape[1:]
        for found, size in zip(tokens.shape, expected, strict=True):
            if isinstance(size, int) and size != found:
                raise UserError(
                    f"{self.path} takes {expected} tokens by channels and the model gives "
                    f"{list(tokens.shape)}: export the head for this model"
                )
        (maps,) = self._session.run(None, {self._input.name: tokens[None].astype(np.float32)})
        result: Maps = maps[0]
        return result
