"""What would other rules have said? Recorded decisions are made again by candidate rules.

A fact is taken from the record, or computed anew from what is recorded; if neither is possible it is unknown, and then
a decision is only given where every value of it leads to the same one. Nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from gate.policy.decision import combine
from gate.policy.facts import passage, subject
from gate.policy.limit_kinds import Rate
from gate.policy.limits import Limit
from gate.policy.predicate import Predicate
from gate.policy.question import Question
from gate.policy.recorded import Record
from gate.policy.reference import holds
from gate.policy.risk import total
from gate.policy.rule import All, AnyOf, Condition, Facts, Leaf, Not, Requirement, Rule, Verdict, leaves
from gate.policy.rulebook import Rulebook
from gate.policy.vocabulary import FACTS, OPEN_FAMILIES, Value
from gate.values.clock import stamp

Books = Mapping[str, Rulebook]  # generation -> the rules that decided, where they are still known
_OF_RULES = ("risk", "windows", "early")  # facts that depend on the rules, too
_OF_PAST = ("action", "actor_kind", "n_targets", "undo")  # what a limit may look at wherever the past was


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What comes out: the verdict, the approvals, whether it waits for a window, and the ids of what fired."""

    verdict: Verdict
    approvals: tuple[Requirement, ...]
    waits: bool
    rules: tuple[str, ...]

    @property
    def shown(self) -> str:
        waits = self.waits and self.verdict is not Verdict.DENY
        return f"{self.verdict.value} in its window" if waits else self.verdict.value

    def same_as(self, other: Outcome) -> bool:
        """Whether both mean the same for the one who asked."""
        ours = (self.verdict, self.approvals, self.waits and self.verdict is not Verdict.DENY)
        return ours == (other.verdict, other.approvals, other.waits and other.verdict is not Verdict.DENY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A recorded decision that would come out otherwise. `looser`: more would be possible than was."""

    record: Record
    was: Outcome
    now: Outcome

    @property
    def looser(self) -> bool:
        return is_looser(self.was, self.now)

    @property
    def step(self) -> str:
        """From what to what."""
        if self.was.shown == self.now.shown:
            return f"{self.was.shown}, other approvals"
        return f"{self.was.shown} -> {self.now.shown}"

    def as_json(self) -> dict[str, Any]:
        facts = next(iter(self.record.decision.facts.values()), {})
        return {
            "entry": self.record.seq,
            "change": self.record.change_id,
            "at": stamp(self.record.at),
            "actor": facts.get("actor"),
            "action": facts.get("action"),
            "hosts": list(self.record.decision.facts),
            "step": self.step,
            "looser": self.looser,
            "was": list(self.was.rules),
            "now": list(self.now.rules),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """A recorded decision that cannot be made again, because these facts were not recorded."""

    record: Record
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """The result: how many were compared, what would differ (the most permissive first), and what cannot be said."""

    compared: int
    differences: tuple[Difference, ...]
    undecided: tuple[Undecided, ...]

    @property
    def looser(self) -> tuple[Difference, ...]:
        return tuple(one for one in self.differences if one.looser)


def backtest(candidate: Rulebook, records: Iterable[Record], books: Books) -> Backtest:
    """Decides every recorded proposal again. `books` are the rules of the recorded generations, as far as archived."""
    compared, different, undecided = 0, [], []
    for record in records:
        if not record.first or not record.by_rules:
            continue
        now = decide_again(candidate, record, books.get(record.decision.generation))
        if isinstance(now, Undecided):
            undecided.append(now)
            continue
        compared += 1
        if not now.same_as(was := recorded_outcome(record)):
            different.append(Difference(record=record, was=was, now=now))
    different.sort(
        key=lambda one: (not one.looser, one.now.verdict.strength, -one.was.verdict.strength, one.record.seq)
    )
    return Backtest(compared=compared, differences=tuple(different), undecided=tuple(undecided))


def recorded_outcome(record: Record) -> Outcome:
    """What was decided then."""
    decision = record.decision
    return Outcome(
        verdict=decision.verdict,
        approvals=decision.approvals,
        waits=any(reason.verdict is Verdict.WAIT for reason in decision.reasons),
        rules=tuple(sorted({one for ids in decision.fired.values() for one in ids})),
    )


def decide_again(book: Rulebook, record: Record, then: Rulebook | None) -> Outcome | Undecided:
    """What `book` says of what is recorded; `then` are the rules of that time."""
    known = known_facts(book, record, then)
    answers = {
        host: {rule.id: truth(rule.when, facts) for rule in book.rules.values()} for host, facts in known.items()
    }
    fired = {host: tuple(sorted(one for one, said in by.items() if said)) for host, by in answers.items()}
    open_ = {host: [book.rules[one] for one, said in by.items() if said is None] for host, by in answers.items()}
    if any(open_.values()) and not _decided_anyway(book.rules, fired, open_):
        every = {leaf.fact for rules in open_.values() for rule in rules for leaf in leaves(rule.when)}
        return Undecided(record=record, unknown=tuple(sorted(_missing(book, every, known))))
    verdict, reasons, approvals = combine(book.rules, fired, lambda _rule, _host: "")
    return Outcome(
        verdict=verdict,
        approvals=approvals,
        waits=any(reason.verdict is Verdict.WAIT for reason in reasons),
        rules=tuple(sorted({one for ids in fired.values() for one in ids})),
    )


def is_looser(was: Outcome, now: Outcome) -> bool:
    """Whether more is possible now than was before."""
    if was.verdict is not now.verdict:
        return now.verdict.strength < was.verdict.strength
    if was.verdict is Verdict.DENY:
        return False
    return (was.waits and not now.waits) or not all(_kept(need, now.approvals) for need in was.approvals)


def truth(condition: Condition, facts: Facts) -> bool | None:
    """Whether the condition holds; None if that depends on a fact that is not known."""
    match condition:
        case Leaf():
            return holds(condition, facts) if condition.fact in facts else None
        case Not(inner):
            answer = truth(inner, facts)
            return None if answer is None else not answer
        case All(of) | AnyOf(of):
            decisive = isinstance(condition, AnyOf)
            answers = [truth(inner, facts) for inner in of]
            if decisive in answers:
                return decisive
            return None if None in answers else not decisive


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
        parts = book.risk.parts(question, record.history, record.at)
        yield "risk", {host: total(found) for host, found in parts.items()}


def _limit(limit: Limit, before: Limit | None, record: Record, question: Question | None) -> Mapping[str, Value]:
    name = f"limit.{limit.name}"
    if before is not None and before.as_json() == limit.as_json():
        return {host: facts[name] for host, facts in record.decision.facts.items() if name in facts}
    if question is None or not _countable(limit, record):
        return {}
    used = limit.usage(question, record.history, record.at)
    return {host: "exceeded" if usage.exceeded else "within" for host, usage in used.items()}


def _countable(limit: Limit, record: Record) -> bool:
    """Whether the record tells enough of the past to count it anew."""
    if not isinstance(limit.kind, Rate):
        return False
    names = {leaf.fact for leaf in leaves(limit.scope)} - {*_OF_PAST}
    if not names and not any(name.startswith(("environment", "group")) for name in limit.kind.by):
        return True
    recent = limit.kind.recent(record.history.changes, record.at)
    placed = all(past.known.keys() >= {*past.hosts} for past in recent)
    return placed and record.where.keys() >= record.decision.facts.keys() and all(map(_is_of_places, names))


def _is_of_places(fact: str) -> bool:
    return fact in ("environment", "criticality") or fact.startswith("group.")


def _decided_anyway(
    rules: Mapping[str, Rule], fired: Mapping[str, tuple[str, ...]], open_: Mapping[str, list[Rule]]
) -> bool:
    """Whether the rules of which nobody knows whether they fired make no difference."""
    surely = {host: [rules[one] for one in ids if _counts(rules[one])] for host, ids in fired.items()}
    if any(rule.verdict is Verdict.DENY for said in surely.values() for rule in said):
        return True
    return not any(_matters(rule, surely[host]) for host, said in open_.items() for rule in said)


def _matters(rule: Rule, surely: list[Rule]) -> bool:
    return not rule.shadow and not (rule.verdict is Verdict.ALLOW and surely)


def _counts(rule: Rule) -> bool:
    return not rule.shadow and rule.verdict is not Verdict.WAIT


def _missing(book: Rulebook, names: Iterable[str], known: Mapping[str, Facts]) -> Iterator[str]:
    words: Mapping[str, Predicate] = {asked.name: asked for asked in book.asked}
    for name in names:
        if any(name not in facts for facts in known.values()):
            yield words[name].text if name in words else name


def _kept(need: Requirement, now: Iterable[Requirement]) -> bool:
    """Whether something that is needed now asks for at least as much."""
    return any(
        one == need
        or (
            one.group == need.group
            and one.count >= need.count
            and one.expires_s <= need.expires_s
            and one.alternatives == need.alternatives
            and one.escalate_to == need.escalate_to
        )
        for one in now
    )
