"""What is wrong with a rule, where, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to mend. `severity` is error or warning; `place` is `file:line`."""

    severity: str
    place: str
    rule: str
    what: str
    why: str
    fix: str

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("severity", "place", "rule", "what", "why", "fix")}
