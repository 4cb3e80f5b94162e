"""What comes out of a decision, and whether more would be possible by another one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gate.policy.decision import Fired, Reason, combine
from gate.policy.language.rule import Requirement, Rule, Verdict
from gate.policy.tools.recorded import Record
from gate.values.clock import stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What comes out: the verdict, the approvals, whether it waits for a window, and the ids of what fired."""

    verdict: Verdict
    approvals: tuple[Requirement, ...]
    waits: bool
    rules: tuple[str, ...]

    @classmethod
    def of(cls, rules: Mapping[str, Rule], fired: Fired) -> Outcome:
        """What comes out if these rules fire."""
        verdict, reasons, approvals = combine(rules, fired, lambda _rule, _host: "")
        return cls.made(verdict, reasons, approvals, fired)

    @classmethod
    def made(
        cls, verdict: Verdict, reasons: Iterable[Reason], approvals: tuple[Requirement, ...], fired: Fired
    ) -> Outcome:
        """The same of a decision that was made."""
        return cls(
            verdict=verdict,
            approvals=approvals,
            waits=any(reason.verdict is Verdict.WAIT for reason in reasons),
            rules=tuple(sorted({one for ids in fired.values() for one in ids})),
        )

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


def is_looser(was: Outcome, now: Outcome) -> bool:
    """Whether more is possible now than was before."""
    if was.verdict is not now.verdict:
        return now.verdict.strength < was.verdict.strength
    if was.verdict is Verdict.DENY:
        return False
    return (was.waits and not now.waits) or not all(_kept(need, now.approvals) for need in was.approvals)


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
