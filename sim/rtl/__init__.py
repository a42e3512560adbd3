"""Generated and hand-written RTL in Verilator: streams of beats in, streams of beats out."""
