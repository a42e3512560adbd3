"""Finding a model: a directory of the user's, or one that came with the package."""

from importlib.resources import files
from pathlib import Path

from m3vit.errors import UserError


def find_model(name: str | Path) -> Path:
    """The directory of a model.

    Args:
        name: a directory, or the name of a shipped model.

    Raises:
        UserError: neither; the shipped names are listed.
    """
    if Path(name).is_dir():
        return Path(name)
    shipped = shipped_models()
    if str(name) in shipped:
        return shipped[str(name)]
    raise UserError(
        f"there is no directory '{name}' and no shipped model of that name: give the directory of "
        f"a model or one of {', '.join(shipped)}"
    )


def shipped_models() -> dict[str, Path]:
    """Models of the package by name."""
    folder = Path(str(files("m3vit.model") / "pretrained"))
    return {path.name: path for path in sorted(folder.glob("*")) if path.is_dir()}
