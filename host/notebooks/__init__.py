"""Notebooks for Jupyter on the board; `pynq get-notebooks m3vit` copies them."""
