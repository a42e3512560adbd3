"""The benchmark: one model on everything that can run it here, beside published rows."""
