"""What the flow needs from the rooms with I/O, and the bundle of them that every deed is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.catalog.load import Catalog
from gate.database.engine import Database
from gate.execution.outcome import Outcome
from gate.flow.progress import Progress
from gate.inventory.model import Inventory
from gate.ledger.notes import Notes
from gate.policy.decision import Decision
from gate.policy.limits.limit import Limit
from gate.policy.question import History, Lookback, Question
from gate.values.clock import Clock


class Policy(Protocol):
    """Decides. Never raises: whatever goes wrong inside is a deny."""

    @property
    def generation(self) -> str: ...
    @property
    def lookback(self) -> Lookback: ...
    @property
    def limits(self) -> tuple[Limit, ...]: ...
    def decide(self, question: Question, history: History, now: datetime) -> Decision: ...


class Executor(Protocol):
    """Runs signed warrants. What cannot be known is an outcome `unknown`, not an error."""

    def run(
        self, run_id: str, signed: str, hosts: tuple[str, ...], on_event: Callable[[Mapping[str, Any]], None]
    ) -> Outcome: ...
    def outcome(self, run_id: str, hosts: tuple[str, ...]) -> Outcome: ...
    def stop(self, run_id: str) -> None: ...
    def evidence(self, run_id: str) -> dict[str, Any]: ...
    def events(self, run_id: str) -> Iterator[Mapping[str, Any]]: ...
    def folder(self, run_id: str) -> Path: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """All that a deed may use.

    `catalog` and `inventory` read what is there now; `wake` starts what is ready; `ring` tells those who wait for a
    change that something was done to it.
    """

    database: Database
    clock: Clock
    catalog: Callable[[], Catalog]
    inventory: Callable[[], Inventory]
    inventory_source: Path
    policy: Policy
    executor: Executor
    executor_id: str
    is_alive: Callable[[str], bool]
    warrant_key: Ed25519PrivateKey
    ledger_key: Ed25519PrivateKey
    notes: Notes
    progress: Progress
    groups: Callable[[str], frozenset[str]]
    certified: Callable[[str, str], bool]
    wake: Callable[[], None]
    ring: Callable[[str], None]
    state: Path
