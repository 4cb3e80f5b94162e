from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.changes.model import Change, State
from gate.database.engine import Database
from gate.intent import Intent
from gate.values.actor import Actor, ActorKind

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A new database in a file."""
    opened = Database.open(tmp_path / "gate.db")
    yield opened
    opened.close()


@pytest.fixture
def make_change() -> Callable[..., Change]:
    """A change with defaults; anything can be said otherwise."""
    numbers = itertools.count(1)

    def make(**values: Any) -> Change:
        number = next(numbers)
        given: dict[str, Any] = {
            "id": f"chg-{number:03d}",
            "state": State.READY,
            "waiting_for": None,
            "actor": Actor(ActorKind.AGENT, "planner"),
            "intent": Intent.of("restart_service", ["web-01"], {"service": "nginx"}),
            "parameters": {"service": "nginx", "wait": 30},
            "hosts": ("web-01",),
            "action_digest": "sha256:a",
            "decision": {"verdict": "allow"},
            "binding": "sha256:b",
            "preview": None,
            "undo_of": None,
            "request_key": None,
            "executor": None,
            "created_at": NOW + timedelta(seconds=number),
            "updated_at": NOW + timedelta(seconds=number),
        }
        return Change(**{**given, **values})

    return make
