"""C++ text, line by line, indented."""


class Text:
    """Lines at a depth of indentation."""

    def __init__(self, depth: int = 0) -> None:
        self._lines: list[str] = []
        self._depth = depth

    def line(self, text: str = "") -> None:
        """Add a line."""
        self._lines.append("    " * self._depth + text if text else "")

    def pragma(self, text: str) -> None:
        """Add `#pragma HLS <text>`."""
        self._lines.append(f"#pragma HLS {text}")

    def open(self, text: str) -> None:
        """Add a line whose block follows."""
        self.line(text)
        self._depth += 1

    def close(self, text: str = "") -> None:
        """End a block, with a line if there is one to write."""
        self._depth -= 1
        if text:
            self.line(text)

    def reopen(self, text: str) -> None:
        """Replace the line that ended a block by one that begins another: `} else {`."""
        self._lines.pop()
        self.open(text)

    def add(self, other: "Text") -> None:
        """Add all lines of another text, which carry their own indentation."""
        self._lines += other._lines

    def __str__(self) -> str:
        return "\n".join([*self._lines, ""])
