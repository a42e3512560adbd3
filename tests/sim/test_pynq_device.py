"""The simulated board: what PYNQ itself does on it."""

import asyncio
import os
import struct

import numpy as np
import pynq
import pytest

from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import VERSION
from m3vit.hls.registers import DONE, IDLE
from m3vit.host.overlay import BoardEngine, EngineIP, EngineOverlay
from m3vit.model.reference import Reference
from m3vit.model.synthetic import random_image, random_model
from m3vit.sim.pynq_device import simulated_board


@pytest.fixture(scope="module")
def board():
    with simulated_board("nano") as device:
        yield device


@pytest.fixture(scope="module")
def model():
    return random_model()


def test_an_overlay_of_pynq(board):
    overlay = pynq.Overlay(os.environ["M3VIT_BITSTREAM"])
    assert overlay.is_loaded()
    engine = overlay.engine
    assert type(engine) is EngineIP
    registers = engine.register_map
    assert int(registers.DESIGN_ID) == DesignConfig.load("nano").design_id
    assert int(registers.VERSION) == VERSION
    assert registers.CTRL.IDLE == 1 and registers.CTRL.DONE == 0
    assert int(registers.STALL_LIMIT) == 1 << 20
    registers.STALL_LIMIT = 77
    assert engine.read(0x24) == 77
    assert pynq.Clocks.fclk0_mhz == pytest.approx(300, rel=1e-4)
    with pytest.raises(AttributeError):
        registers.DESIGN_ID = 1
    overlay.download()
    assert int(registers.STALL_LIMIT) == 1 << 20


def test_buffers_are_pages_that_come_back(board):
    base = board.library.options.memory.base
    first, second = pynq.allocate((3, 1000), "u2"), pynq.allocate(5000, "u1")
    assert first.dtype == np.uint16 and first.shape == (3, 1000)
    assert first.device_address == base and second.device_address == base + 8192
    assert first[1:].device_address == base + 2000
    del first
    assert pynq.allocate(4096, "u1").device_address == base
    with pytest.raises(MemoryError, match="512 MiB"):
        pynq.allocate(board.pool, "u1")
    with pynq.allocate(board.pool - 16384, "u1") as third:
        assert third.device_address == base + 16384


def test_host_and_engine_see_each_other_only_through_pynq(board):
    buffer = pynq.allocate(4096, "u1")
    memory = board.library.memory[:4096]
    memory[:] = 1
    buffer[:] = 2
    assert (memory == 1).all()
    buffer.flush()
    assert (memory == 2).all()
    memory[100] = 3
    assert buffer[100] == 2
    buffer[3000] = 4
    buffer.flush()
    assert memory[100] == 3 and memory[3000] == 4, "clean lines are not written"
    buffer.invalidate()
    assert buffer[100] == 3
    buffer[5] = 9
    buffer[2000:].invalidate()
    assert buffer[5] == 2, "what was not flushed is lost, wherever it was"


def test_a_forgotten_flush_gives_a_wrong_result(board, model, monkeypatch):
    engine, images = BoardEngine(model), [random_image(seed=seed) for seed in (0, 1)]
    before, after = (Reference(model).run(image, "depth").output for image in images)
    np.testing.assert_array_equal(engine.run(images[0], "depth").output, before)
    with monkeypatch.context() as patch:
        patch.setattr(board, "flush", lambda *_: None)
        np.testing.assert_array_equal(engine.run(images[1], "depth").output, before)
    np.testing.assert_array_equal(engine.run(images[1], "depth").output, after)


def test_a_forgotten_invalidate_gives_an_old_result(board, model, monkeypatch):
    engine, images = BoardEngine(model), [random_image(seed=seed) for seed in (0, 1)]
    before, after = (Reference(model).run(image, "depth").output for image in images)
    np.testing.assert_array_equal(engine.run(images[0], "depth").output, before)
    with monkeypatch.context() as patch:
        patch.setattr(board, "invalidate", lambda *_: None)
        np.testing.assert_array_equal(engine.run(images[1], "depth").output, before)
    np.testing.assert_array_equal(engine.run(images[1], "depth").output, after)


def test_the_interrupt_controller(board, model):
    engine = BoardEngine(model)
    controller = pynq.MMIO(engine.overlay.ip_dict["interrupts"]["phys_addr"], 32)
    engine.run(random_image(), "depth")
    assert engine.block.read(0) == DONE | IDLE
    controller.write(0x0C, 1)
    assert controller.read(0x00) == 1, "a level that is still high becomes pending again"
    assert controller.read(0x04) == 0, "the line was disabled when it was taken"
    controller.write(0x10, 1)
    assert controller.read(0x04) == 1
    engine.block.write(0x2C, 0)
    controller.write(0x0C, 1)
    assert controller.read(0x00) == 0


def test_what_the_event_loop_holds_of_a_board_that_is_gone():
    async def wait_and_give_up():
        with simulated_board("nano", pool=1 << 20) as device:
            device.interrupts.add_event(asyncio.Event(), 0)
        await asyncio.sleep(0.01)  # touching the engine now would be the end of this process

    loop = asyncio.new_event_loop()
    loop.run_until_complete(wait_and_give_up())
    loop.close()


def test_registers_are_words(board):
    assert len(board.read_registers(0xA0000000, 16)) == 16
    board.write_registers(0xA0000018, struct.pack("<2I", 11, 12))
    assert struct.unpack("<2I", board.read_registers(0xA0000018, 8)) == (11, 12)


def test_the_device_before_is_back_afterwards(board):
    bitstream = os.environ["M3VIT_BITSTREAM"]
    with simulated_board("nano", pool=1 << 20, interrupt=False) as inner:
        assert pynq.Device.active_device is inner
        assert os.environ["M3VIT_BITSTREAM"] != bitstream
        overlay = EngineOverlay(os.environ["M3VIT_BITSTREAM"])
        assert overlay.block.interrupt is None
        assert not overlay.interrupt_pins
    assert pynq.Device.active_device is board
    assert os.environ["M3VIT_BITSTREAM"] == bitstream
    assert EngineOverlay(bitstream).block.interrupt is not None
