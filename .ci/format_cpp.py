"""Run clang-format on C++ files, keeping each `#pragma HLS` at the indent of the code it governs.

clang-format moves pragmas to column 0 and puts spaces into `II=1`. Here a pragma travels
through it as a comment and becomes a pragma again afterwards.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path


def formatted(path: Path) -> str:
    """Return what the file at `path` should read.

    Raises:
        subprocess.CalledProcessError: clang-format rejected the file.
    """
    hidden = re.sub(r"^[ \t]*#(?=pragma HLS)", "//#", path.read_text(), flags=re.MULTILINE)
    clang_format = Path(sys.executable).with_name("clang-format")
    result = subprocess.run(
        [clang_format, f"--assume-filename={path}"],
        input=hidden,
        text=True,
        capture_output=True,
        check=True,
    )
    return re.sub(r"^([ \t]*)//#(?=pragma HLS)", r"\1#", result.stdout, flags=re.MULTILINE)


def sources() -> list[Path]:
    """List the C++ files that git tracks."""
    listing = subprocess.run(
        ["git", "ls-files", "*.cpp", "*.hpp"], text=True, capture_output=True, check=True
    )
    return [Path(line) for line in listing.stdout.splitlines()]


def main() -> int:
    """Format the named files, or all of them; with --check only name those that differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, fail on a difference")
    parser.add_argument("files", nargs="*", type=Path)
    arguments = parser.parse_args()
    different = 0
    for path in arguments.files or sources():
        text = formatted(path)
        if text == path.read_text():
            continue
        different += 1
        if arguments.check:
            sys.stderr.write(f"{path}: not formatted, run `make format`\n")
        else:
            path.write_text(text)
    return 1 if arguments.check and different else 0


if __name__ == "__main__":
    sys.exit(main())
