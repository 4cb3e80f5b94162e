"""What there is to do, and doing it: the bridge between the table of changes and the dispatcher's threads."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from gate.changes import compensations, halt, store
from gate.changes.model import Change, State, WaitingFor
from gate.flow.compensate import compensate
from gate.flow.execute import execute
from gate.flow.expire import ask_again, expire
from gate.flow.finish import come_to_rest, end_unstarted
from gate.flow.ports import Site
from gate.flow.preview import preview, wants_preview
from gate.flow.recover import abandoned, close_own, recover
from gate.ledger import store as ledger
from gate.values.errors import GateError

log = logging.getLogger(__name__)
_DEEDS: dict[str, Callable[[Site, str], None]] = {
    "execute": execute,
    "preview": preview,
    "recover": recover,
    "compensate": compensate,
    "close": close_own,
}
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0  # between the tries to write down how a change ended


class Jobs:
    """The jobs of one process. It remembers the changes of which it could not write down how they ended."""

    def __init__(self, site: Site) -> None:
        self._site = site
        # threads put in and take out while another one looks
        self._unwritten: dict[str, _Pause] = {}
        self._uncompensated: dict[str, _Pause] = {}

    def pending(self) -> list[tuple[str, str]]:
        """The jobs that could be done now, in the order in which they should be: (deed, change id)."""
        site = self._site
        unwritten = [("close", change_id) for change_id, pause in list(self._unwritten.items()) if pause.is_over()]
        expire(site)
        ask_again(site)
        with site.database.read() as connection:
            may_start = halt.standing(connection) is None
            open_changes = store.in_states(connection, [State.READY, State.WAITING]) if may_start else []
            broken = [("compensate", change_id) for change_id in compensations.due(connection)]
        broken = [job for job in broken if job[1] not in self._uncompensated or self._uncompensated[job[1]].is_over()]
        ready = [("execute", change.id) for change in open_changes if change.state is State.READY]
        previews = [("preview", change.id) for change in open_changes if wants_preview(change, site)]
        return [("recover", change.id) for change in abandoned(site)] + unwritten + broken + ready + previews

    def work(self, deed: str, change_id: str) -> None:
        """Does one job. Whatever goes wrong ends in a state that says so; no run is ever started again.

        Where even that cannot be written down, because the disk is full, say, writing is tried again later.
        """
        try:
            _DEEDS[deed](self._site, change_id)
            self._unwritten.pop(change_id, None)
        except Exception as wrong:
            log.exception("%s of %s failed", deed, change_id)
            if deed == "compensate":  # nothing of it was written, and nothing was done
                self._try_later(change_id, wrong)
            else:
                self._give_up(change_id, wrong)

    def _try_later(self, change_id: str, wrong: Exception) -> None:
        before = self._uncompensated.get(change_id)
        self._uncompensated[change_id] = _Pause.after(before)
        if before is not None:
            return  # it is said once, not at every try
        try:
            with self._site.database.write() as connection:
                now = self._site.clock.now()
                ledger.append(connection, "trouble", "gate", _why(wrong), now=now, change_id=change_id)
        except Exception:
            log.exception("that compensate of %s failed cannot be written down", change_id)

    def _give_up(self, change_id: str, wrong: Exception) -> None:
        try:
            _give_up(self._site, change_id, wrong)
            self._unwritten.pop(change_id, None)
        except Exception:
            log.exception("how %s ended cannot be written down; it is tried again", change_id)
            self._unwritten[change_id] = _Pause.after(self._unwritten.get(change_id))


@dataclass(frozen=True, slots=True)
class _Pause:
    """Until when nothing is tried, on the clock that only goes on; each pause is twice as long as the one before."""

    seconds: float
    until: float

    @classmethod
    def after(cls, before: _Pause | None) -> _Pause:
        seconds = min(before.seconds * 2, LONGEST_PAUSE_S) if before else FIRST_PAUSE_S
        return cls(seconds, time.monotonic() + seconds)

    def is_over(self) -> bool:
        return time.monotonic() >= self.until


def _give_up(site: Site, change_id: str, wrong: Exception) -> None:
    why, now = _why(wrong), site.clock.now()
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


def _why(wrong: Exception) -> dict[str, str]:
    return wrong.as_dict() if isinstance(wrong, GateError) else {"why": type(wrong).__name__}


def _previews(change: Change) -> bool:
    return change.waiting_for is WaitingFor.APPROVAL and change.preview is None
