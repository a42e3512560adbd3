import itertools
import os
import platform

import pytest

from m3vit.errors import UserError
from m3vit.host.accelerator import Accelerator
from m3vit.host.benchmark import contenders as benchmark
from m3vit.host.benchmark.contenders import Contender, contenders, make_workload, measured_row
from m3vit.host.benchmark.rows import ENERGY, TIME
from m3vit.host.energy import measure
from m3vit.host.energy.meter import CounterMeter, NoMeterError
from m3vit.model.synthetic import NANO, random_image, random_model


@pytest.fixture(scope="module")
def workload():
    return make_workload("nano", random_model(), [random_image(seed=seed) for seed in (0, 1)])


@pytest.fixture
def no_pauses(monkeypatch, time):
    """Everybody's clock is the test's."""
    original = measure.measure

    def with_clock(*arguments, **options):
        return original(*arguments, **options, clock=time.clock, sleep=time.sleep)

    monkeypatch.setattr(benchmark, "measure", with_clock)


@pytest.fixture(autouse=True)
def idle_machine(monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 0.1, 0.1))


def no_meter():
    raise NoMeterError("the meter is at home")


def test_operations_are_counted_from_what_the_images_route(workload):
    accelerator = Accelerator(workload.compiled)
    products = [accelerator.run(pixels, "semseg").macs for pixels in workload.images]
    assert workload.task == "semseg"
    assert workload.giga_operations == pytest.approx(sum(products) * 1e-9)  # two per product
    assert products[0] == 1151616


def test_workloads_that_cannot_run_are_refused_at_once():
    with pytest.raises(UserError, match="at least one"):
        make_workload("nano", random_model(), [])
    with pytest.raises(UserError, match="no task 'flow'"):
        make_workload("nano", random_model(), [random_image()], "flow")


def test_a_metered_contender_has_every_number(no_pauses, time):
    joules = itertools.accumulate([0.0, 30.0, 0.0, 120.0])  # 3 W at rest, 12 W under load
    meter = CounterMeter("fake", lambda: {"board": next(joules)}, 0.1, time.clock)
    contender = Contender("x", "y", 2, lambda: lambda: time.sleep(0.5), lambda: meter)
    row = measured_row(contender, 1.5)
    values = {name: number.value for name, number in row.numbers.items()}
    assert values["latency_ms"] == 500
    assert values["images_per_second"] == 4
    assert values["gops"] == 6
    assert values["watts"] == 12
    assert values["joules"] == 3
    assert values["joules_above_idle"] == pytest.approx(9 / 4)
    assert values["images_per_joule"] == pytest.approx(1 / 3)
    assert values["gops_per_watt"] == pytest.approx(0.5)
    assert {number.origin for number in row.numbers.values()} == {"measured"}
    joule = row.numbers["joules"]
    assert joule.source == "fake: board"
    assert (joule.high - joule.low) / 2 == pytest.approx(2 * 0.1 * 12 / 40)
    watts = row.numbers["watts"]
    assert (watts.high - watts.low) / 2 == pytest.approx(2 * 0.1 * 12 / 10)
    assert not row.missing


def test_no_meter_no_number(no_pauses, time):
    contender = Contender("x", "y", 1, lambda: lambda: time.sleep(1), no_meter, ("note",))
    row = measured_row(contender, 1.0)
    assert row.numbers["latency_ms"].value == 1000
    assert row.missing == dict.fromkeys(ENERGY, "the meter is at home")
    assert not set(ENERGY) & set(row.numbers)
    assert row.notes == ("note",)


def test_others_who_compute_are_told_of(no_pauses, time, monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (40.0, 0.1, 0.1))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    row = measured_row(Contender("x", "y", 1, lambda: lambda: time.sleep(1), no_meter), 1.0)
    assert row.notes == (benchmark.BUSY,)


def test_what_is_not_here_says_why(no_pauses):
    def absent():
        raise UserError("it is not here")

    row = measured_row(Contender("x", "y", 1, absent, no_meter), 1.0)
    assert not row.numbers
    assert set(row.missing.values()) == {"it is not here"}
    assert set(row.missing) == {*TIME, *ENERGY}


def test_everything_has_a_row_even_without_torch_and_board(workload):
    found = contenders(workload, [1])
    assert [each.system for each in found] == [
        "PyTorch float32",
        "PyTorch int8, dynamic",
        "PyTorch float32",
        "integer reference, int8",
        "engine, int8",
    ]
    for each in found[:3]:
        with pytest.raises(UserError, match="--float"):  # the model has no float twin here
            each.prepare()


def test_the_reference_takes_the_images_in_turns(workload, monkeypatch):
    seen = []
    original = Accelerator.run

    def watched(self, pixels, task):
        seen.append(int(pixels.sum()))
        return original(self, pixels, task)

    monkeypatch.setattr(Accelerator, "run", watched)
    (reference,) = (each for each in contenders(workload) if "reference" in each.system)
    run = reference.prepare()
    for _ in range(4):
        run()
    sums = [int(pixels.sum()) for pixels in workload.images]
    assert seen == sums * 2


def test_the_board_runs_through_the_accelerator(workload, monkeypatch):
    (board,) = (each for each in contenders(workload) if each.hardware == "ZCU104 board")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    with pytest.raises(UserError, match="no board but x86_64"):
        board.prepare()
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    asked = []

    def accelerator(model, backend="reference"):
        asked.append(backend)
        return Accelerator(model)

    monkeypatch.setattr(benchmark, "Accelerator", accelerator)
    result = board.prepare()()
    assert asked == ["board"]
    assert result.shape.tokens == NANO.num_tokens

    def incomplete(model, backend="reference"):
        raise ModuleNotFoundError("No module named 'pynq'", name="pynq")

    monkeypatch.setattr(benchmark, "Accelerator", incomplete)
    with pytest.raises(UserError, match=r"pynq is not here: install it with `pip install m3vit\[b"):
        board.prepare()


def test_processors_are_named_without_trademarks(monkeypatch):
    lines = "model name\t: Intel(R) Xeon(R) Gold 6226R CPU @ 2.90GHz\n" * 2
    monkeypatch.setattr(benchmark.Path, "read_text", lambda *_, **__: lines)
    assert benchmark.processor_name() == "Intel Xeon Gold 6226R @ 2.90GHz, 2 cores"


def test_without_torch_its_rows_name_the_extra(workload, monkeypatch):
    def missing(name):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(benchmark, "import_module", missing)
    with pytest.raises(UserError, match=r"torch is not here: install it with .*m3vit\[train"):
        contenders(workload, [1])[0].prepare()
