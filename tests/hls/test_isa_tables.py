"""What the manual says about instructions is what the table of instructions says."""

import re
from pathlib import Path

from m3vit.hls.isa import INSTRUCTIONS
from m3vit.hls.isa_tables import with_tables

MANUAL = Path(__file__).parents[2] / "docs" / "isa.md"


def test_the_manual_is_up_to_date():
    text = MANUAL.read_text()
    assert with_tables(text) == text, "run python -m m3vit.hls.isa_tables docs/isa.md"


def test_every_instruction_has_a_section_with_its_table():
    found = re.findall(r"^### (\w+)\n\n<!-- table (\w+) -->$", MANUAL.read_text(), re.MULTILINE)
    assert found == [(kind.name, kind.name) for kind in INSTRUCTIONS]


def test_tables_replace_what_stood_there():
    text = "a\n<!-- table END -->\nold\n<!-- end -->\nb\n"
    assert with_tables(text) == (
        "a\n<!-- table END -->\n"
        "The last instruction: waits until all others are complete.\n\n"
        "| bits | field | unit | meaning |\n|---:|---|---|---|\n| 0–3 | | | 2 |\n"
        "<!-- end -->\nb\n"
    )
