"""The network: PyTorch family, training, quantisation and the integer reference."""
