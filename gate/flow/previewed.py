"""What was seen of a change before, and whether it may be shown again instead of looking anew.

Only of the same change, and only if all that the preview was made from is the same: action, parameters, hosts and
inventory; if it is a few minutes old; and if no playbook has been at work on any of its hosts since. So it is never
older than what a person can have before them who takes these minutes to say yes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from gate.catalog.admit import Admitted
from gate.changes.model import Change
from gate.database.tables import change_hosts, runs
from gate.ledger import store as ledger
from gate.ledger.entry import Entry
from gate.values.canonical import digest
from gate.values.clock import from_stamp
from gate.warrant.model import Phase

SHOWN_AGAIN_FOR = timedelta(minutes=5)
_ACTS = (Phase.DO.value, Phase.UNDO.value)


def subject(admitted: Admitted, inventory_digest: str) -> str:
    """The digest of all that a preview is made from, but for the hosts' own state."""
    return digest(
        {
            "action": admitted.action.digest,
            "parameters": admitted.parameters,
            "hosts": [host.name for host in admitted.hosts],
            "inventory": inventory_digest,
        }
    )


def latest(connection: Connection, change_id: str) -> Entry | None:
    """The ledger's entry on the preview that the change had last."""
    seen = [entry for entry in ledger.of_change(connection, change_id) if entry.kind == "previewed"]
    return seen[-1] if seen else None


def still_good(connection: Connection, change: Change, about: str, now: datetime) -> Entry | None:
    """The entry on a preview of `about` that may be shown again; None: it has to be made."""
    seen = latest(connection, change.id)
    if seen is None or seen.data.get("about") != about or seen.data.get("status") != "succeeded":
        return None
    made = str(seen.data.get("made_at", seen.at))
    young = timedelta() <= now - from_stamp(made) < SHOWN_AGAIN_FOR
    return seen if young and not _worked_on(connection, change, made) else None


def _worked_on(connection: Connection, change: Change, since: str) -> bool:
    mine = select(change_hosts.c.change_id).where(change_hosts.c.host.in_(change.hosts))
    acts = select(runs.c.id).where(runs.c.phase.in_(_ACTS), runs.c.change_id.in_(mine))
    later = acts.where((runs.c.started_at >= since) | (runs.c.ended_at >= since) | runs.c.ended_at.is_(None))
    return connection.execute(later.limit(1)).first() is not None
