"""Meters of a PC through the package `zeus`: RAPL for processors, NVML for NVIDIA GPUs."""

import time
from typing import Any

from .meter import Clock, CounterMeter, NoMeterError

RAPL_UPDATE_SECONDS = 0.001
"""Between two updates of RAPL's counters, as the Intel SDM, volume 3B, says: about 1 ms."""

NVML_UPDATE_SECONDS = 0.1
"""Between two updates of NVML's counter, as the authors of zeus found: about 100 ms."""

_MILLI = 1e-3
_INSTALL = "install it with `pip install m3vit[energy]`"


def processor_meter(clock: Clock = time.perf_counter) -> CounterMeter:
    """RAPL: all packages together, and the memory where its counter is.

    A package is a whole socket, so what else runs on it is metered as well.

    Raises:
        NoMeterError: no zeus, no RAPL (virtual machines hide it), or no permission.
    """
    try:
        from zeus.device.cpu import get_cpus
        from zeus.exception import ZeusBaseError
    except ImportError as error:
        raise NoMeterError(f"RAPL is read through zeus, which is not here: {_INSTALL}") from error
    try:
        processors = get_cpus().cpus
    except (ZeusBaseError, OSError) as error:
        if _is_permission(error):
            raise NoMeterError(
                "RAPL may only be read by root here: run as root, or start the daemon zeusd"
            ) from error
        raise NoMeterError(
            "no RAPL: /sys/class/powercap/intel-rapl is not here, as in most virtual machines; "
            "run on the machine itself"
        ) from error
    if not processors:
        raise NoMeterError("RAPL names no processor package here: load the module intel_rapl_msr")

    def read() -> dict[str, float]:
        counts = [processor.get_total_energy_consumption() for processor in processors]
        joules = {"CPU packages": _MILLI * sum(count.cpu_mj for count in counts)}
        memory = [count.dram_mj for count in counts]
        if None not in memory:
            joules["CPU memory"] = _MILLI * sum(memory)
        return joules

    return CounterMeter("RAPL", read, RAPL_UPDATE_SECONDS, clock)


def gpu_meter(index: int = 0, clock: Clock = time.perf_counter) -> CounterMeter:
    """NVML: the whole board of one GPU.

    Args:
        index: of the GPU, among those that CUDA_VISIBLE_DEVICES leaves.
        clock: seconds.

    Raises:
        NoMeterError: no zeus, no driver, no such GPU, or one older than Volta.
    """
    try:
        from zeus.device.gpu import get_gpus
        from zeus.exception import ZeusBaseError
    except ImportError as error:
        raise NoMeterError(f"NVML is read through zeus, which is not here: {_INSTALL}") from error
    try:
        gpus = get_gpus().gpus
        if index >= len(gpus):
            raise NoMeterError(f"no GPU {index}: NVML knows {len(gpus)}")
        gpu: Any = gpus[index]
        if not gpu.supports_get_total_energy_consumption():
            raise NoMeterError(f"{gpu.get_name()} has no energy counter: those since Volta have")
    except (ZeusBaseError, OSError) as error:
        raise NoMeterError("no NVML: there is no GPU here, or no driver of it") from error

    def read() -> dict[str, float]:
        return {"GPU board": _MILLI * gpu.get_total_energy_consumption()}

    return CounterMeter(f"NVML, {gpu.get_name()}", read, NVML_UPDATE_SECONDS, clock)


def _is_permission(error: BaseException) -> bool:
    return isinstance(error, PermissionError) or "Permission" in type(error).__name__
