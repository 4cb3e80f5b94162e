"""One run of a change, from warrant to sealed artifacts; and what follows from the runs that there were."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection, insert, select, update

from gate.catalog.action import Action
from gate.changes.model import Change, State
from gate.database.tables import runs
from gate.execution import stopping
from gate.execution.outcome import Outcome, Status
from gate.flow import progress
from gate.flow.ports import Site
from gate.flow.progress import Listening
from gate.inventory.model import Inventory
from gate.ledger import artifacts
from gate.ledger import store as ledger
from gate.undo import evidence as undo_evidence
from gate.values.canonical import canonical, digest
from gate.values.clock import stamp
from gate.values.ids import new_id
from gate.warrant.model import Phase, Warrant
from gate.warrant.sign import sign

TO_START = timedelta(seconds=60)  # a warrant that was not used by then is void


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A row of runs; `outcome` is None while it is not over, as far as the gate knows."""

    id: str
    change_id: str
    phase: Phase
    outcome: Outcome | None

    def as_json(self) -> dict[str, Any]:
        """For doors: `id`, `phase`, `outcome`."""
        return {"id": self.id, "phase": self.phase.value, "outcome": self.outcome and self.outcome.as_json()}


def issue(
    site: Site,
    connection: Connection,
    change: Change,
    action: Action,
    phase: Phase,
    inventory: Inventory,
    *,
    now: datetime,
    evidence: Mapping[str, Any] | None = None,
) -> Warrant:
    """Makes the warrant of a run and writes down that it was issued, in the caller's transaction."""
    hosts = tuple(sorted(evidence)) if phase.takes_back and evidence else change.hosts
    warrant = Warrant(
        run_id=new_id("run", now),
        change_id=change.id,
        phase=phase,
        action=action.name,
        folder=str(action.folder),
        action_digest=change.action_digest,  # as decided: a folder that was edited since is refused by the worker
        inventory=str(site.inventory_source),
        inventory_digest=inventory.digest,
        hosts=hosts,
        local=inventory.local(hosts),
        parameters=dict(change.parameters),
        evidence=dict(evidence or {}),
        timeout_s=action.timeout_s,
        grace_s=action.grace_s,
        not_before=now - timedelta(seconds=1),
        expires_at=now + TO_START,
        nonce=secrets.token_hex(16),
    )
    connection.execute(
        insert(runs).values(
            id=warrant.run_id,
            change_id=change.id,
            phase=phase.value,
            nonce=warrant.nonce,
            folder=str(site.executor.folder(warrant.run_id).relative_to(site.state)),
            started_at=stamp(now),
        )
    )
    issued = {
        "run": warrant.run_id,
        "phase": phase.value,
        "hosts": list(warrant.hosts),
        "warrant": digest(warrant.text()),
    }
    ledger.append(connection, "warrant", "gate", issued, now=now, change_id=change.id)
    return warrant


def perform(site: Site, warrant: Warrant) -> Outcome:
    """Runs a warrant that was issued, keeps its evidence as it comes, and closes the run."""

    def on_event(event: Mapping[str, Any]) -> None:
        site.progress.hear(warrant.run_id, event)
        if "evidence" in event and warrant.phase is Phase.DO:
            _keep_evidence(site, warrant.change_id, warrant.run_id, event["host"], event["evidence"])

    signed = sign(warrant, site.warrant_key)
    site.progress.begin(Listening(warrant.change_id, warrant.run_id, warrant.phase))
    try:
        outcome = site.executor.run(warrant.run_id, signed, warrant.hosts, on_event)
        close(site, warrant.run_id, outcome)
    finally:
        site.progress.forget(warrant.run_id)
    return outcome


def close_lost(site: Site, change: Change, run: Run) -> None:
    """Closes a run of an executor that died, with what its folder tells; what nobody heard of it is told first."""
    outcome = site.executor.outcome(run.id, change.hosts)
    with site.database.read() as connection:
        told = ledger.of_change(connection, change.id, progress.KIND)
    heard = max((entry.data["heard"] for entry in told if entry.data["run"] == run.id), default=0)
    listening = Listening(change.id, run.id, run.phase, heard)
    for event in islice(site.executor.events(run.id), heard, None):
        listening.hear(event)
    site.progress.begin(listening)
    try:
        close(site, run.id, outcome)
    finally:
        site.progress.forget(run.id)


def close(site: Site, run_id: str, outcome: Outcome) -> None:
    """Writes down how a run ended, and seals its artifacts by digest. A run is closed once."""
    folder = site.executor.folder(run_id)
    sealed = artifacts.seal(folder, under=site.state)
    now = site.clock.now()
    with site.database.write() as connection:
        row = connection.execute(select(runs).where(runs.c.id == run_id)).one()
        closed = connection.execute(
            update(runs)
            .where(runs.c.id == run_id, runs.c.ended_at.is_(None))
            .values(ended_at=stamp(now), outcome=canonical(outcome.as_json()))
        )
        if closed.rowcount != 1:
            return
        if stopping.is_asked(folder) and stopping.FILE not in sealed["files"]:
            sealed = artifacts.seal(folder, under=site.state)  # asked when it was over; nobody can ask any more
        site.progress.end(connection, run_id)
        told = {name: value for name, value in outcome.as_json().items() if name not in {"diff", "evidence"}}
        data = {"run": run_id, "phase": row.phase, "outcome": told, "artifacts": sealed}
        ledger.append(connection, "run", "gate", data, now=now, change_id=row.change_id)
        if row.phase == Phase.DO.value:
            _keep_missed(connection, row.change_id, run_id, outcome.evidence, now)


def of_change(connection: Connection, change_id: str) -> list[Run]:
    """The runs of a change, oldest first."""
    rows = connection.execute(select(runs).where(runs.c.change_id == change_id).order_by(runs.c.id))
    return [
        Run(
            id=row.id,
            change_id=row.change_id,
            phase=Phase(row.phase),
            outcome=Outcome.from_json(json.loads(row.outcome)) if row.outcome else None,
        )
        for row in rows
    ]


def open_runs(connection: Connection, change_id: str) -> list[Run]:
    """The runs of a change that are not over, as far as the gate knows."""
    return [run for run in of_change(connection, change_id) if run.outcome is None]


def stop_previews(site: Site, connection: Connection) -> None:
    """Asks every preview that is being made to stop. In a transaction that writes."""
    looks = [phase.value for phase in Phase if phase.only_looks]
    making = select(runs.c.id).where(runs.c.ended_at.is_(None), runs.c.phase.in_(looks))
    for (run_id,) in connection.execute(making).all():
        site.executor.stop(run_id)


def next_step(
    change: Change,
    action: Action,
    ended: Sequence[Run],
    evidence: Mapping[str, Any],
    *,
    cancelled: bool = False,
    forced: bool = False,
) -> Phase | State:
    """What follows from the runs so far: another run, or the state in which the change comes to rest. Pure.

    Of a change that was cancelled nothing is verified any more; if it was forced, nothing is taken back either.
    """
    acts = [run for run in ended if not run.phase.only_looks]
    last, outcome = acts[-1], acts[-1].outcome
    if outcome is None or (outcome.status is Status.UNKNOWN and last.phase is not Phase.VERIFY):
        return State.UNKNOWN
    well = outcome.status is Status.SUCCEEDED
    match last.phase:
        case Phase.DO if well and not action.has_verify:
            return State.SUCCEEDED
        case Phase.DO if well and not cancelled:
            return Phase.VERIFY
        case Phase.VERIFY if well:
            return State.SUCCEEDED
        case Phase.VERIFY if not _answered(outcome) and acts[-2].phase is not Phase.VERIFY and not cancelled:
            return Phase.VERIFY  # it was interrupted; it only reads, so it is asked once more
        case Phase.UNDO if change.undo_of is not None:
            return State.SUCCEEDED if well else State.FAILED
        case Phase.UNDO:
            return State.UNDONE if well else State.UNDO_FAILED
        case _:
            wanted = action.on_failure == "undo" and action.reversibility != "none" and evidence and not forced
            return Phase.UNDO if wanted else State.FAILED


def _answered(outcome: Outcome) -> bool:
    # a verification that was stopped has had its time, or somebody does not want to know
    return outcome.stopped or (outcome.began and outcome.status is not Status.UNKNOWN)


def evidence_of(connection: Connection, change_id: str) -> dict[str, Any]:
    """Host -> what the change recorded there before it changed anything."""
    return undo_evidence.collect(ledger.of_change(connection, change_id, undo_evidence.KIND))


def _keep_evidence(site: Site, change_id: str, run_id: str, host: str, recorded: Any) -> None:
    with site.database.write() as connection:
        _append_evidence(connection, change_id, run_id, host, recorded, site.clock.now())


def _keep_missed(
    connection: Connection, change_id: str, run_id: str, recorded: Mapping[str, Any], now: datetime
) -> None:
    # the gate may have been away when the events came; the run's folder has them
    known = evidence_of(connection, change_id)
    for host in sorted(recorded.keys() - known.keys()):
        _append_evidence(connection, change_id, run_id, host, recorded[host], now)


def _append_evidence(
    connection: Connection, change_id: str, run_id: str, host: str, recorded: Any, now: datetime
) -> None:
    data = {"run": run_id, "host": host, "undo": recorded}
    ledger.append(connection, undo_evidence.KIND, "gate", data, now=now, change_id=change_id)
