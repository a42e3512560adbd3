# C synthesis of the whole engine's core: vitis-run --mode hls --tcl engine_core.tcl, or
# vitis_hls -f engine_core.tcl.
#
# The environment variable M3VIT_SETTINGS names a Tcl file (m3vit build ip --core vitis writes it)
# that sets the array `settings`:
#   source       hls/src/engine_top.cpp
#   top          its top function
#   include      include directories
#   part         the FPGA
#   period       clock period in nanoseconds
#   streams      ports whose words are structs; their fields lie side by side without gaps
# The Verilog is <top>/solution/impl/ip/hdl/verilog, the report
# <top>/solution/syn/report/csynth.xml.
source $::env(M3VIT_SETTINGS)

set flags "-std=c++17"
foreach directory $settings(include) {
    append flags " -I$directory"
}

open_project -reset $settings(top)
set_top $settings(top)
add_files $settings(source) -cflags $flags
open_solution -reset -flow_target vivado solution
set_part $settings(part)
create_clock -period $settings(period) -name default
foreach stream $settings(streams) {
    set_directive_aggregate -compact bit $settings(top) $stream
}
csynth_design
export_design -rtl verilog -format ip_catalog
exit
