"""Rendered street scenes with exact ground truth: images, classes, depth, normals and edges."""

from m3vit.model.scenes.cache import SPLIT_SEEDS, read, render, split_directory
from m3vit.model.scenes.parts import CLASS_NAMES
from m3vit.model.scenes.scene import GENERATOR_VERSION, IMAGE_SIZE, Scene, render_scene

__all__ = [
    "CLASS_NAMES",
    "GENERATOR_VERSION",
    "IMAGE_SIZE",
    "SPLIT_SEEDS",
    "Scene",
    "read",
    "render",
    "render_scene",
    "split_directory",
]
