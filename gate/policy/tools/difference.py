"""What is different between two rulebooks: in what is written, in what the tables say, in what was decided. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gate.policy.facts import situation
from gate.policy.language.reference import fired
from gate.policy.rules.rulebook import Rulebook
from gate.policy.tables.tables import Case
from gate.policy.tools.backtest import Books, decide_again
from gate.policy.tools.outcome import Difference, Outcome, Undecided
from gate.policy.tools.recorded import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What is not the same. `kind`: rule, window, limit or risk; `how`: added, removed, changed or reworded."""

    kind: str
    name: str
    how: str
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, "how": self.how, "old": self.old, "new": self.new}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChange:
    """A case of a table that comes out otherwise."""

    case: Case
    was: Outcome
    now: Outcome


def edits(old: Rulebook, new: Rulebook) -> list[Edit]:
    """All that was added, removed, changed in meaning or only reworded; windows and limits as they are written."""
    return [
        *_edits("rule", _rules(old), _rules(new)),
        *_edits("window", {one.name: one.as_json() for one in old.windows}, {w.name: w.as_json() for w in new.windows}),
        *_edits("limit", {one.name: one.as_json() for one in old.limits}, {w.name: w.as_json() for w in new.limits}),
        *_edits("risk", {"recipe": old.risk.as_json()}, {"recipe": new.risk.as_json()}),
    ]


def case_changes(old: Rulebook, new: Rulebook, cases: Iterable[Case]) -> list[CaseChange]:
    """The cases that come out otherwise under the new rules."""
    found = (CaseChange(case=case, was=outcome(old, case), now=outcome(new, case)) for case in cases)
    return [one for one in found if not one.was.same_as(one.now) or one.was.rules != one.now.rules]


def past_changes(
    old: Rulebook, new: Rulebook, records: Iterable[Record], books: Books
) -> tuple[list[Difference], list[Undecided]]:
    """The recorded decisions on which the two rulebooks differ, and those of which it cannot be said."""
    different, undecided = [], []
    for record in records:
        if not record.first or not record.by_rules:
            continue
        then = books.get(record.decision.generation)
        was, now = decide_again(old, record, then), decide_again(new, record, then)
        if isinstance(was, Undecided) or isinstance(now, Undecided):
            undecided.append(was if isinstance(was, Undecided) else now)
        elif not was.same_as(now):
            different.append(Difference(record=record, was=was, now=now))
    return sorted(different, key=lambda one: not one.looser), [one for one in undecided if isinstance(one, Undecided)]


def outcome(book: Rulebook, case: Case) -> Outcome:
    """What the rules say of a case, by the reference.

    Raises:
        ValueError: the case asks what cannot be decided.
    """
    found = situation(book, case.question, case.history, case.at)
    said = {host: tuple(sorted(fired(book.rules.values(), facts))) for host, facts in found.facts.items()}
    return Outcome.of(book.rules, said)


def _rules(book: Rulebook) -> dict[str, dict[str, Any]]:
    return {rule.id: rule.as_json() for rule in book.rules.values() if "/" not in rule.id}


def _edits(kind: str, old: Mapping[str, dict[str, Any]], new: Mapping[str, dict[str, Any]]) -> Iterator[Edit]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before != after:
            yield Edit(kind=kind, name=name, how=_how(before, after), old=before, new=after)


def _how(before: dict[str, Any] | None, after: dict[str, Any] | None) -> str:
    if before is None or after is None:
        return "added" if before is None else "removed"
    words = {"because": ""}
    return "reworded" if before | words == after | words else "changed"
