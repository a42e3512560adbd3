"""Paths as they stand in messages and in generated text."""

import os


def shorten(path: str) -> str:
    """`path` relative to the working directory where it lies below that."""
    absolute = os.path.abspath(path)
    root = os.getcwd() + os.sep
    return absolute[len(root) :] if absolute.startswith(root) else path
