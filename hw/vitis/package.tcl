# vivado -mode batch -source package.tcl -tclargs RTL_DIR SOURCE_DIR OUT.xo
# Packs the RTL that hlsc made (RTL_DIR, see card_top.f) as a user-managed kernel for v++.
if {$argc != 3} { error "package.tcl RTL_DIR SOURCE_DIR OUT.xo" }
lassign $argv rtl source out
create_project -force nvtee_card [file join [file dirname $out] nvtee_card_project]
set list [open [file join $rtl card_top.f]]
foreach name [split [string trim [read $list]] "\n"] { add_files -norecurse [file join $rtl $name] }
close $list
add_files -norecurse [list [file join $source hw/hlsc/rtl/hlsc_fifo.v] [file join $source hw/kernels/regs/nvtee_clock.v] \
  [file join $source hw/vitis/nvtee_card.sv]]
set_property include_dirs [list $rtl] [current_fileset]
set_property top nvtee_card [current_fileset]
update_compile_order -fileset sources_1

ipx::package_project -root_dir [file join [file dirname $out] nvtee_card_ip] -vendor nvtee -library card -taxonomy /KernelIP \
  -import_files -set_current false
ipx::unload_core [file join [file dirname $out] nvtee_card_ip component.xml]
ipx::edit_ip_in_project -upgrade true -name edit -directory [file dirname $out] [file join [file dirname $out] nvtee_card_ip component.xml]
set core [ipx::current_core]
set_property sdx_kernel true $core
set_property sdx_kernel_type rtl $core
foreach bus [ipx::get_bus_interfaces -of_objects $core] {
  set name [get_property NAME $bus]
  if {$name ne "ap_clk" && $name ne "ap_rst_n"} { ipx::associate_bus_interfaces -busif $name -clock ap_clk $core }
}
ipx::associate_bus_interfaces -clock ap_clk -reset ap_rst_n $core
ipx::infer_bus_interface ap_rst_n xilinx.com:signal:reset_rtl:1.0 $core
# The registers begin at 0 of the AXI4-Lite port; drivers find them by registers.def, not by kernel arguments.
set block [ipx::add_address_block reg0 [ipx::add_memory_map s_axi_control $core]]
set_property range 65536 $block
set_property slave_memory_map_ref s_axi_control [ipx::get_bus_interfaces s_axi_control -of_objects $core]
foreach {number memory} {0 m_axi_mem0 1 m_axi_mem1 2 m_axi_ring} {
  set r [ipx::add_register ${memory}_address $block]
  set_property address_offset [expr {0xff00 + 8 * $number}] $r
  set_property size 64 $r
  ipx::add_register_parameter ASSOCIATED_BUSIF $r
  set_property value $memory [ipx::get_register_parameters ASSOCIATED_BUSIF -of_objects $r]
}
ipx::update_checksums $core
ipx::check_integrity $core
ipx::save_core $core
package_xo -force -xo_path $out -kernel_name nvtee_card -ctrl_protocol user_managed -ip_directory \
  [file join [file dirname $out] nvtee_card_ip]
