"""It happens: everything is asked again at the moment of starting, then run after run until the change is at rest."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from gate.approval import store as approvals
from gate.approval.quorum import missing
from gate.catalog.admit import Admitted, admit
from gate.changes import compensations, halt, holds, plans, store
from gate.changes.model import Change, State, WaitingFor
from gate.flow import runs
from gate.flow.cancel import is_requested
from gate.flow.decide import bind, decide, needs
from gate.flow.finish import come_to_rest, end_unstarted, sign_head
from gate.flow.ports import Site
from gate.flow.undo import check_original, take_original
from gate.inventory.model import Inventory
from gate.ledger import store as ledger
from gate.policy.decision import Decision, Verdict
from gate.values.canonical import canonical
from gate.values.errors import GateError
from gate.warrant.model import Phase, Warrant


def execute(site: Site, change_id: str) -> None:
    """Starts a ready change, if it may still start, and carries it to its end. Returns when it is at rest or waits."""
    inventory = site.inventory()
    with site.database.write() as connection:
        warrant = start(site, connection, change_id, inventory, site.clock.now())
    if warrant is not None:
        runs.perform(site, warrant)
        carry_on(site, change_id)


def start(site: Site, connection: Connection, change_id: str, inventory: Inventory, now: datetime) -> Warrant | None:
    """Asks everything again; returns the warrant of the first run, or None if the change must not start now."""
    change = store.get(connection, change_id)
    if change.state is not State.READY or halt.standing(connection) is not None:
        return None  # somebody else was faster, or nothing may start now
    if not _plan_lets(connection, change, now):  # what is asked below is asked when its turn has come
        return None
    try:
        admitted = admit(change.intent, site.catalog(), inventory)
        evidence = check_original(connection, change, admitted.action, now) if change.undo_of else None
    except GateError as refused:
        _stop(connection, change, State.DENIED, {"code": refused.code, "what": refused.what, "why": refused.why}, now)
        return None
    if not _means_the_same(change, admitted):
        _stop(
            connection, change, State.DENIED, {"why": "Its hosts or parameters are others now; propose it again."}, now
        )
        return None
    decision = decide(site, connection, admitted, change.actor, undo=change.undo_of is not None, now=now, but=change.id)
    if not _may_start(connection, change, admitted, decision, inventory.digest, now):
        return None
    if decision.opens_at is not None:
        _stop(connection, change, State.WAITING, {}, now, WaitingFor.WINDOW, decision=decision)
        return None
    blocked = holds.blockers(connection, change)
    if blocked:
        _stop(connection, change, State.WAITING, {"held": blocked}, now, WaitingFor.HOLD)
        return None
    holds.take(connection, change.id, change.hosts, now=now)
    change = store.move(
        connection, change, State.RUNNING, now=now, executor=site.executor_id, action_digest=admitted.action.digest
    )
    phase = Phase.DO
    if change.undo_of is not None:
        phase = Phase.UNDO
        take_original(connection, change, now)
    data = {"executor": site.executor_id, "binding": change.binding}
    ledger.append(connection, "started", "gate", data, now=now, change_id=change.id)
    return runs.issue(site, connection, change, admitted.action, phase, inventory, now=now, evidence=evidence)


def carry_on(site: Site, change_id: str) -> None:
    """Run after run, as the runs before demand it, until the change is at rest."""
    while True:
        inventory = site.inventory()
        with site.database.write() as connection:
            change = store.get(connection, change_id)
            action = site.catalog().get(change.intent.action)
            evidence = runs.evidence_of(connection, change_id)
            cancelled, forced = is_requested(connection, change_id), is_requested(connection, change_id, force=True)
            ended = runs.of_change(connection, change_id)
            step = runs.next_step(change, action, ended, evidence, cancelled=cancelled, forced=forced)
            now = site.clock.now()
            if isinstance(step, State):
                come_to_rest(connection, change, step, now)
                break
            if step is Phase.UNDO:
                change = store.move(connection, change, State.UNDOING, now=now)
                because = "the change was cancelled" if cancelled else "the change failed"
                ledger.append(connection, "undoing", "gate", {"because": because}, now=now, change_id=change_id)
            warrant = runs.issue(site, connection, change, action, step, inventory, now=now, evidence=evidence)
        runs.perform(site, warrant)
    sign_head(site)
    site.ring(change_id)  # whoever waits for it need not wait until what is ready next was looked for
    site.wake()


def _plan_lets(connection: Connection, change: Change, now: datetime) -> bool:
    """Whether its plan, if it is of one, stands and has come to it."""
    if broken := compensations.broken_by(connection, change.id):
        why = {"because": f"{broken}, a step of the same plan, did not succeed."}
        ledger.append(connection, "withdrawn", "gate", why, now=now, change_id=change.id)
        end_unstarted(connection, change, State.WITHDRAWN, now)
        return False
    if before := plans.unfinished(connection, change):
        _stop(connection, change, State.WAITING, {"after": [one.id for one in before]}, now, WaitingFor.PLAN)
        return False
    return True


def _may_start(
    connection: Connection,
    change: Change,
    admitted: Admitted,
    decision: Decision,
    inventory_digest: str,
    now: datetime,
) -> bool:
    if decision.verdict is Verdict.DENY:
        state, waiting_for = (State.WAITING, WaitingFor.LIMIT) if decision.frees else (State.DENIED, None)
        _stop(connection, change, state, {"decision": decision.as_json()}, now, waiting_for, decision=decision)
        return False
    binding = bind(admitted, inventory_digest, decision.generation, change.preview)
    left = missing(needs(decision, change.created_at), approvals.of_change(connection, change.id), binding, now)
    if not left:
        return True
    data = {"was": change.binding, "is": binding, "needs": sorted(need.group for need in left)}
    ledger.append(connection, "approval-void", "gate", data, now=now, change_id=change.id)
    values = {
        "decision": canonical(decision.as_json()),
        "binding": binding,
        "preview": None,  # what it was bound to is different now: it is shown anew
        "executor": None,
        "action_digest": admitted.action.digest,
    }
    store.move(connection, change, State.WAITING, now=now, waiting_for=WaitingFor.APPROVAL, **values)
    return False


def _means_the_same(change: Change, admitted: Admitted) -> bool:
    same_hosts = change.hosts == tuple(host.name for host in admitted.hosts)
    return same_hosts and dict(change.parameters) == dict(admitted.parameters)


def _stop(
    connection: Connection,
    change: Change,
    state: State,
    why: dict[str, object],
    now: datetime,
    waiting_for: WaitingFor | None = None,
    *,
    decision: Decision | None = None,
) -> None:
    ledger.append(connection, "not-started", "gate", {"state": state.value, **why}, now=now, change_id=change.id)
    values = {} if decision is None else {"decision": canonical(decision.as_json())}
    if state is State.DENIED:
        end_unstarted(connection, change, state, now, **values)
    else:
        store.move(connection, change, state, now=now, waiting_for=waiting_for, **values)
