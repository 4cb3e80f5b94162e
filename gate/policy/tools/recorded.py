"""Past decisions as the ledger tells them, with what they were made of. Pure: entries in, records out.

What an entry does not say stays unknown; nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from gate.policy.decision import ENGINE, REFERENCE, Decision
from gate.policy.language.rule import Facts
from gate.policy.language.vocabulary import OPEN_FAMILIES as FAMILIES
from gate.policy.question import OPEN, RAN, History, Host, Past, Question
from gate.values.actor import Actor
from gate.values.clock import from_stamp

_DISORDER = timedelta(minutes=1)  # entries of several processes may be out of order by a little
_STATES = RAN | OPEN | {"denied", "expired", "withdrawn"}
_MOVES = {"rejected": "denied", "started": "running"}  # kinds of entries that are not named like the state after them


class Entry(Protocol):
    """An entry of the ledger, as far as this needs one."""

    @property
    def seq(self) -> int: ...
    @property
    def at(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def change_id(self) -> str | None: ...
    @property
    def actor(self) -> str: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One decision of the ledger. `first` says that it is that of the proposal, not the one at the start.

    `timeout_s` is None where it was not recorded, and `where` lacks a host of which it was not: in which groups it is,
    and which tags it carries. `story` is every move of every change, `told` how many of them came before this.
    """

    seq: int
    change_id: str
    at: datetime
    decision: Decision
    first: bool
    parameters: Mapping[str, Any]
    timeout_s: int | None
    where: Mapping[str, Mapping[str, Sequence[str]]]
    story: Sequence[Past]
    told: int

    @property
    def by_rules(self) -> bool:
        """Whether rules decided; otherwise the engine could not be asked, and it was denied for that."""
        return all(reason.rule not in (ENGINE, REFERENCE) for reason in self.decision.reasons)

    def history(self, since: datetime) -> History:
        """The earlier changes that moved after `since`, as they stood then."""
        found: dict[str, Past] = {}
        for number in range(self.told - 1, -1, -1):
            one = self.story[number]
            if _moved_at(one) <= since - _DISORDER:
                break
            found.setdefault(one.id, one)
        found.pop(self.change_id, None)
        return History(changes=tuple(one for one in found.values() if one.state != "denied"))

    def question(self) -> Question | None:
        """The question, as far as it is recorded; None if it is not. Of a host that `where` lacks only those groups and
        tags are known that some rule had asked for.
        """
        facts = next(iter(self.decision.facts.values()), None)
        if facts is None:
            return None
        try:
            return Question(
                action=str(facts["action"]),
                risk=int(facts.get("action_risk", facts["risk"])),
                reversibility=str(facts["reversibility"]),
                check=str(facts["check"]),
                certified=facts["certified"] == "yes",
                actor=Actor.parse(str(facts["actor"])),
                hosts=tuple(_host(name, told, self.where) for name, told in self.decision.facts.items()),
                undo=facts["undo"] == "yes",
                starting=not self.first,
                parameters=self.parameters,
                timeout_s=self.timeout_s or 0,
            )
        except (KeyError, ValueError):
            return None


def records(entries: Iterable[Entry]) -> Iterator[Record]:
    """Every decision, in order."""
    proposed: dict[str, Mapping[str, Any]] = {}
    past: dict[str, Past] = {}
    story: list[Past] = []
    for entry in entries:
        name = entry.change_id
        if name is None:
            continue
        if entry.kind == "proposed":
            proposed[name] = {"actor": entry.actor, **entry.data}
        if "decision" in entry.data and name in proposed:
            yield _record(entry, name, proposed[name], story)
        state = _state(entry)
        if state is not None and name in proposed:
            past[name] = _moved(past.get(name), entry, name, proposed[name], state)
            story.append(past[name])


def _record(entry: Entry, name: str, proposed: Mapping[str, Any], story: Sequence[Past]) -> Record:
    return Record(
        seq=entry.seq,
        change_id=name,
        at=from_stamp(entry.data["decision"]["at"]),
        decision=Decision.from_json(entry.data["decision"]),
        first=entry.kind == "decided",
        parameters=proposed.get("parameters", {}),
        timeout_s=proposed.get("timeout_s"),
        where=proposed.get("where", {}) if entry.kind == "decided" else {},  # later it may be somewhere else
        story=story,
        told=len(story),
    )


def _moved_at(past: Past) -> datetime:
    return past.finished_at or past.at


def _state(entry: Entry) -> str | None:
    if entry.kind in ("decided", "not-started", "settled"):
        state = entry.data.get("state")
        return state if state in _STATES else None
    return _MOVES.get(entry.kind) or (entry.kind if entry.kind in _STATES else None)


def _moved(old: Past | None, entry: Entry, name: str, proposed: Mapping[str, Any], state: str) -> Past:
    at = from_stamp(entry.at)
    failed_at = at if state in ("failed", "unknown") else None
    started_at = at if entry.kind == "started" else None
    if old is not None:
        started_at = old.started_at or started_at
        return replace(old, state=state, started_at=started_at, finished_at=at, failed_at=failed_at or old.failed_at)
    return Past(
        id=name,
        at=at,
        actor=str(proposed["actor"]),
        action=proposed["intent"]["action"],
        hosts=tuple(proposed["hosts"]),
        state=state,
        undo_of=proposed.get("undo_of"),
        failed_at=failed_at,
        known=_places(proposed.get("where", {}), entry.data.get("decision", {}).get("facts", {})),
    )


def _places(where: Mapping[str, Any], facts: Mapping[str, Facts]) -> dict[str, Host]:
    return {name: _host(name, told, where) for name, told in facts.items() if name in where}


def _host(name: str, facts: Facts, where: Mapping[str, Mapping[str, Sequence[str]]]) -> Host:
    asked = {
        family: [fact.partition(".")[2] for fact in facts if _is_in(fact, family, facts[fact])] for family in FAMILIES
    }
    here = where.get(name, {"groups": asked["group"], "tags": asked["tag"]})
    return Host(
        name=name,
        groups=frozenset(here["groups"]),
        tags=frozenset(here["tags"]),
        environment=str(facts["environment"]),
        criticality=str(facts["criticality"]),
    )


def _is_in(fact: str, family: str, value: object) -> bool:
    return fact.startswith(f"{family}.") and value == "yes"
