"""Which board a notebook gets."""

import pynq
import pytest

from m3vit.sim import board
from m3vit.sim.pynq_device import SimulatedDevice


@pytest.fixture
def active(monkeypatch):
    """Sets PYNQ's device, as long as the test runs."""
    monkeypatch.setattr(pynq.Device, "_active_device", None, raising=False)
    return lambda device: setattr(pynq.Device, "active_device", device)


def test_a_board_is_taken(active):
    active(object())
    found = board.open_board()
    assert not found.simulated
    assert str(found) == "A real board: integers, cycles and times are measured on it."


def test_a_simulated_one_is_not_opened_twice(active, monkeypatch):
    monkeypatch.setattr(board, "use_simulated_board", lambda _: pytest.fail("a second one"))
    active(object.__new__(SimulatedDevice))
    assert board.open_board().simulated


def test_without_a_board_there_is_a_simulated_one(active, monkeypatch, recwarn):
    opened = []

    def use(design):
        opened.append(design)
        return object.__new__(SimulatedDevice)

    monkeypatch.setattr(board, "use_simulated_board", use)
    monkeypatch.setattr(pynq.Device, "_devices", [], raising=False)
    monkeypatch.delattr(pynq.Device, "_active_device")
    found = board.open_board()
    assert found.simulated and opened == ["zcu104"]
    assert str(found).startswith("No board here: the engine is simulated")
    assert not recwarn.list


def test_times_are_of_the_engines_clock(active, monkeypatch):
    monkeypatch.setattr(board.Board, "clock_mhz", 300.0)
    assert board.Board(simulated=True).milliseconds(450_000) == 1.5
