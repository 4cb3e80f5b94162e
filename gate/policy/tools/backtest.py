"""What would other rules have said? Recorded decisions are made again by candidate rules.

A fact is taken from the record, or computed anew from what is recorded; if neither is possible it is unknown, and then
a decision is only given where every value of it leads to the same one. Nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gate.policy.language.predicate import Predicate
from gate.policy.language.reference import holds
from gate.policy.language.rule import All, AnyOf, Condition, Facts, Leaf, Not, Rule, Verdict, leaves
from gate.policy.rules.rulebook import Rulebook
from gate.policy.tools.known import known_facts
from gate.policy.tools.outcome import Difference, Outcome, Undecided
from gate.policy.tools.recorded import Record

Books = Mapping[str, Rulebook]  # generation -> the rules that decided, where they are still known


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
    return Outcome.made(decision.verdict, decision.reasons, decision.approvals, decision.fired)


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
    return Outcome.of(book.rules, fired)


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
