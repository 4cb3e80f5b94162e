"""What the policy says: the verdict, why, who has to approve, and all that is needed to replay it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gate.policy.language.rule import Facts, Requirement, Rule, Verdict
from gate.policy.risk.recipe import Part
from gate.values.clock import from_stamp, stamp
from gate.values.errors import PolicyError

__all__ = ["Decision", "Facts", "Reason", "Requirement", "Verdict", "combine", "denied"]

DEFAULT = "gate/default"  # no rule said anything
ENGINE = "gate/engine"  # the engine could not be asked
REFERENCE = "gate/reference"  # engine and reference differ

Fired = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A rule that fired, what it says and why, and the hosts that it is about."""

    rule: str
    verdict: Verdict
    because: str
    hosts: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {"rule": self.rule, "verdict": self.verdict.value, "because": self.because, "hosts": list(self.hosts)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Reason:
        """The inverse of `as_json`. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(rule=raw["rule"], verdict=Verdict(raw["verdict"]), because=raw["because"], hosts=tuple(raw["hosts"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer to one question. All `approvals` are needed; there are none unless the verdict is NEEDS_APPROVAL.

    `facts` and `fired` are by host: what the engine was told, and the ids of the rules that it said match. `shadow` is
    what the rules say that only report, and `asked` says in words what the facts `is.…` mean. `frees` says of a deny
    that it is only by limits in which there will be room: at `frees_at`, or when others have come to rest.
    """

    verdict: Verdict
    reasons: tuple[Reason, ...]
    approvals: tuple[Requirement, ...]
    generation: str
    at: datetime
    facts: Mapping[str, Facts]
    fired: Fired
    shadow: tuple[Reason, ...] = ()
    asked: Mapping[str, str] = field(default_factory=dict)
    opens_at: datetime | None = None  # when the windows let it through; None: now, or never
    frees: bool = False
    frees_at: datetime | None = None
    risk: Mapping[str, tuple[Part, ...]] = field(default_factory=dict)  # by host, what the fact `risk` is the sum of

    def as_json(self) -> dict[str, Any]:
        """Plain JSON data, fit for `canonical`."""
        more = {
            "shadow": [one.as_json() for one in self.shadow],
            "asked": dict(self.asked),
            "risk": {host: [part.as_json() for part in parts] for host, parts in self.risk.items()},
            "frees": self.frees,
            "frees_at": self.frees_at and stamp(self.frees_at),
        }
        return {
            "verdict": self.verdict.value,
            "reasons": [one.as_json() for one in self.reasons],
            "approvals": [one.as_json() for one in self.approvals],
            "generation": self.generation,
            "at": stamp(self.at),
            "facts": {host: dict(facts) for host, facts in self.facts.items()},
            "fired": {host: list(rules) for host, rules in self.fired.items()},
            "opens_at": stamp(self.opens_at) if self.opens_at else None,
        } | {key: value for key, value in more.items() if value}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Decision:
        """The inverse of `as_json`.

        Raises:
            PolicyError: this was never a decision.
        """
        try:
            return cls(
                verdict=Verdict(raw["verdict"]),
                reasons=tuple(Reason.from_json(one) for one in raw["reasons"]),
                approvals=tuple(Requirement.from_json(one) for one in raw["approvals"]),
                generation=raw["generation"],
                at=from_stamp(raw["at"]),
                facts={host: dict(facts) for host, facts in raw["facts"].items()},
                fired={host: tuple(rules) for host, rules in raw["fired"].items()},
                shadow=tuple(Reason.from_json(one) for one in raw.get("shadow", ())),
                asked=dict(raw.get("asked", {})),
                opens_at=from_stamp(raw["opens_at"]) if raw["opens_at"] else None,
                risk={host: tuple(Part(**part) for part in parts) for host, parts in raw.get("risk", {}).items()},
                frees=raw.get("frees", False),
                frees_at=from_stamp(raw["frees_at"]) if "frees_at" in raw else None,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as wrong:
            raise PolicyError("This is no decision.", f"{wrong!r}.", "Take it from the ledger as it is.") from None


def combine(
    rules: Mapping[str, Rule], fired: Fired, note: Callable[[str, str], str]
) -> tuple[Verdict, tuple[Reason, ...], tuple[Requirement, ...]]:
    """Deny beats approval beats allow; nothing said is a deny; the strictest host decides for all.

    Rules that are only a shadow say nothing here; see `shadows`.
    A rule that says WAIT is a reason, and decides nothing: what may be done once its time has come, others say.
    `note` says more about a rule id on a host, or nothing.
    """
    fired = {host: tuple(one for one in ids if not rules[one].shadow) for host, ids in fired.items()}
    hosts_of: dict[tuple[str, str], list[str]] = {}
    for host, ids in fired.items():
        for rule_id in ids if _deciding(rules, ids) else (*ids, DEFAULT):
            hosts_of.setdefault((rule_id, _because(rules, rule_id, note(rule_id, host))), []).append(host)
    if not fired:
        hosts_of[DEFAULT, "No host is named, and nothing said is a deny."] = []
    reasons = [
        Reason(rule=rule_id, verdict=_verdict(rules, rule_id), because=because, hosts=tuple(hosts))
        for (rule_id, because), hosts in hosts_of.items()
    ]
    verdict = max((_host_verdict(rules, ids) for ids in fired.values()), key=_strength, default=Verdict.DENY)
    reasons.sort(key=lambda one: (-one.verdict.strength, one.rule, one.hosts))
    approvals = _approvals(rules, fired) if verdict is Verdict.NEEDS_APPROVAL else ()
    return verdict, tuple(reasons), approvals


def shadows(rules: Mapping[str, Rule], fired: Fired) -> tuple[Reason, ...]:
    """What the rules that only report would have said, the strongest first."""
    hosts_of: dict[str, list[str]] = {}
    for host, ids in fired.items():
        for rule_id in ids:
            if rules[rule_id].shadow:
                hosts_of.setdefault(rule_id, []).append(host)
    reasons = [
        Reason(rule=one, verdict=rules[one].verdict, because=rules[one].because, hosts=tuple(hosts))
        for one, hosts in hosts_of.items()
    ]
    return tuple(sorted(reasons, key=lambda one: (-one.verdict.strength, one.rule)))


def denied(rule_id: str, because: str, hosts: tuple[str, ...]) -> Reason:
    """A deny that is the gate's own."""
    return Reason(rule=rule_id, verdict=Verdict.DENY, because=because, hosts=hosts)


def _host_verdict(rules: Mapping[str, Rule], ids: tuple[str, ...]) -> Verdict:
    return max((rules[rule_id].verdict for rule_id in _deciding(rules, ids)), key=_strength, default=Verdict.DENY)


def _deciding(rules: Mapping[str, Rule], ids: tuple[str, ...]) -> list[str]:
    return [rule_id for rule_id in ids if rules[rule_id].verdict is not Verdict.WAIT]


def _verdict(rules: Mapping[str, Rule], rule_id: str) -> Verdict:
    return Verdict.DENY if rule_id == DEFAULT else rules[rule_id].verdict


def _because(rules: Mapping[str, Rule], rule_id: str, note: str) -> str:
    reason = "No rule allows this, and nothing said is a deny." if rule_id == DEFAULT else rules[rule_id].because
    return f"{reason} {note}".rstrip()


def _strength(verdict: Verdict) -> int:
    return verdict.strength


def _approvals(rules: Mapping[str, Rule], fired: Fired) -> tuple[Requirement, ...]:
    """One requirement a group: the largest count and the shortest time. Those with a choice stay as they are."""
    found: dict[str, Requirement] = {}
    with_choice: list[Requirement] = []
    for rule_id in sorted({rule_id for ids in fired.values() for rule_id in ids}):
        one = rules[rule_id].requirement
        if one is None:
            continue
        if one.alternatives or one.escalate_to:
            with_choice.append(one)
        else:
            other = found.get(one.group, one)
            found[one.group] = Requirement(
                group=one.group, count=max(one.count, other.count), expires_s=min(one.expires_s, other.expires_s)
            )
    return (*(found[group] for group in sorted(found)), *dict.fromkeys(with_choice))
