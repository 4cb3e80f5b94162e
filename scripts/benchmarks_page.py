"""docs/benchmarks.md: each benchmark writes its own part of the page and leaves the others alone."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def write_part(name: str, text: str) -> None:
    """Puts `text` between the marks of the part `name`. Raises ValueError if the page has no such part."""
    marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    page, found = marks.subn(lambda mark: f"{mark[1]}\n{text.strip()}\n\n{mark[2]}", PAGE.read_text())
    if found != 1:
        raise ValueError(f"{PAGE} has no part {name}")
    PAGE.write_text(page)
