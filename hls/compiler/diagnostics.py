"""The compiler's one way to refuse a program: where, why, and what to write instead."""

from m3vit.errors import UserError

from .ir import Location


class HlsError(UserError):
    """C++ that cannot become hardware here; `str()` is `file:line: sentence [rule]`.

    Attributes:
        location: line of the construct, or None where the whole program is meant.
        rule: short identifier, described in `docs/hls-rules.md`.
        sentence: what is wrong and what to do about it.
    """

    def __init__(self, rule: str, sentence: str, location: Location | None = None) -> None:
        self.rule = rule
        self.sentence = sentence
        self.location = location
        place = f"{location}: " if location else ""
        super().__init__(f"{place}{sentence} [{rule}]")
