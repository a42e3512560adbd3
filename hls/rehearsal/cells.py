"""Cells of a block design: the pins and interfaces that they have with their parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from m3vit.hls.engine import Engine
from m3vit.hls.registers import BUS
from m3vit.hls.vivado.names import VLNV

from .interpreter import RefusedError

# The processing system (PG201): enabling parameter -> interface, its clock, its DRAM segment.
SLAVES = {
    "PSU__USE__S_AXI_GP0": ("S_AXI_HPC0_FPD", "saxihpc0_fpd_aclk", "SAXIGP0/HPC0_DDR_LOW"),
    "PSU__USE__S_AXI_GP1": ("S_AXI_HPC1_FPD", "saxihpc1_fpd_aclk", "SAXIGP1/HPC1_DDR_LOW"),
    "PSU__USE__S_AXI_GP2": ("S_AXI_HP0_FPD", "saxihp0_fpd_aclk", "SAXIGP2/HP0_DDR_LOW"),
    "PSU__USE__S_AXI_GP3": ("S_AXI_HP1_FPD", "saxihp1_fpd_aclk", "SAXIGP3/HP1_DDR_LOW"),
    "PSU__USE__S_AXI_GP4": ("S_AXI_HP2_FPD", "saxihp2_fpd_aclk", "SAXIGP4/HP2_DDR_LOW"),
    "PSU__USE__S_AXI_GP5": ("S_AXI_HP3_FPD", "saxihp3_fpd_aclk", "SAXIGP5/HP3_DDR_LOW"),
}
MASTERS = {
    "PSU__USE__M_AXI_GP0": ("M_AXI_HPM0_FPD", "maxihpm0_fpd_aclk"),
    "PSU__USE__M_AXI_GP1": ("M_AXI_HPM1_FPD", "maxihpm1_fpd_aclk"),
    "PSU__USE__M_AXI_GP2": ("M_AXI_HPM0_LPD", "maxihpm0_lpd_aclk"),
}
_PS_PARAMETERS = {
    *SLAVES,
    *MASTERS,
    *(f"PSU__SAXIGP{number}__DATA_WIDTH" for number in range(6)),
    *(f"PSU__MAXIGP{number}__DATA_WIDTH" for number in range(3)),
    "PSU__USE__IRQ0",
    "PSU__FPGA_PL0_ENABLE",
    "PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ",
}
PRESET = {"PSU__USE__M_AXI_GP0": "1", "PSU__USE__M_AXI_GP1": "1"}
"""What the board's preset turns on; it is the script's to turn off."""

HPM0_FPD = range(0xA0000000, 0xB0000000)
"""Addresses that the processors reach through M_AXI_HPM0_FPD."""

PS, SMARTCONNECT, RESET, INTERRUPTS = (
    f"xilinx.com:ip:{name}"
    for name in ("zynq_ultra_ps_e", "smartconnect", "proc_sys_reset", "axi_intc")
)
CATALOGUE = (PS, SMARTCONNECT, RESET, INTERRUPTS, VLNV)


@dataclass
class Cell:
    """A cell: its parameters; pins and interfaces follow from them."""

    vlnv: str
    parameters: dict[str, str] = field(default_factory=dict)

    def pins(self) -> Mapping[str, str]:
        """Name -> "in" (must be driven), "optional" (may be) or "out"."""
        if self.vlnv == PS:
            enabled = {**SLAVES, **MASTERS}
            clocks = {enabled[name][1]: "in" for name in self._enabled()}
            interrupt = {"pl_ps_irq0": "in"} if self.parameters.get("PSU__USE__IRQ0") == "1" else {}
            return {"pl_clk0": "out", "pl_resetn0": "out", **clocks, **interrupt}
        if self.vlnv == SMARTCONNECT:
            return {"aclk": "in", "aresetn": "in"}
        if self.vlnv == RESET:
            return {
                "slowest_sync_clk": "in",
                "ext_reset_in": "in",
                "aux_reset_in": "optional",
                "dcm_locked": "optional",
                "peripheral_aresetn": "out",
                "interconnect_aresetn": "out",
            }
        if self.vlnv == INTERRUPTS:
            return {"s_axi_aclk": "in", "s_axi_aresetn": "in", "intr": "in", "irq": "out"}
        return {"ap_clk": "in", "ap_rst_n": "in", "irq": "out"}

    def interfaces(self, engine: Engine) -> Mapping[str, str]:
        """Name -> "master" or "slave"."""
        if self.vlnv == PS:
            slaves = {SLAVES[name][0]: "slave" for name in self._enabled() if name in SLAVES}
            masters = {MASTERS[name][0]: "master" for name in self._enabled() if name in MASTERS}
            return {**slaves, **masters}
        if self.vlnv == SMARTCONNECT:
            sides = (("S", "NUM_SI", "slave"), ("M", "NUM_MI", "master"))
            return {
                f"{letter}{number:02}_AXI": role
                for letter, count, role in sides
                for number in range(int(self.parameters.get(count, "1")))
            }
        if self.vlnv in (RESET, INTERRUPTS):
            return {"s_axi": "slave"} if self.vlnv == INTERRUPTS else {}
        return {BUS: "slave", **dict.fromkeys(engine.memory_ports(), "master")}

    def check_parameter(self, name: str) -> None:
        """Refuse a parameter that the cell does not have."""
        known = {
            PS: _PS_PARAMETERS,
            SMARTCONNECT: {"NUM_SI", "NUM_MI"},
            INTERRUPTS: {"C_IRQ_CONNECTION"},
        }.get(self.vlnv, set())
        if name not in known:
            raise RefusedError(f"{self.vlnv} has no parameter {name}")

    def _enabled(self) -> list[str]:
        return [name for name in (*SLAVES, *MASTERS) if self.parameters.get(name) == "1"]
