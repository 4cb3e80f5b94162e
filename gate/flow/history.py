"""What the policy is told of the past: read in the deciding transaction, as far back as its limits have to see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import Connection

from gate.catalog.admit import Host as Described
from gate.changes import past
from gate.policy.question import History, Host, Lookback, Past, Question


def history(connection: Connection, lookback: Lookback, question: Question, now: datetime, but: str = "") -> History:
    """The history for `question`. `but` is the id of a change that does not count: the one that is asked about."""
    found = past.read(
        connection,
        _reach(lookback, now),
        actor=str(question.actor),
        action=question.action,
        hosts=[host.name for host in question.hosts],
    )
    return History(
        changes=tuple(as_past(change) for change in found if change.id != but),
        resets=past.resets(connection),
        lookback=lookback,
    )


def failures(connection: Connection) -> History:
    """Everything that failed, and when breakers were reset."""
    found = past.failed(connection)
    return History(changes=tuple(as_past(change) for change in found), resets=past.resets(connection))


def described(hosts: Iterable[Described]) -> list[Mapping[str, str]]:
    """What is stored of the hosts of a change, for those who look back at it."""
    return [past.described(host.name, host.environment, host.criticality, host.groups) for host in hosts]


def as_past(change: past.Earlier) -> Past:
    """An earlier change, as the policy sees it."""
    return Past(
        at=change.created_at,
        actor=change.actor,
        action=change.action,
        hosts=tuple(change.hosts),
        id=change.id,
        state=change.state,
        started_at=change.started_at,
        finished_at=change.updated_at,
        failed_at=change.failed_at,
        undo_of=change.undo_of,
        known={
            name: Host(
                name=name, groups=place.groups, environment=place.environment, criticality=place.criticality or "none"
            )
            for name, place in change.hosts.items()
            if place.environment is not None
        },
    )


def _reach(lookback: Lookback, now: datetime) -> past.Reach:
    times = {name: now - span for name, span in asdict(lookback).items() if isinstance(span, timedelta) and span}
    return past.Reach(**times, open=lookback.open)
