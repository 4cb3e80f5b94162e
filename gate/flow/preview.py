"""What would happen: `--check --diff` of a change that waits for people, so that they see what they approve."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from gate.catalog.admit import Admitted, admit
from gate.changes import halt, store
from gate.changes.model import Change, State, WaitingFor
from gate.execution import stopping
from gate.execution.diff import bound
from gate.execution.outcome import Outcome
from gate.flow import previewed, runs
from gate.flow.decide import bind
from gate.flow.ports import Site
from gate.flow.undo import check_original
from gate.ledger import store as ledger
from gate.values.canonical import digest
from gate.warrant.model import Phase

NO_PREVIEW = "none"  # the action cannot be checked


def preview(site: Site, change_id: str) -> None:
    """Makes the preview of a change that waits for approval and has none, and binds it to what was seen."""
    now = site.clock.now()
    inventory = site.inventory()
    with site.database.write() as connection:
        change = store.get(connection, change_id)
        if not wants_preview(change, site) or halt.standing(connection) is not None:
            return
        admitted = admit(change.intent, site.catalog(), inventory)
        if admitted.action.check == "none":
            _bind(connection, change, admitted, inventory.digest, NO_PREVIEW, now)
            return
        about = previewed.subject(admitted, inventory.digest)
        before = previewed.still_good(connection, change, about, now)
        if before is not None:
            binding = _bind(connection, change, admitted, inventory.digest, before.data["preview"], now)
            data = {**before.data, "binding": binding, "made_at": before.data.get("made_at", before.at)}
            ledger.append(connection, "previewed", "gate", data, now=now, change_id=change_id)
            return
        change = store.note(connection, change, now=now, executor=site.executor_id)
        evidence = check_original(connection, change, admitted.action, now) if change.undo_of else None
        phase = Phase.CHECK_UNDO if change.undo_of else Phase.CHECK
        warrant = runs.issue(site, connection, change, admitted.action, phase, inventory, now=now, evidence=evidence)
    outcome = runs.perform(site, warrant)
    seen = preview_digest(outcome)
    with site.database.write() as connection:
        change = store.get(connection, change_id)
        if change.executor != site.executor_id or change.state is not State.WAITING:
            return
        now = site.clock.now()
        if outcome.stopped and stopping.is_asked(site.executor.folder(warrant.run_id)):
            store.note(connection, change, now=now, executor=None)  # it shows nothing; it is made again later
            return
        data = {
            "run": warrant.run_id,
            "preview": seen,
            "binding": _bind(connection, change, admitted, inventory.digest, seen, now),
            "about": about,
            "status": outcome.status.value,
        }
        ledger.append(connection, "previewed", "gate", data, now=now, change_id=change_id)


def _bind(
    connection: Connection, change: Change, admitted: Admitted, inventory_digest: str, seen: str, now: datetime
) -> str:
    binding = bind(admitted, inventory_digest, change.decision["generation"], seen)
    store.note(connection, change, now=now, preview=seen, binding=binding, executor=None)
    return binding


def wants_preview(change: Change, site: Site) -> bool:
    """Whether people wait for the preview of this change, and nobody who lives is making it."""
    waits = change.state is State.WAITING and change.waiting_for is WaitingFor.APPROVAL and change.preview is None
    return waits and (change.executor is None or not site.is_alive(change.executor))


def preview_digest(outcome: Outcome) -> str:
    """The digest of what a preview showed: the diff of each host, uncut, and how the check ended there."""
    hosts = {host: {"status": one.status.value, "changed": one.changed} for host, one in outcome.hosts.items()}
    return digest({"hosts": hosts, "diff": bound(outcome.diff)})
