"""The float model in PyTorch for the benchmark: float32, int8 where it can, and on a GPU.

A run takes the pixels as bytes from the host's memory and leaves the outputs there, as the engine
does: scaling, and on a GPU both copies, are part of it.
"""

import copy
import itertools
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from m3vit.errors import UserError
from m3vit.host.benchmark.contenders import Workload


class TorchRun:
    """A network on a device, batch by batch.

    Args:
        network: in evaluation mode.
        workload: images and task. batch: images of a call. device: where.
        notes: what to know.
    """

    def __init__(
        self,
        network: nn.Module,
        workload: Workload,
        batch: int,
        device: torch.device,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.network, self.task = network.to(device).eval(), workload.task
        self.device, self.notes = device, notes
        config: Any = workload.network.config
        self._mean, self._deviation = (
            torch.tensor(values, dtype=torch.float32, device=device).view(1, -1, 1, 1)
            for values in (config.image_mean, config.image_std)
        )
        # Whole batches of images in turns, all of them ready.
        turns = [workload.images[i % len(workload.images)] for i in range(_turn(workload, batch))]
        stacked = torch.from_numpy(np.stack(turns))
        self._batches = itertools.cycle(stacked.split(batch))

    def __call__(self) -> Tensor:
        """Compute the next batch: (B, C, H, W) in the host's memory."""
        pixels = next(self._batches).to(self.device).movedim(-1, 1).float()
        with torch.inference_mode():
            scaled = (pixels / 255 - self._mean) / self._deviation
            return self.network(pixel_values=scaled, tasks=[self.task])[self.task].cpu()


def float_run(workload: Workload, batch: int) -> TorchRun:
    """In float32 on the processor."""
    return TorchRun(workload.network, workload, batch, torch.device("cpu"), (_threads(),))


def int8_run(workload: Workload, batch: int) -> TorchRun:
    """Linear layers in int8 on the processor, the rest in float32.

    Torch's dynamic quantisation: weights are int8, activations are scaled and rounded in each
    call. Experts are tensors of three dimensions here, which it leaves as they are, as it does
    convolutions and products of two activations; the note says how much remains.

    Raises:
        UserError: this torch has no dynamic quantisation any more.
    """
    quantize = getattr(getattr(torch.ao, "quantization", None), "quantize_dynamic", None)
    if quantize is None:
        raise UserError("this torch cannot quantise dynamically any more: install torch 2.13")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it will go; then the error above says so
        network = quantize(copy.deepcopy(workload.network), {nn.Linear}, dtype=torch.qint8)
    processor = torch.device("cpu")
    products = _quantised_products(TorchRun(network, workload, batch, processor))
    share = 2e-9 * products / (batch * workload.giga_operations)
    notes = (
        f"{share:.0%} of the products in int8: linear layers; experts, attention and patch "
        "embedding stay float32",
        _threads(),
    )
    return TorchRun(network, workload, batch, processor, notes)


def gpu_run(workload: Workload, batch: int) -> TorchRun:
    """In float32 on the first GPU.

    Raises:
        UserError: torch sees none.
    """
    if not torch.cuda.is_available():
        raise UserError("torch sees no GPU here: run on a machine with one, with torch for CUDA")
    name = torch.cuda.get_device_name(0)
    network = copy.deepcopy(workload.network)
    return TorchRun(network, workload, batch, torch.device("cuda", 0), (name,))


def _threads() -> str:
    count = torch.get_num_threads()
    return f"{count} thread" + "s" * (count > 1)


def _turn(workload: Workload, batch: int) -> int:
    """After so many images whole batches begin again with the first image."""
    return int(np.lcm(len(workload.images), batch))


def _quantised_products(run: TorchRun) -> int:
    """Products of one call in layers with int8 weights."""
    products = 0

    def count(layer: Any, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        nonlocal products
        products += inputs[0].numel() * layer.out_features

    layers = [
        layer
        for layer in run.network.modules()
        if isinstance(layer, torch.ao.nn.quantized.dynamic.Linear)
    ]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    run()
    for hook in hooks:
        hook.remove()
    return products
