# The block design for the ZCU104: processing system, engine, buses, clock, reset, interrupt.
#
# bitstream.tcl sources this file. To look at the design in Vivado's window:
#   M3VIT_SETTINGS=build/bitstream/zcu104/bitstream.settings.tcl vivado -source block_design.tcl
# M3VIT_SETTINGS names a Tcl file (m3vit build bitstream writes it) that sets the array `settings`:
#   part, board  the FPGA; Vivado's board files, with * for any revision
#   name         of the project, of the block design and of the overlay
#   work, ip     directories for the project and of the packaged engine
#   vlnv, engine the engine in the catalogue, and its cell
#   clock        megahertz
#   control      bus interface of the engine's registers
#   address, interrupts_address, range   where registers of both appear
#   memory       lists of a master of the engine and the port of the processing system
source $::env(M3VIT_SETTINGS)

# Ports of the processing system: parameter that enables it, parameter of its width, clock, and
# the part of its address space that is DRAM (PG201).
set ports(S_AXI_HPC0_FPD) {
    PSU__USE__S_AXI_GP0 PSU__SAXIGP0__DATA_WIDTH saxihpc0_fpd_aclk SAXIGP0/HPC0_DDR_LOW
}
set ports(S_AXI_HPC1_FPD) {
    PSU__USE__S_AXI_GP1 PSU__SAXIGP1__DATA_WIDTH saxihpc1_fpd_aclk SAXIGP1/HPC1_DDR_LOW
}
set ports(S_AXI_HP0_FPD) {
    PSU__USE__S_AXI_GP2 PSU__SAXIGP2__DATA_WIDTH saxihp0_fpd_aclk SAXIGP2/HP0_DDR_LOW
}
set ports(S_AXI_HP1_FPD) {
    PSU__USE__S_AXI_GP3 PSU__SAXIGP3__DATA_WIDTH saxihp1_fpd_aclk SAXIGP3/HP1_DDR_LOW
}
set ports(S_AXI_HP2_FPD) {
    PSU__USE__S_AXI_GP4 PSU__SAXIGP4__DATA_WIDTH saxihp2_fpd_aclk SAXIGP4/HP2_DDR_LOW
}
set ports(S_AXI_HP3_FPD) {
    PSU__USE__S_AXI_GP5 PSU__SAXIGP5__DATA_WIDTH saxihp3_fpd_aclk SAXIGP5/HP3_DDR_LOW
}

set board [lindex [lsort [get_board_parts -quiet $settings(board)]] end]
if {$board eq ""} {
    error "Vivado has no board files $settings(board): install them (Tools, Vivado Store, Boards)"
}
create_project -force -part $settings(part) $settings(name) $settings(work)
set_property board_part $board [current_project]
set_property ip_repo_paths $settings(ip) [current_project]
update_ip_catalog
create_bd_design $settings(name)

# The processing system: what the board needs, then the ports that the engine needs. pl_clk0 is
# the engine's clock; PYNQ can read and set it.
set ps [create_bd_cell -type ip -vlnv xilinx.com:ip:zynq_ultra_ps_e ps]
apply_bd_automation -rule xilinx.com:bd_rule:zynq_ultra_ps_e -config {apply_board_preset 1} $ps
set configuration [list \
    CONFIG.PSU__USE__M_AXI_GP0 1 \
    CONFIG.PSU__USE__M_AXI_GP1 0 \
    CONFIG.PSU__USE__M_AXI_GP2 0 \
    CONFIG.PSU__MAXIGP0__DATA_WIDTH 32 \
    CONFIG.PSU__USE__IRQ0 1 \
    CONFIG.PSU__FPGA_PL0_ENABLE 1 \
    CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ $settings(clock)]
foreach pair $settings(memory) {
    lassign $ports([lindex $pair 1]) enable width
    lappend configuration CONFIG.$enable 1 CONFIG.$width 128
}
set_property -dict $configuration $ps

set engine $settings(engine)
create_bd_cell -type ip -vlnv $settings(vlnv) $engine
create_bd_cell -type ip -vlnv xilinx.com:ip:proc_sys_reset reset

proc connect_clock {pin} {
    connect_bd_net [get_bd_pins ps/pl_clk0] [get_bd_pins $pin]
}
proc connect_reset {pin} {
    connect_bd_net [get_bd_pins reset/peripheral_aresetn] [get_bd_pins $pin]
}
# A master to its slaves by way of a SmartConnect, which adapts identifiers, widths and AXI4-Lite.
proc connect_bus {name master slaves} {
    set cell [create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect $name]
    set_property -dict [list CONFIG.NUM_SI 1 CONFIG.NUM_MI [llength $slaves]] $cell
    connect_clock $name/aclk
    connect_reset $name/aresetn
    connect_bd_intf_net [get_bd_intf_pins $master] [get_bd_intf_pins $name/S00_AXI]
    set number 0
    foreach slave $slaves {
        set output [format "%s/M%02d_AXI" $name $number]
        connect_bd_intf_net [get_bd_intf_pins $output] [get_bd_intf_pins $slave]
        incr number
    }
}

connect_clock reset/slowest_sync_clk
connect_bd_net [get_bd_pins ps/pl_resetn0] [get_bd_pins reset/ext_reset_in]
connect_clock $engine/ap_clk
connect_reset $engine/ap_rst_n
connect_clock ps/maxihpm0_fpd_aclk

# PYNQ takes interrupts by way of an interrupt controller.
set controller [create_bd_cell -type ip -vlnv xilinx.com:ip:axi_intc interrupts]
set_property CONFIG.C_IRQ_CONNECTION 1 $controller
connect_clock interrupts/s_axi_aclk
connect_reset interrupts/s_axi_aresetn
connect_bd_net [get_bd_pins $engine/irq] [get_bd_pins interrupts/intr]
connect_bd_net [get_bd_pins interrupts/irq] [get_bd_pins ps/pl_ps_irq0]

connect_bus control ps/M_AXI_HPM0_FPD [list $engine/$settings(control) interrupts/s_axi]
foreach pair $settings(memory) {
    lassign $pair master port
    connect_clock ps/[lindex $ports($port) 2]
    connect_bus to_$port $engine/$master ps/$port
}

foreach {address segment} [list \
    $settings(address) $engine/$settings(control)/reg0 \
    $settings(interrupts_address) interrupts/S_AXI/Reg \
] {
    assign_bd_address -offset $address -range $settings(range) \
        -target_address_space [get_bd_addr_spaces ps/Data] [get_bd_addr_segs $segment]
}
foreach pair $settings(memory) {
    lassign $pair master port
    assign_bd_address -target_address_space [get_bd_addr_spaces $engine/$master] \
        [get_bd_addr_segs ps/[lindex $ports($port) 3]]
}

validate_bd_design
save_bd_design
