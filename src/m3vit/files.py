"""Files and directories that appear whole or not at all, and where those of a user live."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary sibling of `path`; put it in place only if the body succeeds.

    The body may create a file or a directory there. A file replaces an existing file in
    one step. A directory cannot be replaced in one step by the operating system: an
    existing one is moved aside first and removed afterwards, so that at every moment
    either the old or the new one is complete under some name.

    Args:
        path: where the result shall appear; missing parent directories are created.

    Yields:
        A path on the same file system that does not exist yet.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        fresh = scratch / target.name
        yield fresh
        if fresh.is_dir() and target.is_dir():
            os.replace(target, scratch / "previous")
        os.replace(fresh, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write text (UTF-8) or bytes so that readers see the old or the new file, never a part."""
    with atomic_path(path) as fresh:
        fresh.write_bytes(content.encode() if isinstance(content, str) else content)


def default_root() -> Path:
    """Where data and caches live unless told otherwise: `$M3VIT_DATA`, else `~/.cache/m3vit`."""
    return Path(os.environ.get("M3VIT_DATA") or Path.home() / ".cache" / "m3vit")


def keep_newest(files: Iterable[Path], count: int) -> None:
    """Delete all but the `count` files that were touched last; others may do so as well."""
    ages = {}
    for path in files:
        with contextlib.suppress(FileNotFoundError):
            ages[path] = path.stat().st_mtime
    for stale in sorted(ages, key=lambda path: ages[path], reverse=True)[count:]:
        stale.unlink(missing_ok=True)
