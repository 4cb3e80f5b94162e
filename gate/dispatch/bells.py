"""Whoever waits for a change hears at once when a job of this process about it is over, and need not look all the time.

Of what other processes do there is nothing to hear: a waiter looks now and then all the same.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

FIRST_S, LONGEST_S = 0.02, 0.25  # between looks


class Bells:
    """One for each change that somebody waits for. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, list[Callable[[], object]]] = {}

    @contextmanager
    def heard(self, change_id: str, listener: Callable[[], object]) -> Iterator[None]:
        """Has `listener` called, in any thread, whenever it rings for the change, until the block is left.

        It has to return at once, and must not ask anything of the bells.
        """
        with self._lock:
            self._listeners.setdefault(change_id, []).append(listener)
        try:
            yield
        finally:
            with self._lock:
                self._listeners[change_id].remove(listener)
                if not self._listeners[change_id]:
                    del self._listeners[change_id]

    def ring(self, change_id: str) -> None:
        """Something was done to the change. Listeners are called under the lock: once they have left, never again."""
        with self._lock:
            for listener in self._listeners.get(change_id, ()):
                try:
                    listener()
                except Exception:  # whoever waited may be gone in a hurry; what was done was done all the same
                    log.exception("somebody who waits for %s could not be told", change_id)


def next_look_s(waited_s: float) -> float:
    """In how many seconds to look again: most changes are short, and some take days."""
    return min(LONGEST_S, FIRST_S + waited_s / 25)
