"""The policy speaks: question and history come from the same transaction that will act on the answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from gate.approval.binding import binding
from gate.approval.quorum import Need
from gate.catalog.admit import Admitted, admit
from gate.flow.action_facts import action_facts
from gate.flow.history import history
from gate.flow.ports import Site
from gate.intent import Intent
from gate.inventory.model import Inventory
from gate.policy.decision import Decision
from gate.policy.question import Host, Question
from gate.values.actor import Actor


def decide(
    site: Site, connection: Connection, admitted: Admitted, actor: Actor, *, undo: bool, now: datetime, but: str = ""
) -> Decision:
    """The decision on an admitted intent. `but` is the id of a change that does not count as history: itself."""
    asked = replace(question(site, admitted, actor, undo=undo), starting=bool(but))
    while True:
        lookback = site.policy.lookback
        if lookback.sizes:
            asked = replace(asked, sizes=sizes(site.inventory()))
        decision = site.policy.decide(asked, history(connection, lookback, asked, now, but), now)
        if site.policy.lookback == lookback:  # else the rules were edited meanwhile, and may want to know more
            return decision


def dry_run(site: Site, intent: Intent, actor: Actor, *, at: datetime | None = None) -> tuple[Admitted, Decision]:
    """What would be decided at that time, or now. Nothing is stored."""
    admitted = admit(intent, site.catalog(), site.inventory())
    with site.database.read() as connection:
        return admitted, decide(site, connection, admitted, actor, undo=False, now=at or site.clock.now())


def question(site: Site, admitted: Admitted, actor: Actor, *, undo: bool) -> Question:
    """What the policy is asked."""
    return Question(
        action=admitted.action.name,
        actor=actor,
        hosts=tuple(
            Host(
                name=host.name,
                groups=host.groups,
                environment=host.environment,
                criticality=host.criticality,
                tags=host.tags,
            )
            for host in admitted.hosts
        ),
        undo=undo,
        parameters=admitted.parameters,
        **asdict(action_facts(admitted.action, certified=site.certified(admitted.action.name, admitted.action.digest))),
    )


def sizes(inventory: Inventory) -> dict[str, int]:
    """How many hosts there are, as `Question.sizes` wants it."""
    environments = Counter(f"environment.{host.environment}" for host in inventory.hosts.values())
    groups = {f"group.{name}": len(hosts) for name, hosts in inventory.groups.items()}
    return {**environments, **groups, "": len(inventory.hosts)}


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
