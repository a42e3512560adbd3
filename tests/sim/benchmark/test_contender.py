import pytest

from m3vit.errors import UserError
from m3vit.host.benchmark.contenders import make_workload
from m3vit.model.synthetic import random_image, random_model
from m3vit.sim.benchmark import contender


@pytest.fixture(scope="module")
def workload():
    return make_workload("nano", random_model(seed=7), [random_image(seed=seed) for seed in (0, 1)])


def test_time_is_simulated_and_energy_estimated(workload):
    row = contender.engine_row(workload, "nano", simulate=True)
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
    assert f"{14.05 * latency.value:.0f} mJ in the time of an image" in row.notes[-1]


def test_an_engine_that_computes_something_else_gets_no_row(workload, monkeypatch):
    class Wrong(contender.Reference):
        def run(self, pixels, task, trace=None):
            return super().run(pixels[::-1].copy(), task, trace)

    monkeypatch.setattr(contender, "Reference", Wrong)
    with pytest.raises(RuntimeError, match="not the reference's"):
        contender.engine_row(workload, "nano", simulate=True)


def test_the_cycle_model_is_labelled_as_an_estimate_and_near_the_rtl(workload):
    simulated = contender.engine_row(workload, "nano", simulate=True)
    modelled = contender.engine_row(workload, "nano", simulate=False)
    assert {number.origin for number in modelled.numbers.values()} == {"estimated"}
    found, exact = (row.numbers["latency_ms"] for row in (modelled, simulated))
    assert found.low < exact.low <= exact.high < found.high
    assert found.value == pytest.approx(exact.value, rel=contender.MODEL_ERROR)
    energies = [row.numbers["joules"].value for row in (modelled, simulated)]
    assert energies[0] == pytest.approx(energies[1], rel=contender.MODEL_ERROR)
    assert simulated.hardware == "nano, simulated" and modelled.hardware == "nano, modelled"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UserError("Verilator is missing: install it"), "Verilator is missing: install it"),
        (
            ModuleNotFoundError("no hls4ml", name="hls4ml"),
            "hls4ml is not installed, pip install 'm3vit[hls]'",
        ),
    ],
)
def test_without_a_simulator_the_cycle_model_stands_in_and_says_so(
    workload, monkeypatch, error, said
):
    def missing(*_):
        raise error

    monkeypatch.setattr(contender, "EngineSimulation", missing)
    row = contender.engine_row(workload, "nano", simulate=True)
    assert f"not simulated but modelled: {said}" in row.notes
    assert row.numbers["latency_ms"].origin == "estimated"


def test_a_network_that_does_not_fit_has_a_row_that_says_so(workload, monkeypatch):
    def refuse(*_):
        raise UserError("it does not fit")

    monkeypatch.setattr(contender, "build_plan", refuse)
    row = contender.engine_row(workload, "nano", simulate=True)
    assert not row.numbers and set(row.missing.values()) == {"it does not fit"}
