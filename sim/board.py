"""The board if there is one, else a simulated one: how every notebook begins."""

import warnings
from dataclasses import dataclass

from m3vit.errors import UserError

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PYNQ warns its own developers of pkg_resources
        import pynq
except ImportError as error:
    raise UserError(
        f"boards, and simulated ones, need PYNQ ({error}): install it with pip install "
        "'m3vit[board]'"
    ) from error
from m3vit.sim.pynq_device import SimulatedDevice, use_simulated_board

DESIGN = "zcu104"


@dataclass(frozen=True)
class Board:
    """What `Accelerator(model, backend="board")` runs on.

    Attributes:
        simulated: whether there is no board, and Verilator stands in.
    """

    simulated: bool

    def __str__(self) -> str:
        if not self.simulated:
            return "A real board: integers, cycles and times are measured on it."
        return (
            f"No board here: the engine is simulated, clock by clock (design {DESIGN}).\n"
            "Integers and cycles are those of the hardware's sources. Frame rates are computed\n"
            "from cycles, and the time it takes here says nothing about a board."
        )

    @property
    def clock_mhz(self) -> float:
        """Of the engine, as the processing system is set; once a bitstream is loaded."""
        return float(pynq.Clocks.fclk0_mhz)

    def milliseconds(self, cycles: float) -> float:
        """What cycles of the engine take."""
        return cycles / (1000 * self.clock_mhz)


def open_board() -> Board:
    """PYNQ's device, or a simulated ZCU104 as such until this process ends.

    Raises:
        UserError: there is no board, and the engine cannot be simulated here.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is none; said by the board's sentence
            device = pynq.Device.active_device
    except RuntimeError:
        device = use_simulated_board(DESIGN)
    return Board(simulated=isinstance(device, SimulatedDevice))
