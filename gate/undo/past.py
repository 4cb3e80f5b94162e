"""A change that was carried out, as far as it still stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gate.changes.model import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """`hosts` are those on which it was not taken back, `evidence` is what it recorded on them, by host.

    An undo has touched what its original touched, so it has the evidence of that.
    """

    change: Change
    evidence: Mapping[str, Any]
    hosts: frozenset[str]

    @classmethod
    def of(cls, change: Change, evidence: Mapping[str, Any], taken_back: Iterable[str] = ()) -> Past:
        """The change, without the hosts on which it was taken back."""
        hosts = frozenset(change.hosts) - frozenset(taken_back)
        return cls(change=change, evidence={h: one for h, one in evidence.items() if h in hosts}, hosts=hosts)

    def on(self, hosts: Iterable[str]) -> Past:
        """The part of it on these hosts."""
        left = self.hosts & frozenset(hosts)
        return replace(self, evidence={h: one for h, one in self.evidence.items() if h in left}, hosts=left)
