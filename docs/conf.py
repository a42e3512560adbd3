"""Sphinx configuration of the manual."""

import m3vit

project = "m3vit"
author = "The m3vit contributors"
copyright = author
release = version = m3vit.__version__

extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["images"]

html_theme = "furo"
html_title = f"m3vit {release}"
