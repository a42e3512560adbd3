import pytest

from m3vit.host.energy.benchmark import make_workload
from m3vit.model.synthetic import random_image, random_model
from m3vit.sim.engine import benchmark


@pytest.fixture(scope="module")
def workload():
    return make_workload("nano", random_model(seed=7), [random_image(seed=seed) for seed in (0, 1)])


def test_time_is_simulated_and_energy_estimated(workload):
    row = benchmark.simulated_row(workload, "nano")
    origins = {name: number.origin for name, number in row.numbers.items()}
    assert {name for name, origin in origins.items() if origin == "simulated"} == {
        "latency_ms",
        "images_per_second",
        "gops",
    }
    assert {name for name, origin in origins.items() if origin == "estimated"} == {
        "watts",
        "joules",
        "images_per_joule",
        "gops_per_watt",
    }
    latency, joules = row.numbers["latency_ms"], row.numbers["joules"]
    assert 0.005 < latency.value < 1  # some ten thousand cycles
    assert latency.low <= latency.value <= latency.high
    assert joules.low < joules.value < joules.high
    assert row.numbers["watts"].value == pytest.approx(1e3 * joules.value / latency.value)
    assert sum(part["low"] for part in row.domains) == pytest.approx(joules.low, rel=0.05)
    assert "simulated" in row.hardware


def test_an_engine_that_computes_something_else_gets_no_row(workload, monkeypatch):
    class Wrong(benchmark.Reference):
        def run(self, pixels, task, trace=None):
            return super().run(pixels[::-1].copy(), task, trace)

    monkeypatch.setattr(benchmark, "Reference", Wrong)
    with pytest.raises(RuntimeError, match="not the reference's"):
        benchmark.simulated_row(workload, "nano")
