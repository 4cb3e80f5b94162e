"""Events of a change as they come, over one connection: server-sent events. And who may listen or wait at once."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from gate.flow.events import Told
from gate.values.actor import Actor
from gate.values.errors import BusyError, GateError

PLACES, PLACES_OF_ONE = 32, 4
WAITS, WAITS_OF_ONE = 256, 32
LOOK_S = 0.25  # how often it looks for something new
BEAT_S = 10.0  # how often it says that it is still there
LONGEST_S = 600.0  # then whoever listens comes again, from where it was
Ask = Callable[[int], Awaitable[Told]]


class Places:
    """So many who listen or wait at once, and so many of one actor."""

    def __init__(self, places: int = PLACES, of_one: int = PLACES_OF_ONE) -> None:
        self._places, self._of_one = places, of_one
        self._taken: Counter[Actor] = Counter()
        self._lock = threading.Lock()

    def take(self, actor: Actor) -> None:
        """Raises BusyError if there is no place for this actor."""
        with self._lock:
            if self._taken.total() >= self._places or self._taken[actor] >= self._of_one:
                raise BusyError(
                    "There is no place for another one who listens or waits.",
                    f"At most {self._places} are served at once, and {self._of_one} of one actor.",
                    "End another one, or ask without waiting: GET /v1/changes/ID, or its /events?after=N.",
                )
            self._taken[actor] += 1

    def give_back(self, actor: Actor) -> None:
        """Frees a place."""
        with self._lock:
            self._taken[actor] -= 1
            if not self._taken[actor]:
                del self._taken[actor]


class EventStream(StreamingResponse):
    """What `ask` tells after entry number `after`, until the change is at rest. Its place is free when it is over."""

    def __init__(self, ask: Ask, after: int, done: Callable[[], None]) -> None:
        super().__init__(_sent(ask, after), media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        self._done = done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._done()


async def _sent(ask: Ask, after: int) -> AsyncIterator[str]:
    began = beat = time.monotonic()
    yield ": events of a change\n\n"
    while time.monotonic() - began < LONGEST_S:
        try:
            told = await ask(after)
        except GateError as wrong:  # the token has ended, say
            yield f"event: error\ndata: {json.dumps(wrong.as_dict())}\n\n"
            return
        for event in told.events:
            yield f"id: {event['seq']}\nevent: {event['kind']}\ndata: {json.dumps(event)}\n\n"
        after = told.last
        if told.ended:
            yield f"event: end\ndata: {json.dumps({'state': told.change.state.value})}\n\n"
            return
        if told.events:
            beat = time.monotonic()
        elif time.monotonic() - beat >= BEAT_S:
            beat = time.monotonic()
            yield ":\n\n"
        if not told.more:
            await asyncio.sleep(LOOK_S)
