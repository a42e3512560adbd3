"""What hardware takes: LUTs, flip-flops, DSP blocks and memories, mapped by yosys or modelled."""
