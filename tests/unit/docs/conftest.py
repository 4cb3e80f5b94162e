"""The pages that are compared with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
RULER = re.compile(r"\|[-|]+\|")


class Page:
    """A page of docs/, read as sections and tables."""

    def __init__(self, text: str) -> None:
        self.text = text

    def sections(self) -> dict[str, Page]:
        """Heading of the second level -> what stands below it."""
        parts = re.split(r"^## (.+)$", self.text, flags=re.MULTILINE)
        return dict(zip(parts[1::2], (Page(part) for part in parts[2::2]), strict=True))

    def rows(self) -> list[list[str]]:
        """The rows of all tables, without their headings."""
        lines = self.text.splitlines()
        bodies = [
            line
            for line, following in zip(lines, [*lines[1:], ""], strict=True)
            if line.startswith("|") and not RULER.fullmatch(line) and not RULER.fullmatch(following)
        ]
        return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in bodies]

    def first_cells(self) -> list[str]:
        """What is in backquotes in the first cells of all tables."""
        return [name for row in self.rows() for name in re.findall(r"`([^`]+)`", row[0])]


@pytest.fixture(scope="session")
def reference():
    """Name -> the page in docs/reference."""
    return lambda name: Page((ROOT / "docs" / "reference" / f"{name}.md").read_text())


@pytest.fixture(scope="session")
def howto():
    """Name -> the page in docs/howto."""
    return lambda name: Page((ROOT / "docs" / "howto" / f"{name}.md").read_text())
