"""Who may say yes, and when there are enough of them. Pure.

- Never the requester, never an agent, never a schedule.
- A yes counts for the groups its giver was in when it was given, until it expires.
- A yes to another binding counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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
    """`count` different members of `group`, or of one of the `alternatives`, must say yes.

    A yes holds for `expires_s` seconds. An alternative is (group, count). From `escalates_at` on, one of
    `escalate_to` will do too.
    """

    group: str
    count: int
    expires_s: int
    alternatives: tuple[tuple[str, int], ...] = ()
    escalates_at: datetime | None = None
    escalate_to: str | None = None

    def options(self, now: datetime) -> tuple[tuple[str, int], ...]:
        """Whose yes will do at `now`: (group, count), any one of them."""
        late = self.escalate_to is not None and self.escalates_at is not None and now >= self.escalates_at
        escalated = ((self.escalate_to, 1),) if late and self.escalate_to is not None else ()
        return ((self.group, self.count), *self.alternatives, *escalated)


def check_approver(
    approver: Actor, groups: frozenset[str], requester: Actor, needs: Sequence[Need], now: datetime
) -> None:
    """Raises ApprovalError if this approver's yes cannot count here now."""
    wanted = _groups(needs, now)
    if approver.kind is not ActorKind.HUMAN:
        raise ApprovalError(
            f"{approver} cannot approve.",
            f"Only humans approve; {approver} is of kind {approver.kind.value}.",
            f"Ask a person of one of these groups: {wanted}.",
        )
    if approver == requester:
        raise ApprovalError(
            f"{approver} cannot approve this change.",
            "Nobody approves what they asked for themselves.",
            f"Ask another person of one of these groups: {wanted}.",
        )
    if not groups & {group for need in needs for group, _ in need.options(now)}:
        raise ApprovalError(
            f"{approver} cannot approve this change.",
            f"It needs a yes from {wanted}; {approver.name} is in {', '.join(sorted(groups)) or 'no group'}.",
            "Ask one of them, or add the person to the group in gate.toml, [groups].",
        )


def missing(needs: Sequence[Need], approvals: Iterable[Approval], binding: str, now: datetime) -> list[Need]:
    """What is still needed, given these approvals: empty when the quorum is there. `count` is what is left of it."""
    valid = [given for given in approvals if given.binding == binding and given.at <= now < given.expires_at]
    unmet = [need for need in needs if all(_left(valid, group, count) for group, count in need.options(now))]
    return [replace(need, count=_left(valid, need.group, need.count)) for need in unmet]


def _left(valid: Sequence[Approval], group: str, count: int) -> int:
    """How many of `group` have still to say yes."""
    return max(0, count - len({given.approver for given in valid if group in given.groups}))


def _groups(needs: Sequence[Need], now: datetime) -> str:
    each = sorted({" or ".join(group for group, _ in need.options(now)) for need in needs})
    return " and ".join(each) or "none"
