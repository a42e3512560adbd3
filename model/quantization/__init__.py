"""From float to integer codes: ranges, scales, the compiler, quantisation-aware training."""
