import sys
from types import SimpleNamespace

import pytest
import zeus.device.cpu
import zeus.device.cpu.rapl as rapl
import zeus.device.gpu

from m3vit.host.energy import zeus_meters
from m3vit.host.energy.meter import NoMeterError


@pytest.fixture
def powercap(tmp_path, monkeypatch):
    """A socket and its memory as files, read by zeus itself."""

    def write(zone, name, microjoules):
        zone.mkdir(exist_ok=True)
        (zone / "name").write_text(name)
        (zone / "energy_uj").write_text(str(microjoules))
        (zone / "max_energy_range_uj").write_text("262143328850")

    def set_counts(package, memory):
        write(tmp_path / "intel-rapl:0", "package-0", package)
        write(tmp_path / "intel-rapl:0" / "intel-rapl:0:0", "dram", memory)

    class NoWraps:
        """Instead of the process that zeus starts."""

        def __init__(self, *_):
            pass

        def get_num_wraparounds(self):
            return 0

    monkeypatch.setattr(rapl, "RAPL_DIR", str(tmp_path))
    monkeypatch.setattr(rapl, "RaplWraparoundTracker", NoWraps)
    monkeypatch.setattr(zeus.device.cpu, "_cpus", None)
    rapl.rapl_is_available.cache_clear()
    yield set_counts
    rapl.rapl_is_available.cache_clear()


def test_rapl_is_read_through_zeus(powercap, time):
    powercap(5_000_000, 1_000_000)
    meter = zeus_meters.processor_meter(time.clock)
    meter.start()
    powercap(65_000_000, 7_000_000)
    time.sleep(10)
    package, memory = meter.stop()
    assert (package.domain, memory.domain) == ("CPU packages", "CPU memory")
    assert package.joules == pytest.approx(60.0)
    assert memory.watts == pytest.approx(0.6)
    assert package.error == pytest.approx(2 * 0.001 * 6)


def test_without_rapl_the_reason_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(rapl, "RAPL_DIR", str(tmp_path / "none"))
    monkeypatch.setattr(rapl, "CONTAINER_RAPL_DIR", str(tmp_path / "none"))
    monkeypatch.setattr(zeus.device.cpu, "_cpus", None)
    rapl.rapl_is_available.cache_clear()
    with pytest.raises(NoMeterError, match="intel-rapl is not here"):
        zeus_meters.processor_meter()
    rapl.rapl_is_available.cache_clear()


def test_forbidden_counters_say_so(monkeypatch):
    def refuse():
        raise zeus.device.cpu.common.ZeusCPUNoPermissionError("no")

    monkeypatch.setattr(zeus.device.cpu, "get_cpus", refuse)
    with pytest.raises(NoMeterError, match="root"):
        zeus_meters.processor_meter()


class Gpu:
    def __init__(self, counted=True):
        self.millijoules, self.counted = 1_000_000, counted

    def get_name(self):
        return "Fake GPU"

    def supports_get_total_energy_consumption(self):
        return self.counted

    def get_total_energy_consumption(self):
        return self.millijoules


def test_nvml_is_read_through_zeus(monkeypatch, time):
    gpus = [Gpu(), Gpu()]
    monkeypatch.setattr(zeus.device.gpu, "get_gpus", lambda: SimpleNamespace(gpus=gpus))
    meter = zeus_meters.gpu_meter(1, time.clock)
    meter.start()
    gpus[0].millijoules += 77_000
    gpus[1].millijoules += 500_000
    time.sleep(5)
    (board,) = meter.stop()
    assert meter.name == "NVML, Fake GPU"
    assert (board.joules, board.watts) == (500, 100)
    assert board.error == pytest.approx(2 * 0.1 * 100)


def test_gpus_without_a_counter_and_missing_ones_are_refused(monkeypatch):
    gpus = SimpleNamespace(gpus=[Gpu(counted=False)])
    monkeypatch.setattr(zeus.device.gpu, "get_gpus", lambda: gpus)
    with pytest.raises(NoMeterError, match="Fake GPU has no energy counter"):
        zeus_meters.gpu_meter()
    with pytest.raises(NoMeterError, match="no GPU 1: NVML knows 1"):
        zeus_meters.gpu_meter(1)

    def none():
        raise zeus.device.gpu.ZeusGPUInitError("no library")

    monkeypatch.setattr(zeus.device.gpu, "get_gpus", none)
    with pytest.raises(NoMeterError, match="no driver"):
        zeus_meters.gpu_meter()


@pytest.mark.parametrize("maker", [zeus_meters.processor_meter, zeus_meters.gpu_meter])
def test_without_zeus_the_extra_is_named(monkeypatch, maker):
    for module in ("zeus.device.cpu", "zeus.device.gpu"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(NoMeterError, match=r"m3vit\[energy\]"):
        maker()
