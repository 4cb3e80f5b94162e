"""What there is to do, and doing it: the bridge between the table of changes and the dispatcher's threads."""

from __future__ import annotations

import logging
from collections.abc import Callable

from gate.changes import halt, store
from gate.changes.model import Change, State, WaitingFor
from gate.flow.execute import execute
from gate.flow.expire import ask_again, expire
from gate.flow.finish import come_to_rest, end_unstarted
from gate.flow.ports import Site
from gate.flow.preview import preview, wants_preview
from gate.flow.recover import abandoned, recover
from gate.ledger import store as ledger
from gate.values.errors import GateError

log = logging.getLogger(__name__)
_DEEDS: dict[str, Callable[[Site, str], None]] = {"execute": execute, "preview": preview, "recover": recover}


def pending(site: Site) -> list[tuple[str, str]]:
    """The jobs that could be done now, in the order in which they should be: (deed, change id)."""
    expire(site)
    ask_again(site)
    with site.database.read() as connection:
        may_start = halt.standing(connection) is None
        open_changes = store.in_states(connection, [State.READY, State.WAITING]) if may_start else []
    ready = [("execute", change.id) for change in open_changes if change.state is State.READY]
    previews = [("preview", change.id) for change in open_changes if wants_preview(change, site)]
    return [("recover", change.id) for change in abandoned(site)] + ready + previews


def work(site: Site, deed: str, change_id: str) -> None:
    """Does one job. Whatever goes wrong ends in a state that says so; nothing is tried again by itself."""
    try:
        _DEEDS[deed](site, change_id)
    except Exception as wrong:
        log.exception("%s of %s failed", deed, change_id)
        _give_up(site, change_id, wrong)


def _give_up(site: Site, change_id: str, wrong: Exception) -> None:
    why = wrong.as_dict() if isinstance(wrong, GateError) else {"why": type(wrong).__name__}
    now = site.clock.now()
    with site.database.write() as connection:
        change = store.get(connection, change_id)
        ledger.append(connection, "trouble", "gate", why, now=now, change_id=change_id)
        match change.state:
            case State.READY:
                end_unstarted(connection, change, State.DENIED, now)
            case State.RUNNING | State.UNDOING if change.executor == site.executor_id:
                come_to_rest(connection, change, State.UNKNOWN, now)
            case State.WAITING if _previews(change):
                store.note(connection, change, now=now, preview="failed", executor=None)


def _previews(change: Change) -> bool:
    return change.waiting_for is WaitingFor.APPROVAL and change.preview is None
