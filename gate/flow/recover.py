"""After a crash: what a dead executor left behind is read from its runs' folders, and carried on or called unknown.

No do and no undo is ever started again. What ended is taken as it ended; what cannot be known is `unknown`.
"""

from __future__ import annotations

from gate.changes import store
from gate.changes.model import Change, State
from gate.flow import runs
from gate.flow.execute import carry_on
from gate.flow.ports import Site
from gate.ledger import store as ledger
from gate.values.errors import StateError


def abandoned(site: Site) -> list[Change]:
    """Changes that an executor took and that died with it."""
    with site.database.read() as connection:
        taken = store.in_states(connection, [State.RUNNING, State.UNDOING])
        unknown = store.in_states(connection, [State.UNKNOWN])
    # an original that is being undone has no run of its own: its undo has
    by_another = {change.undo_of for change in [*taken, *unknown] if change.undo_of}
    return [
        change
        for change in taken
        if change.executor and not site.is_alive(change.executor) and change.id not in by_another
    ]


def recover(site: Site, change_id: str) -> None:
    """Takes over an abandoned change, closes its open run with what its folder tells, and carries it on."""
    if _take_over(site, change_id):
        _close(site, change_id)


def close_own(site: Site, change_id: str) -> None:
    """The same for a change of this process of which it could not write down how its run ended."""
    with site.database.read() as connection:
        change = store.get(connection, change_id)
    if change.state in {State.RUNNING, State.UNDOING} and change.executor == site.executor_id:
        _close(site, change_id)


def _close(site: Site, change_id: str) -> None:
    with site.database.read() as connection:
        change = store.get(connection, change_id)
        still_open = runs.open_runs(connection, change_id)
    for run in still_open:
        runs.close_lost(site, change, run)
    carry_on(site, change_id)


def _take_over(site: Site, change_id: str) -> bool:
    now = site.clock.now()
    with site.database.write() as connection:
        change = store.get(connection, change_id)
        if change.executor is None or change.executor == site.executor_id or site.is_alive(change.executor):
            return False
        try:
            store.note(connection, change, now=now, executor=site.executor_id)
        except StateError:
            return False
        data = {"from": change.executor, "to": site.executor_id}
        ledger.append(connection, "taken-over", "gate", data, now=now, change_id=change_id)
    return True
