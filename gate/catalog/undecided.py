"""What somebody still has to decide: marks in the text of an action's own files, which `adopt` leaves there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gate.catalog.finding import Finding, finding

MARK = "TODO(gate)"
MAX_TEXT = 1024 * 1024


def undecided(folder: Path, files: list[str]) -> Iterator[Finding]:
    """A finding for each line of the files at the top of `folder` that has the mark."""
    for name in files:
        if "/" in name:
            continue
        text = (folder / name).read_bytes()[:MAX_TEXT].decode("utf-8", "replace")
        for number, line in enumerate(text.split("\n"), 1):
            if MARK in line:
                what = line.split(MARK, 1)[1].lstrip(": ").strip() or "it is not said what"
                yield finding(folder / name, number, "undecided", f"somebody has to decide: {what}")
