"""The routes. Every request carries a token; what it may do stands in the database, not in the request.

GET  /v1/catalog                     scope read or propose
POST /v1/changes                     scope propose; body: an intent; header Idempotency-Key: optional
POST /v1/plans                       scope propose; body: a list of up to 8 {"id", "intent", "after"}
GET  /v1/changes/{id}                scope read, or one's own change
GET  /v1/changes/{id}/wait           the same, answered when the change is at rest, or after timeout_s (30 at most)
GET  /v1/changes/{id}/events         the same: what happened after entry number ?after=N
GET  /v1/changes/{id}/events/stream  the same, as it comes: server-sent events
POST /v1/changes/{id}/cancel         scope propose for one's own change, or operate; body: {"reason", "force"}
GET  /healthz                        no token
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gate.changes.model import Change
from gate.flow.events import Told
from gate.identity.scopes import Identity
from gate.intent.model import MAX_BYTES
from gate.intent.wire import read_json
from gate.values.errors import GateError, IdentityError, IntentError, NotFoundError
from gate.web.door import Door
from gate.web.stream import WAITS, WAITS_OF_ONE, EventStream, Places

FORMAT_VERSION = 1
MAX_WAIT_S = 30.0
LOOK_S = 0.5  # whoever waits is told; only what another process or another change did to it is found by looking
MAX_DIGITS = 18
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,30})?")
Identify = Callable[[Request], Identity]


def create_app(door: Door, identify: Identify | None = None) -> Starlette:
    """The application. `identify` says who sent a request; by default the bearer token does."""
    api = _Api(door, identify or (lambda request: door.identify(_bearer(request))))
    return Starlette(
        routes=[
            Route("/healthz", _healthz, methods=["GET"]),
            Route("/v1/catalog", api.catalog, methods=["GET"]),
            Route("/v1/changes", api.propose, methods=["POST"]),
            Route("/v1/plans", api.propose_plan, methods=["POST"]),
            Route("/v1/changes/{id}", api.status, methods=["GET"]),
            Route("/v1/changes/{id}/wait", api.wait, methods=["GET"]),
            Route("/v1/changes/{id}/events", api.events, methods=["GET"]),
            Route("/v1/changes/{id}/events/stream", api.stream, methods=["GET"]),
            Route("/v1/changes/{id}/cancel", api.cancel, methods=["POST"]),
        ],
        exception_handlers={GateError: _told, Exception: _hidden},
    )


class _Api:
    def __init__(self, door: Door, identify: Identify) -> None:
        self._door, self._identify = door, identify
        self._places, self._waits = Places(), Places(WAITS, WAITS_OF_ONE)

    async def catalog(self, request: Request) -> JSONResponse:
        identity = await run_in_threadpool(self._identify, request)
        if not identity.scopes & {"read", "propose"}:
            identity.require("read")
        catalog = await run_in_threadpool(self._door.catalog)
        inventory = await run_in_threadpool(self._door.inventory)
        return JSONResponse(
            {
                "format_version": FORMAT_VERSION,
                "actions": [action.as_json() for action in catalog.actions],
                "hosts": [{"name": host.name, "groups": sorted(host.groups)} for host in inventory.hosts.values()],
                "groups": sorted(inventory.groups),
            }
        )

    async def propose(self, request: Request) -> JSONResponse:
        identity = await run_in_threadpool(self._identify, request)
        identity.require("propose")
        wish = await _body(request)
        key = request.headers.get("Idempotency-Key")
        change = await run_in_threadpool(lambda: self._door.propose_for(identity, wish, key=key))
        return JSONResponse(_view(change), status_code=201)

    async def propose_plan(self, request: Request) -> JSONResponse:
        identity = await run_in_threadpool(self._identify, request)
        identity.require("propose")
        wish = await _body(request)
        key = request.headers.get("Idempotency-Key")
        changes = await run_in_threadpool(lambda: self._door.propose_plan_for(identity, wish, key=key))
        views = [_view(change) for change in changes]
        return JSONResponse({"format_version": FORMAT_VERSION, "changes": views}, status_code=201)

    async def status(self, request: Request) -> JSONResponse:
        return JSONResponse(_view(await self._visible(request)))

    async def wait(self, request: Request) -> JSONResponse:
        identity = await run_in_threadpool(self._identify, request)
        change = await self._visible(request, identity)
        self._waits.take(identity.actor)
        try:
            return JSONResponse(_view(await self._settled(request, change, _timeout(request))))
        finally:
            self._waits.give_back(identity.actor)

    async def events(self, request: Request) -> JSONResponse:
        identity = await run_in_threadpool(self._identify, request)
        change = await self._visible(request, identity)
        told = await self._tell(change.id, identity, _after(request))
        plain = {"events": told.events, "last": told.last, "more": told.more, "change": _view(told.change)}
        return JSONResponse({"format_version": FORMAT_VERSION, **plain})

    async def stream(self, request: Request) -> EventStream:
        identity = await run_in_threadpool(self._identify, request)
        change = await self._visible(request, identity)
        after = _after(request)

        async def ask(number: int) -> Told:
            # a token that has ended meanwhile ends the stream
            return await self._tell(change.id, await run_in_threadpool(self._identify, request), number)

        self._places.take(identity.actor)
        return EventStream(ask, after, lambda: self._places.give_back(identity.actor))

    async def _settled(self, request: Request, change: Change, timeout_s: float) -> Change:
        """The change when it is settled or the time is over. No thread waits: there are few, and all need them."""
        began, rung, loop = time.monotonic(), asyncio.Event(), asyncio.get_running_loop()
        with self._door.bells.heard(change.id, lambda: loop.call_soon_threadsafe(rung.set)):
            while True:
                rung.clear()
                change = await run_in_threadpool(self._door.change, change.id)
                left_s = timeout_s - (time.monotonic() - began)
                if change.settled or left_s <= 0 or await request.is_disconnected():
                    return change
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(rung.wait(), min(left_s, LOOK_S))

    async def _tell(self, change_id: str, identity: Identity, after: int) -> Told:
        words = "read" in identity.scopes
        return await run_in_threadpool(lambda: self._door.events(change_id, after, words=words))

    async def cancel(self, request: Request) -> JSONResponse:
        identity = await run_in_threadpool(self._identify, request)
        change = await self._visible(request, identity, "operate")
        asked = _Cancel.parse(await _body(request))
        done = await run_in_threadpool(
            lambda: self._door.cancel_for(identity, change.id, reason=asked.reason, force=asked.force)
        )
        return JSONResponse(_view(done))

    async def _visible(self, request: Request, known: Identity | None = None, *scopes: str) -> Change:
        identity = known if known is not None else await run_in_threadpool(self._identify, request)
        change_id, reads = request.path_params["id"], bool(identity.scopes & {"read", *scopes})
        found: Change | None = None
        try:
            found = await run_in_threadpool(self._door.change, change_id)
        except NotFoundError:
            if reads:
                raise
        if found is None or not (reads or found.actor == identity.actor):
            # the same words whether it is there or not
            raise NotFoundError(f"There is no change {change_id!r}.", "None that you may see.", "Check the id.")
        return found


class _Cancel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    reason: str = ""
    force: bool = False

    @classmethod
    def parse(cls, raw: Any) -> _Cancel:
        try:
            return cls.model_validate(raw)
        except ValidationError as wrong:
            first = wrong.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the body"
            raise IntentError(
                f"The request is not well-formed at {place}.",
                f"{first['msg']}.",
                'Send {"reason": "...", "force": false}, or {}.',
            ) from None


def _view(change: Change) -> dict[str, Any]:
    return {"format_version": FORMAT_VERSION, **change.as_json(), "settled": change.settled}


async def _healthz(_: Request) -> JSONResponse:
    return JSONResponse({"ok": True})


async def _told(_: Request, wrong: Exception) -> JSONResponse:
    assert isinstance(wrong, GateError)  # noqa: S101 - Starlette's type is wider than what it passes
    return JSONResponse({"error": wrong.as_dict()}, status_code=wrong.http)


async def _hidden(_: Request, wrong: Exception) -> JSONResponse:
    told = GateError(
        "Something went wrong inside the gate.", f"{type(wrong).__name__}.", "Its log on stderr says more."
    )
    return JSONResponse({"error": told.as_dict()}, status_code=500)


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer" and token:
        return token
    raise IdentityError(
        "Nobody is signed in.", "The request carries no bearer token.", "Send Authorization: Bearer gate_..."
    )


async def _body(request: Request) -> Any:
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BYTES:
            raise IntentError("The request is too large.", f"More than {MAX_BYTES} bytes.", "Send one intent.")
    return read_json(content)


def _after(request: Request) -> int:
    """The number to tell on from: that of the query, or of what a stream that broke off had told last."""
    asked = request.headers.get("Last-Event-ID") or request.query_params.get("after", "0")
    if not (asked.isascii() and asked.isdecimal() and len(asked) < MAX_DIGITS):
        raise IntentError("`after` is no number.", "It is the number of an entry of the ledger.", "Send ?after=0.")
    return int(asked)


def _timeout(request: Request) -> float:
    asked = request.query_params.get("timeout_s", "0")
    if _SECONDS.fullmatch(asked) is None:
        why = f"It is how long to wait; {MAX_WAIT_S:g} at most."
        raise IntentError("`timeout_s` is no number of seconds.", why, "Send ?timeout_s=30.")
    return min(float(asked), MAX_WAIT_S)
