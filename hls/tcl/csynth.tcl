# C synthesis of one kernel: vitis-run --mode hls --tcl csynth.tcl, or vitis_hls -f csynth.tcl.
#
# The environment says what to do (m3vit hls csynth sets it):
#   M3VIT_SOURCE   the kernel's _top.cpp
#   M3VIT_TOP      its top function
#   M3VIT_INCLUDE  include directories, separated by spaces
#   M3VIT_PART     the FPGA
#   M3VIT_PERIOD   clock period in nanoseconds
# The project is made below the working directory; its report is
# <top>/solution/syn/report/csynth.xml.

set flags "-std=c++17"
foreach directory $::env(M3VIT_INCLUDE) {
    append flags " -I$directory"
}

open_project -reset $::env(M3VIT_TOP)
set_top $::env(M3VIT_TOP)
add_files $::env(M3VIT_SOURCE) -cflags $flags
open_solution -reset -flow_target vivado solution
set_part $::env(M3VIT_PART)
create_clock -period $::env(M3VIT_PERIOD) -name default
csynth_design
exit
