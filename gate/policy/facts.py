"""Question, history and time become flat facts, one set per host. Pure.

Nothing is guessed: a value of the wrong type, or one that the vocabulary does not know, is an error, and so a deny.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gate.policy.question import History, Host, Question
from gate.policy.reference import holds
from gate.policy.rule import Facts
from gate.policy.rulebook import Rulebook
from gate.policy.vocabulary import LARGEST, Fact, Value, plain
from gate.policy.windows import CLOSED, Window

Used = Mapping[str, Mapping[str, tuple[datetime, ...]]]  # limit -> host -> times that count


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The facts of every host, and what is needed to say more about a window or limit than a fact can."""

    now: datetime
    facts: Mapping[str, Facts]
    covering: Mapping[str, tuple[Window, ...]]
    used: Used


def situation(book: Rulebook, question: Question, history: History, now: datetime) -> Situation:
    """What is the case, for each host of the question.

    Raises:
        ValueError: a value that no fact can have.
    """
    opened = {window.name for window in book.windows if window.is_open(now)}
    used = {limit.name: limit.used(question, history, now) for limit in book.limits}
    facts: dict[str, Facts] = {}
    covering: dict[str, tuple[Window, ...]] = {}
    for host in question.hosts:
        found = _asked(question, host, book.groups) | _derived(book, host, opened, used)
        covering[host.name] = _covering(book, found)
        found["windows"] = _through(covering[host.name], opened)
        facts[host.name] = {fact.name: _checked(fact, found[fact.name]) for fact in book.facts}
    return Situation(now=now, facts=facts, covering=covering, used=used)


def note(book: Rulebook, rule_id: str, host: str, now: Situation) -> str:
    """What a person wants to know beyond the rule's reason: until when, or from when."""
    if rule_id == CLOSED:
        return _next_opening(now.covering[host], now.now)
    kind, _, name = rule_id.partition("/")
    for window in book.windows:
        if kind == "window" and window.name == name:
            until = window.until(now.now)
            return f"It lasts until {window.shown(until)}." if until else "No end is in sight."
    for limit in book.limits:
        if kind == "limit" and limit.name == name:
            times = now.used[name][host]
            free = limit.free_at(times)
            return f"{len(times)} of {limit.at_most} are used; the next is possible at {free:%Y-%m-%d %H:%M:%S} UTC."
    return ""


def _asked(question: Question, host: Host, groups: tuple[str, ...]) -> dict[str, Value]:
    return {
        "action": question.action,
        "actor": str(question.actor),
        "actor_kind": question.actor.kind.value,
        "target": host.name,
        "environment": host.environment,
        "criticality": host.criticality,
        "risk": question.risk,
        "reversibility": question.reversibility,
        "check": question.check,
        "certified": _yes(certain=question.certified),
        "undo": _yes(certain=question.undo),
        "n_targets": len(question.hosts),
    } | {f"group.{group}": _yes(certain=group in host.groups) for group in groups}


def _derived(book: Rulebook, host: Host, opened: set[str], used: Used) -> dict[str, Value]:
    windows: dict[str, Value] = {
        f"window.{window.name}": "open" if window.name in opened else "closed" for window in book.windows
    }
    return windows | {
        f"limit.{limit.name}": "within" if limit.free_at(used[limit.name][host.name]) is None else "exceeded"
        for limit in book.limits
    }


def _covering(book: Rulebook, facts: Facts) -> tuple[Window, ...]:
    # the scope's texts are already as the engine sees them, so the facts have to be so too
    seen = {name: plain(value) if isinstance(value, str) else value for name, value in facts.items()}
    return tuple(window for window in book.windows if window.kind == "allow" and holds(window.scope, seen))


def _through(covering: tuple[Window, ...], opened: set[str]) -> str:
    if not covering:
        return "none"
    return "open" if any(window.name in opened for window in covering) else "closed"


def _next_opening(windows: tuple[Window, ...], now: datetime) -> str:
    starts = [(start, window) for window in windows if (start := window.next_start(now))]
    if not starts:
        return "No window opens again."
    start, window = min(starts, key=lambda pair: pair[0])
    return f"The next is {window.name}, {window.shown(start)}."


def _yes(*, certain: bool) -> str:
    if type(certain) is not bool:
        raise ValueError(f"{certain!r} is neither true nor false")
    return "yes" if certain else "no"


def _checked(fact: Fact, value: Value) -> Value:
    if type(value) is not fact.kind:
        raise ValueError(f"{fact.name} is {value!r}, which is no {fact.kind.__name__}")
    if fact.values and value not in fact.values:
        raise ValueError(f"{fact.name} is {value!r}, which is none of {', '.join(fact.values)}")
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ValueError(f"{fact.name} is {value}, which is out of range")
    return plain(value) if isinstance(value, str) else value
