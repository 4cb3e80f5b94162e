"""People speak: a yes to one exact binding, a no, or the requester's own withdrawal."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from gate.approval import store as approvals
from gate.approval.quorum import Approval, Need, check_approver, missing
from gate.changes import store
from gate.changes.model import Change, State, WaitingFor
from gate.flow.decide import needs
from gate.flow.finish import end_unstarted
from gate.flow.ports import Site
from gate.flow.reason import check_reason
from gate.ledger import store as ledger
from gate.policy.decision import Decision
from gate.values.actor import Actor, ActorKind
from gate.values.errors import ApprovalError, GateError, StateError


def approve(site: Site, change_id: str, actor: Actor, *, binding: str, comment: str = "") -> Change:
    """Gives `actor`'s yes to exactly the `binding` that they were shown. Returns the change: ready, or still waiting.

    Raises:
        ApprovalError: the actor may not, or what they were shown is no longer what would run.
        StateError: the change does not wait for approval.
        IntentError: the comment is no line of text.
    """
    check_reason(comment, "comment")
    now = site.clock.now()
    try:
        change = _approve(site, change_id, actor, binding, comment, now)
    except ApprovalError as refused:
        _record_refusal(site, change_id, actor, refused)
        raise
    site.wake()
    return change


def _approve(site: Site, change_id: str, actor: Actor, binding: str, comment: str, now: datetime) -> Change:
    with site.database.write() as connection:
        change = waiting_change(connection, change_id)
        wanted = wanted_of(change)
        groups = site.groups(actor.name)
        check_approver(actor, groups, change.actor, wanted, now)
        _check_seen(change, binding)
        expires = min((need.expires_s for need in wanted if _is_of(groups, need, now)), default=0)
        given = Approval(
            approver=actor,
            binding=binding,
            groups=groups,
            at=now,
            expires_at=_begins(change, now) + timedelta(seconds=expires),
            comment=comment,
        )
        approvals.add(connection, change.id, given)
        data = {
            "binding": binding,
            "groups": sorted(groups),
            "comment": comment,
            "expires_at": given.expires_at.isoformat(),
        }
        ledger.append(connection, "approved", str(actor), data, now=now, change_id=change.id)
        if still_needed(connection, change, now):
            return change
        return store.move(connection, change, State.READY, now=now)


def reject(site: Site, change_id: str, actor: Actor, *, reason: str) -> Change:
    """Says no to what waits, whatever it waits for. Who could approve may, or else any human; the requester withdraws.

    Raises:
        ApprovalError: the actor may not.
        StateError: the change does not wait.
        IntentError: the reason is no line of text.
    """
    check_reason(reason)
    now = site.clock.now()
    with site.database.write() as connection:
        change = store.get(connection, change_id)
        if change.state is not State.WAITING:
            raise _waits_no_more(change, "wait")
        if actor == change.actor:
            word, state = "withdrawn", State.WITHDRAWN
        else:
            if actor.kind is not ActorKind.HUMAN or change.waiting_for is WaitingFor.APPROVAL:
                check_approver(actor, site.groups(actor.name), change.actor, wanted_of(change), now)
            word, state = "rejected", State.DENIED
        ledger.append(connection, word, str(actor), {"reason": reason}, now=now, change_id=change.id)
        change = end_unstarted(connection, change, state, now)
    site.ring(change.id)
    return change


def still_needed(connection: Connection, change: Change, now: datetime) -> list[Need]:
    """The approvals that are still missing for the binding that the change has now."""
    return missing(wanted_of(change), approvals.of_change(connection, change.id), change.binding, now)


def wanted_of(change: Change) -> list[Need]:
    """The approvals that the change waits for, or waited for."""
    return needs(Decision.from_json(change.decision), change.created_at)


def _begins(change: Change, now: datetime) -> datetime:
    """From when a yes is of use: now, or when the window opens that the change has to wait for."""
    opens_at = Decision.from_json(change.decision).opens_at
    return now if opens_at is None else max(now, opens_at)


def _is_of(groups: frozenset[str], need: Need, now: datetime) -> bool:
    return any(group in groups for group, _ in need.options(now))


def waiting_change(connection: Connection, change_id: str) -> Change:
    """The change, if it waits for approval; StateError otherwise."""
    change = store.get(connection, change_id)
    if change.state is State.WAITING and change.waiting_for is WaitingFor.APPROVAL:
        return change
    raise _waits_no_more(change, "wait for approval")


def _waits_no_more(change: Change, what: str) -> StateError:
    return StateError(
        f"Change {change.id} does not {what}.",
        f"It is {change.state.value}.",
        f"gate changes show {change.id} tells its story.",
    )


def _check_seen(change: Change, binding: str) -> None:
    if change.preview is None:
        raise ApprovalError(
            f"Change {change.id} cannot be approved yet.",
            "Its preview is still being made, and a yes is bound to what was seen.",
            f"Wait a moment, then: gate approve {change.id}",
        )
    if binding != change.binding:
        raise ApprovalError(
            f"What you saw of change {change.id} is no longer what would run.",
            "The action, the hosts, the rules or the preview changed in the meantime.",
            f"Look again: gate approve {change.id}",
        )


def _record_refusal(site: Site, change_id: str, actor: Actor, refused: GateError) -> None:
    kind = "approval-refused"
    loud = actor.kind is not ActorKind.HUMAN
    with site.database.write() as connection:
        data = {"code": refused.code, "what": refused.what, "why": refused.why, "not_human": loud}
        ledger.append(connection, kind, str(actor), data, now=site.clock.now(), change_id=change_id)
