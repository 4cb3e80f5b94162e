"""What a run told, without what differs from run to run: times, identifiers, temporary names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any


def told(folder: Path) -> tuple[list[Any], str]:
    """The events and the standard output of the run in `folder`."""
    kept = folder / "artifacts"
    events = [json.loads(_same(line)) for line in (kept / "events.jsonl").read_text().splitlines()]
    return events, _same((kept / "runner" / "stdout").read_text())


def by_host(events: list[Any]) -> dict[str, list[Any]]:
    """Hosts are worked on at the same time, so only each one's own order says anything."""
    return {
        str(host): [{**event, "at": None} for event in events if event.get("host") == host]
        for host in {event.get("host") for event in events}
    }


def was_cold(folder: Path) -> str:
    """Why a run that could have been warm was not; nothing if it was."""
    note = folder / "artifacts" / "cold"
    return note.read_text() if note.exists() else ""


def _same(text: str) -> str:
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+(\+00:00)?|\d:\d\d:\d\d\.\d+", "TIME", text)
    text = re.sub(r"run-\d+|ansible-tmp-[\d.-]+|ansible-local-\w+|\.?tmp\w{8}|j\d{6,}\.\d+", "NAME", text)
    text = re.sub(r" for (web-0\d, )+web-0\d", " for HOSTS", text)
    text = re.sub(r"^ASYNC POLL .*\n", "", text, flags=re.MULTILINE)  # how often it was asked for
    return re.sub(r"[0-9a-f]{16,64}", "HEX", text)
