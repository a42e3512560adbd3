"""Between the arrays of the integer reference and the streams of the kernels."""
