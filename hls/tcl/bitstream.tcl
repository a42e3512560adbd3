# Block design, synthesis, implementation, bitstream, reports:
# vivado -mode batch -source bitstream.tcl.
#
# The settings are those of block_design.tcl, and
#   output       directory for <name>.bit, <name>.hwh and the reports
#   jobs         processes at the same time
source [file join [file dirname [info script]] block_design.tcl]

set design [get_files $settings(name).bd]
# All in one synthesis, so that its strategy is the engine's too.
set_property synth_checkpoint_mode None $design
add_files -norecurse [make_wrapper -files $design -top]
set_property top $settings(name)_wrapper [current_fileset]
update_compile_order -fileset sources_1

set_property strategy Flow_PerfOptimized_high [get_runs synth_1]
set_property strategy Performance_ExplorePostRoutePhysOpt [get_runs impl_1]
launch_runs impl_1 -to_step write_bitstream -jobs $settings(jobs)
wait_on_run impl_1
if {[get_property PROGRESS [get_runs impl_1]] ne "100%"} {
    error "implementation stopped: [get_property STATUS [get_runs impl_1]]"
}

open_run impl_1
file mkdir $settings(output)
report_timing_summary -max_paths 10 -file [file join $settings(output) timing.rpt]
report_utilization -file [file join $settings(output) utilisation.rpt]
report_utilization -hierarchical -hierarchical_depth 6 \
    -file [file join $settings(output) hierarchy.rpt]
report_power -file [file join $settings(output) power.rpt]

set made [get_property DIRECTORY [get_runs impl_1]]
file copy -force [file join $made $settings(name)_wrapper.bit] \
    [file join $settings(output) $settings(name).bit]
set handoff [file join $settings(work) $settings(name).gen sources_1 bd $settings(name) hw_handoff]
file copy -force [file join $handoff $settings(name).hwh] \
    [file join $settings(output) $settings(name).hwh]
close_project
