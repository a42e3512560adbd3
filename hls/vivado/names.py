"""What the board build calls things, for all that has to agree with it: Tcl, driver, manifest."""

from m3vit.hls.design import DesignConfig

VENDOR, LIBRARY, IP, VERSION = "m3vit", "engine", "m3vit_engine", "1.0"
VLNV = f"{VENDOR}:{LIBRARY}:{IP}:{VERSION}"
"""The packaged engine, as Vivado's catalogue and a .hwh name it."""

OVERLAY = "m3vit"
"""Block design and files: m3vit.bit, m3vit.hwh."""

ENGINE_CELL = "engine"
"""Cell of the block design; PYNQ finds the engine as `overlay.engine`."""

CONTROL_ADDRESS = 0xA0000000
"""Of the engine's registers; they take CONTROL_BYTES there."""

CONTROL_BYTES = 4096

BOARD = "ZCU104"
BOARD_PART = "xilinx.com:zcu104:part0:*"
"""Vivado's board files; any revision will do."""

VERSIONS = ("2023.2", "2024.1")
"""Vivado and Vitis that the scripts are written for."""


def processor_ports(design: DesignConfig) -> dict[str, str]:
    """Every AXI4 master of the engine -> the port of the processing system that it goes to.

    Weights have the four high-performance ports for themselves. The two ports that could be
    coherent serve the rest; the engine does not ask for coherency.
    """
    weights = {f"m_axi_weights{port}": f"S_AXI_HP{port}_FPD" for port in range(design.read_ports)}
    return {"m_axi_program": "S_AXI_HPC1_FPD", **weights, "m_axi_data": "S_AXI_HPC0_FPD"}
