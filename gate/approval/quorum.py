"""Who may say yes, and when there are enough of them. Pure.

- Never the requester, never an agent, never a schedule.
- A yes counts for the groups its giver was in when it was given, until it expires.
- A yes to another binding counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gate.values.actor import Actor, ActorKind
from gate.values.errors import ApprovalError


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """`approver` said yes to `binding` as a member of `groups`."""

    approver: Actor
    binding: str
    groups: frozenset[str]
    at: datetime
    expires_at: datetime
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """`count` different members of `group` must say yes; a yes holds for `expires_s` seconds."""

    group: str
    count: int
    expires_s: int


def check_approver(approver: Actor, groups: frozenset[str], requester: Actor, needs: Sequence[Need]) -> None:
    """Raises ApprovalError if this approver's yes can never count here."""
    if approver.kind is not ActorKind.HUMAN:
        raise ApprovalError(
            f"{approver} cannot approve.",
            f"Only humans approve; {approver} is of kind {approver.kind.value}.",
            "Ask a person of one of these groups: " + _groups(needs) + ".",
        )
    if approver == requester:
        raise ApprovalError(
            f"{approver} cannot approve this change.",
            "Nobody approves what they asked for themselves.",
            "Ask another person of one of these groups: " + _groups(needs) + ".",
        )
    if not groups & {need.group for need in needs}:
        raise ApprovalError(
            f"{approver} cannot approve this change.",
            f"It needs a yes from {_groups(needs)}; {approver.name} is in {', '.join(sorted(groups)) or 'no group'}.",
            "Ask one of them, or add the person to the group in gate.toml, [groups].",
        )


def missing(needs: Sequence[Need], approvals: Iterable[Approval], binding: str, now: datetime) -> list[Need]:
    """What is still needed, given these approvals: empty when the quorum is there."""
    valid = [given for given in approvals if given.binding == binding and given.at <= now < given.expires_at]
    left = []
    for need in needs:
        said_yes = {given.approver for given in valid if need.group in given.groups}
        if len(said_yes) < need.count:
            left.append(Need(group=need.group, count=need.count - len(said_yes), expires_s=need.expires_s))
    return left


def _groups(needs: Sequence[Need]) -> str:
    return " and ".join(sorted({need.group for need in needs})) or "none"
