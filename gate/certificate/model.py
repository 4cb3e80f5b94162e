"""A certificate: which action, which bytes, which cases, on which hosts, when, with what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from gate.values.canonical import canonical
from gate.values.clock import from_stamp, stamp

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedCase:
    """One case that was tried: its parameters, and on how many ways. Times are seconds, the slowest of that case.

    `changed` are the parts of the fingerprint that `do` changed, `broken_off` the steps after which `do` was made to
    fail, and its undo brought the host back all the same.
    """

    name: str
    parameters: Mapping[str, Any]
    changed: tuple[str, ...]
    broken_off: tuple[str, ...]
    do_s: float
    undo_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """`digest` is that of the action's folder; `hosts` maps a name to what runs there; `proved_at` is aware UTC."""

    action: str
    digest: str
    hosts: Mapping[str, str]
    cases: tuple[ProvedCase, ...]
    fingerprint: str
    ansible_core: str
    python: str
    proved_at: datetime

    def text(self) -> str:
        """Its canonical JSON: what is signed."""
        return canonical(self.as_json())

    def as_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        plain = asdict(self)
        cases = [
            {**case, "changed": list(case["changed"]), "broken_off": list(case["broken_off"])}
            for case in plain["cases"]
        ]
        return {**plain, "version": VERSION, "cases": cases, "proved_at": stamp(self.proved_at)}

    @classmethod
    def parse(cls, text: str) -> Certificate:
        """The inverse of `text`. Raises ValueError, TypeError, AttributeError or KeyError for anything else."""
        plain = json.loads(text)
        if plain.pop("version") != VERSION:
            raise ValueError("unknown version of a certificate")
        cases = tuple(
            ProvedCase(**{**case, "changed": tuple(case["changed"]), "broken_off": tuple(case["broken_off"])})
            for case in plain["cases"]
        )
        return cls(**{**plain, "cases": cases, "proved_at": from_stamp(plain["proved_at"])})
