"""The policy speaks: question and history come from the same transaction that will act on the answer."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from gate.approval.binding import binding
from gate.approval.quorum import Need
from gate.catalog.admit import Admitted, admit
from gate.changes import store
from gate.changes.model import Change
from gate.flow.ports import Site
from gate.intent import Intent
from gate.policy.decision import Decision
from gate.policy.question import History, Host, Past, Question
from gate.values.actor import Actor


def decide(
    site: Site, connection: Connection, admitted: Admitted, actor: Actor, *, undo: bool, now: datetime, but: str = ""
) -> Decision:
    """The decision on an admitted intent. `but` is the id of a change that does not count as history: itself."""
    past = store.since(connection, now - site.policy.horizon)
    history = History(changes=tuple(_past(change) for change in past if change.id != but))
    return site.policy.decide(question(admitted, actor, undo=undo), history, now)


def dry_run(site: Site, intent: Intent, actor: Actor) -> tuple[Admitted, Decision]:
    """What would be decided now. Nothing is stored."""
    admitted = admit(intent, site.catalog(), site.inventory())
    with site.database.read() as connection:
        return admitted, decide(site, connection, admitted, actor, undo=False, now=site.clock.now())


def question(admitted: Admitted, actor: Actor, *, undo: bool) -> Question:
    """What the policy is asked."""
    action = admitted.action
    return Question(
        action=action.name,
        risk=action.risk,
        reversibility=action.reversibility,
        check=action.check,
        certified=False,  # nothing is, until proofs on real hosts exist
        actor=actor,
        hosts=tuple(
            Host(name=host.name, groups=host.groups, environment=host.environment, criticality=host.criticality)
            for host in admitted.hosts
        ),
        undo=undo,
        parameters=admitted.parameters,
    )


def bind(admitted: Admitted, inventory_digest: str, generation: str, preview: str | None) -> str:
    """The digest that approvals are bound to: what was admitted, decided by `generation`, and previewed."""
    return binding(
        intent=admitted.intent.as_json(),
        parameters=admitted.parameters,
        action_digest=admitted.action.digest,
        undo_digest=admitted.action.undo_digest,
        hosts=[host.name for host in admitted.hosts],
        inventory_digest=inventory_digest,
        generation=generation,
        preview=preview,
    )


def needs(decision: Decision, since: datetime) -> list[Need]:
    """The approvals that a decision asks for, of a change that waits for them since `since`."""
    return [
        Need(
            group=one.group,
            count=one.count,
            expires_s=one.expires_s,
            alternatives=one.alternatives,
            escalates_at=None if one.escalate_after_s is None else since + timedelta(seconds=one.escalate_after_s),
            escalate_to=one.escalate_to,
        )
        for one in decision.approvals
    ]


def _past(change: Change) -> Past:
    return Past(at=change.created_at, actor=str(change.actor), action=change.intent.action, hosts=change.hosts)
