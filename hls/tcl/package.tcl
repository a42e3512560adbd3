# The engine as IP for block designs: vivado -mode batch -source package.tcl.
#
# The environment variable M3VIT_SETTINGS names a Tcl file (m3vit build ip writes it) that sets
# the array `settings`:
#   part         the FPGA
#   files        Verilog, SystemVerilog and tables of the engine
#   top          its top module
#   work, ip     directories for the project and for the packaged IP
#   vendor, library, version, description
#   control      bus interface of the registers
#   masters      AXI4 masters: lists of name and properties of the bus
#   registers    lists of name, address, access, description and fields; a field is a list of
#                name, lowest bit, bits and access
source $::env(M3VIT_SETTINGS)

create_project -force -part $settings(part) package $settings(work)
add_files -norecurse $settings(files)
foreach file $settings(files) {
    if {[file extension $file] eq ".dat"} {
        set_property file_type {Memory Initialization Files} [get_files $file]
    }
}
set_property top $settings(top) [current_fileset]
update_compile_order -fileset sources_1

ipx::package_project -root_dir $settings(ip) -vendor $settings(vendor) \
    -library $settings(library) -taxonomy /UserIP -import_files
set core [ipx::current_core]
set_property version $settings(version) $core
set_property display_name {M3ViT engine} $core
set_property description $settings(description) $core

# Vivado finds the interfaces by the names of the ports. What it must not have missed:
proc interface {name} {
    global core
    set found [ipx::get_bus_interfaces $name -of_objects $core]
    if {$found eq ""} {
        error "Vivado has not recognised the ports of $name as an interface"
    }
    return $found
}
foreach name {ap_clk ap_rst_n irq} {
    interface $name
}
foreach master $settings(masters) {
    lassign $master name properties
    ipx::associate_bus_interfaces -busif $name -clock ap_clk $core
    foreach {property value} $properties {
        set parameter [ipx::get_bus_parameters $property -of_objects [interface $name]]
        if {$parameter eq ""} {
            set parameter [ipx::add_bus_parameter $property [interface $name]]
        }
        set_property value $value $parameter
    }
}
ipx::associate_bus_interfaces -busif $settings(control) -clock ap_clk $core

# The registers, so that they are in the .hwh and PYNQ knows them.
set map [ipx::get_memory_maps $settings(control) -of_objects $core]
if {$map eq ""} {
    set map [ipx::add_memory_map $settings(control) $core]
    set_property slave_memory_map_ref $settings(control) [interface $settings(control)]
}
set block [ipx::get_address_blocks reg0 -of_objects $map]
if {$block eq ""} {
    set block [ipx::add_address_block reg0 $map]
}
set_property range $settings(range) $block
foreach description $settings(registers) {
    lassign $description name address access meaning fields
    set register [ipx::add_register $name $block]
    set_property address_offset $address $register
    set_property size 32 $register
    set_property access $access $register
    set_property description $meaning $register
    foreach part $fields {
        lassign $part name lowest bits access
        set field [ipx::add_field $name $register]
        set_property bit_offset $lowest $field
        set_property bit_width $bits $field
        set_property access $access $field
    }
}

ipx::create_xgui_files $core
ipx::update_checksums $core
ipx::check_integrity $core
ipx::save_core $core
close_project
