"""Question, history and time become flat facts, one set per host. Pure.

Nothing is guessed: a value of the wrong type, or one that the vocabulary does not know, is an error, and so a deny.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gate.policy.language.predicate import Predicate
from gate.policy.language.rule import Facts
from gate.policy.language.vocabulary import LARGEST, Fact, Value, plain
from gate.policy.limits.usage import Usage
from gate.policy.question import History, Host, Question
from gate.policy.risk.recipe import Part, total
from gate.policy.rules.rulebook import Rulebook
from gate.policy.windows.passage import Cover, opens_at
from gate.policy.windows.window import CLOSED, EARLY, REACH

Used = Mapping[str, Mapping[str, Usage]]  # limit -> host -> how much is used


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The facts of every host, and what is needed to say more about a window or limit than a fact can.

    `opens_at` is when the windows let all hosts through; None if they do now, or if they never do.
    """

    now: datetime
    facts: Mapping[str, Facts]
    covers: Mapping[str, Cover]
    opens_at: datetime | None
    used: Used
    risk: Mapping[str, tuple[Part, ...]]


def situation(book: Rulebook, question: Question, history: History, now: datetime) -> Situation:
    """What is the case, for each host of the question.

    Raises:
        ValueError: a value that no fact can have, or a history that does not reach as far back as it has to.
    """
    if history.lookback not in (None, book.lookback):
        raise ValueError("the rules changed while the past was read; ask again")
    opened = {window.name for window in book.windows if window.is_open(now)}
    takes = timedelta(seconds=_seconds(question.timeout_s))
    used = {limit.name: limit.usage(question, history, now) for limit in book.limits}
    asked = {host.name: _asked(question, host, book) | _derived(book, host, opened, used) for host in question.hosts}
    risk = book.risk.parts(question, history, now)
    covers = {host: _cover(book, found, takes) for host, found in asked.items()}
    opening = _opening(covers, now)
    passages = {cover: _passage(cover, now, opening) for cover in set(covers.values())}
    facts: dict[str, Facts] = {}
    for host, found in asked.items():
        known = found | passages[covers[host]] | {"risk": total(risk[host])}
        facts[host] = {fact.name: _checked(fact, known[fact.name]) for fact in book.facts}
    return Situation(now=now, facts=facts, covers=covers, opens_at=opening, used=used, risk=risk)


def note(book: Rulebook, rule_id: str, host: str, now: Situation) -> str:
    """What a person wants to know beyond the rule's reason: until when, or from when."""
    if rule_id == CLOSED:
        return _why_closed(host, now)
    if rule_id == EARLY and now.opens_at:
        blocking = now.covers[host].in_the_way(now.now)
        clock = next((window for window in blocking if window.kind != "closed"), blocking[0])
        return f"It waits until {clock.shown(now.opens_at)}; in its way: {', '.join(one.name for one in blocking)}."
    kind, _, name = rule_id.partition("/")
    for window in book.windows:
        if kind == "window" and window.name == name:
            until = window.until(now.now)
            return f"It lasts until {window.shown(until)}." if until else "No end is in sight."
    for limit in book.limits:
        if kind == "limit" and limit.name == name:
            return now.used[name][host].note
    return ""


def _asked(question: Question, host: Host, book: Rulebook) -> dict[str, Value]:
    plain_facts: dict[str, Value] = {
        "action": question.action,
        "actor": str(question.actor),
        "actor_kind": question.actor.kind.value,
        "target": host.name,
        "environment": host.environment,
        "criticality": host.criticality,
        "action_risk": question.risk,
        "reversibility": question.reversibility,
        "check": question.check,
        "certified": _yes(certain=question.certified),
        "undo": _yes(certain=question.undo),
        "n_targets": len(question.hosts),
    }
    groups = {f"group.{name}": _yes(certain=name in host.groups) for name in book.members("group")}
    tags = {f"tag.{name}": _yes(certain=name in known_tags(host)) for name in book.members("tag")}
    answers = {asked.name: _yes(certain=asked.holds(subject(asked, question, host))) for asked in book.asked}
    return plain_facts | groups | tags | answers


def subject(asked: Predicate, question: Question, host: Host) -> Any:
    """What a predicate is about; None if it is not there.

    Raises:
        ValueError: it is not known.
    """
    match asked.subject.split("."):
        case ["param", name]:
            return question.parameters.get(name)
        case ["param", action, name]:
            return question.parameters.get(name) if question.action == action else None
        case ["groups"]:
            return sorted(host.groups)
        case ["tags"]:
            return sorted(known_tags(host))
        case [("target" | "actor" | "action" | "environment" | "criticality") as name]:
            of_host = {"target": host.name, "environment": host.environment, "criticality": host.criticality}
            return (of_host | {"actor": str(question.actor), "action": question.action})[name]
    raise ValueError(f"nobody can say what {asked.subject} is")


def known_tags(host: Host) -> frozenset[str]:
    """The tags of a host. Raises ValueError: nobody said what they are, and no tag is not the same."""
    if host.tags is None:
        raise ValueError(f"the tags of {host.name} are not known")
    return host.tags


def _derived(book: Rulebook, host: Host, opened: set[str], used: Used) -> dict[str, Value]:
    windows: dict[str, Value] = {
        f"window.{window.name}": "open" if window.name in opened else "closed" for window in book.windows
    }
    return windows | {
        f"limit.{limit.name}": "exceeded" if used[limit.name][host.name].exceeded else "within" for limit in book.limits
    }


def passage(book: Rulebook, facts: Mapping[str, Facts], takes: timedelta, now: datetime) -> dict[str, Facts]:
    """For each host the facts `windows` and `early` of a change that takes so long at most, from its other facts.

    Raises:
        KeyError: a window looks at a fact that is missing.
    """
    covers = {host: _cover(book, found, takes) for host, found in facts.items()}
    opening = _opening(covers, now)
    return {host: _passage(cover, now, opening) for host, cover in covers.items()}


def _cover(book: Rulebook, facts: Facts, takes: timedelta) -> Cover:
    # the scope's texts are already as the engine sees them, so the facts have to be so too
    seen = {name: plain(value) if isinstance(value, str) else value for name, value in facts.items()}
    return Cover.of(book.windows, seen, takes)


def _opening(covers: Mapping[str, Cover], now: datetime) -> datetime | None:
    """When all hosts are let through, if they are not now."""
    found = opens_at(set(covers.values()), now)
    return found if found != now else None


def _passage(cover: Cover, now: datetime, opening: datetime | None) -> dict[str, Value]:
    """The facts that say whether and when the windows let a host through."""
    blocking = cover.in_the_way(now)
    may_wait = opening is not None and all(window.early == "wait" for window in blocking)
    return {"windows": cover.state(now), "early": "no" if not blocking else "wait" if may_wait else "deny"}


def _why_closed(host: str, now: Situation) -> str:
    cover = now.covers[host]
    if now.facts[host]["windows"] == "closing":
        return f"It may take {cover.takes.total_seconds():.0f} s, and that much is not left."
    starts = [(start, window) for window in cover.allows if (start := window.next_start(now.now))]
    if not starts or now.opens_at is None:
        return f"Nothing opens within {REACH.days} days that would let it through."
    start, window = min(starts, key=lambda pair: pair[0])
    return f"The next is {window.name}, {window.shown(start)}."


def _seconds(timeout_s: int) -> int:
    if type(timeout_s) is not int or timeout_s < 0:
        raise ValueError(f"{timeout_s!r} is no number of seconds")
    return timeout_s


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
