"""What is known of a past decision: the facts that other rules need, as far as they are or follow from the record.

What a fact depends on beside the record (windows, limits, the recipe of risk) is computed anew where the record tells
enough for it; otherwise the fact is left out. Nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from gate.policy.facts import passage, subject
from gate.policy.language.rule import Facts, leaves
from gate.policy.language.vocabulary import FACTS, OPEN_FAMILIES, Value
from gate.policy.limits.kinds import Rate
from gate.policy.limits.limit import Limit
from gate.policy.question import History, Question
from gate.policy.risk.recipe import total
from gate.policy.rules.rulebook import Rulebook
from gate.policy.tools.recorded import Record

_OF_RULES = ("risk", "windows", "early")  # facts that depend on the rules, too
_OF_PAST = ("action", "actor_kind", "n_targets", "undo")  # what a limit may look at wherever the past was


def known_facts(book: Rulebook, record: Record, then: Rulebook | None) -> dict[str, dict[str, Value]]:
    """For each host the facts that `book` needs, as far as they are recorded or follow from what is."""
    question = record.question()
    plain_names = {fact.name for fact in FACTS} - {*_OF_RULES}
    known: dict[str, dict[str, Value]] = {}
    for host, told in record.decision.facts.items():
        recorded = {name for name in told if name in plain_names or name.startswith(("group.", "tag.", "is."))}
        known[host] = {fact.name: told[fact.name] for fact in book.facts if fact.name in recorded}
        known[host] |= _places(book, record.where.get(host))
        for window in book.windows:
            known[host][f"window.{window.name}"] = "open" if window.is_open(record.at) else "closed"
        if question is not None:
            known[host].update(_answers(book, question, host, known[host], everywhere=host in record.where))
    for name, by_host in _of_rules(book, record, then, question, known):
        for host, value in by_host.items():
            known[host][name] = value
    wanted = {fact.name for fact in book.facts}
    return {host: {name: value for name, value in facts.items() if name in wanted} for host, facts in known.items()}


def _places(book: Rulebook, where: Mapping[str, Sequence[str]] | None) -> dict[str, Value]:
    """The facts about groups and tags of a host of which all of them are recorded."""
    if where is None:
        return {}
    return {
        f"{family}.{name}": "yes" if name in where[f"{family}s"] else "no"
        for family in OPEN_FAMILIES
        for name in book.members(family)
    }


def _answers(
    book: Rulebook, question: Question, host: str, known: Facts, *, everywhere: bool
) -> Iterator[tuple[str, Value]]:
    """What predicates say; those about all groups or tags only if these are known `everywhere`."""
    described = next(one for one in question.hosts if one.name == host)
    for asked in book.asked:
        if asked.name not in known and (everywhere or asked.subject not in ("groups", "tags")):
            if isinstance(about := subject(asked, question, described), str) and about.startswith("sha256:"):
                continue
            try:
                yield asked.name, "yes" if asked.holds(about) else "no"
            except ValueError:
                continue


def _of_rules(
    book: Rulebook, record: Record, then: Rulebook | None, question: Question | None, known: Mapping[str, Facts]
) -> Iterator[tuple[str, Mapping[str, Value]]]:
    """Facts that depend on rules as well: as recorded where that part of the rules is the same, or computed anew."""
    told = record.decision.facts
    yield from _risk(book, record, then, question)
    if then is not None and [one.as_json() for one in then.windows] == [one.as_json() for one in book.windows]:
        for name in ("windows", "early"):
            yield name, {host: facts[name] for host, facts in told.items() if name in facts}
    elif not book.windows:
        yield "windows", dict.fromkeys(told, "none")
        yield "early", dict.fromkeys(told, "no")
    elif record.timeout_s is not None:
        try:
            passages = passage(book, known, timedelta(seconds=record.timeout_s), record.at)
        except KeyError:  # a window looks at a group that is not recorded
            passages = {}
        for name in ("windows", "early"):
            yield name, {host: facts[name] for host, facts in passages.items()}
    before = {limit.name: limit for limit in then.limits} if then else {}
    for limit in book.limits:
        yield f"limit.{limit.name}", _limit(limit, before.get(limit.name), record, question)


def _risk(
    book: Rulebook, record: Record, then: Rulebook | None, question: Question | None
) -> Iterator[tuple[str, Mapping[str, Value]]]:
    told = record.decision.facts
    if then is not None and then.risk.as_json() == book.risk.as_json():
        yield "risk", {host: facts["risk"] for host, facts in told.items() if "risk" in facts}
    elif question is not None and book.risk.share is None and book.risk.failures is None:
        parts = book.risk.parts(question, History(), record.at)  # which looks at no history without failures
        yield "risk", {host: total(found) for host, found in parts.items()}


def _limit(limit: Limit, before: Limit | None, record: Record, question: Question | None) -> Mapping[str, Value]:
    name = f"limit.{limit.name}"
    if before is not None and before.as_json() == limit.as_json():
        return {host: facts[name] for host, facts in record.decision.facts.items() if name in facts}
    if question is None or not isinstance(limit.kind, Rate):
        return {}
    history = record.history(record.at - limit.kind.per)
    if not _countable(limit, limit.kind, record, history):
        return {}
    used = limit.usage(question, history, record.at)
    return {host: "exceeded" if usage.exceeded else "within" for host, usage in used.items()}


def _countable(limit: Limit, kind: Rate, record: Record, history: History) -> bool:
    """Whether the record tells enough of the past to count it anew."""
    names = {leaf.fact for leaf in leaves(limit.scope)} - {*_OF_PAST}
    if not names and not any(name.startswith(("environment", "group")) for name in kind.by):
        return True
    recent = kind.recent(history.changes, record.at)
    placed = all(past.known.keys() >= {*past.hosts} for past in recent)
    return placed and record.where.keys() >= record.decision.facts.keys() and all(map(_is_of_places, names))


def _is_of_places(fact: str) -> bool:
    return fact in ("environment", "criticality") or fact.startswith("group.")
