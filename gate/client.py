"""The wire client: all that an agent or a planner needs. It can ask, look, wait and cancel; it cannot approve.

client = GateClient("unix:/srv/site/.gate/gate.sock", token)
change = client.wait(client.propose(Intent.of("restart_service", ["web-01"], {"service": "nginx"}))["id"])
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import httpx2

from gate.intent import Intent
from gate.intent.wire import check_key
from gate.values.errors import ClientError, GateError, IntentError, NotFoundError

_ID = re.compile(r"[A-Za-z0-9-]{1,100}")
LONG_POLL_S = 25.0
TIMEOUT_S = 10.0
SILENCE_S = 30.0  # a stream says at least every 10 s that it is still there


class GateClient:
    """Speaks to `gate serve` at `url`: `http://127.0.0.1:8642`, or `unix:` and the path of its socket."""

    def __init__(self, url: str, token: str, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._url = url
        base = "http://gate" if url.startswith("unix:") else url
        if transport is None and url.startswith("unix:"):
            transport = httpx2.HTTPTransport(uds=url.removeprefix("unix:"))
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._http = httpx2.Client(
            base_url=base, headers=headers, transport=transport, timeout=TIMEOUT_S, trust_env=False
        )

    @classmethod
    def from_environment(cls) -> Self:
        """The client that GATE_URL and GATE_TOKEN describe.

        Raises:
            ClientError: one of them is missing.
        """
        url, token = os.environ.get("GATE_URL"), os.environ.get("GATE_TOKEN")
        if url and token:
            return cls(url, token)
        raise ClientError(
            "It is not said which gate to speak to.",
            "GATE_URL and GATE_TOKEN have to be set, both.",
            "export GATE_URL=unix:/path/of/.gate/gate.sock GATE_TOKEN=gate_...",
        )

    def catalog(self) -> dict[str, Any]:
        """What can be asked for, and where: `actions`, `hosts`, `groups`."""
        return self._call("GET", "/v1/catalog")

    def propose(self, intent: Intent, *, key: str | None = None) -> dict[str, Any]:
        """Proposes an intent; returns the decided change. The same `key` makes one change, however often it is sent."""
        headers = {} if key is None else {"Idempotency-Key": check_key(key)}
        return self._call("POST", "/v1/changes", json=intent.as_json(), headers=headers)

    def propose_plan(self, steps: Sequence[Mapping[str, Any]], *, key: str | None = None) -> list[dict[str, Any]]:
        """Proposes up to 8 steps `{"id", "intent", "after"}` as one plan; returns their changes, decided as a whole."""
        headers = {} if key is None else {"Idempotency-Key": check_key(key)}
        answer = self._call("POST", "/v1/plans", json=list(steps), headers=headers)
        changes: list[dict[str, Any]] = answer["changes"]
        return changes

    def status(self, change_id: str) -> dict[str, Any]:
        """The change as it is now."""
        return self._call("GET", _path(change_id))

    def events(self, change_id: str, after: int = 0) -> dict[str, Any]:
        """What happened to a change after entry number `after`: `events`, `last`, `more`, and the `change` as it is."""
        path = _path(change_id, "events")
        return self._call("GET", path, params={"after": str(after)})

    def follow(self, change_id: str, after: int = 0) -> Iterator[dict[str, Any]]:
        """The events of a change after number `after`, as they come, until it is at rest.

        Where the connection breaks off it goes on from there, and gives up if nothing new came in between.
        """
        path = _path(change_id, "events/stream")
        while True:
            before = after
            try:
                with self._http.stream(
                    "GET", path, params={"after": str(after)}, timeout=httpx2.Timeout(TIMEOUT_S, read=SILENCE_S)
                ) as reply:
                    if not reply.is_success:
                        raise _error(_json(reply.read()))
                    for kind, data in _events(reply.iter_lines()):
                        if kind == "end":
                            return
                        if kind == "error":
                            raise _error({"error": data})
                        after = data["seq"]
                        yield data
            except httpx2.HTTPError as wrong:
                if after == before:
                    raise self._silence(wrong) from wrong

    def cancel(self, change_id: str, *, reason: str = "", force: bool = False) -> dict[str, Any]:
        """Asks a change to stop; returns it as it is then. One's own, or with the scope `operate` any."""
        path = _path(change_id, "cancel")
        return self._call("POST", path, json={"reason": reason, "force": force})

    def wait(self, change_id: str, timeout_s: float = 300.0) -> dict[str, Any]:
        """The change when it is at rest or waits for people, or as it is when the time is over."""
        change: dict[str, Any] = {}
        for slice_s in _slices(timeout_s):
            path = _path(change_id, "wait")
            change = self._call("GET", path, params={"timeout_s": f"{slice_s:.1f}"}, timeout=slice_s + TIMEOUT_S)
            if change["settled"]:
                break
        return change

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        if "json" in options:
            options["content"] = _body(options.pop("json"))
        try:
            reply = self._http.request(method, path, **options)
            answer = reply.json()
        except (httpx2.HTTPError, ValueError) as wrong:
            raise self._silence(wrong) from wrong
        if reply.is_success and isinstance(answer, dict):
            return answer
        raise _error(answer)

    def _silence(self, wrong: Exception) -> ClientError:
        return ClientError(
            f"The gate at {self._url} did not answer.",
            f"{type(wrong).__name__}: {wrong}.",
            "Is `gate serve` running there? A request with the same key can be sent again without harm.",
        )

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _path(change_id: str, deed: str = "") -> str:
    """The path of a change, or of something of it. Raises NotFoundError for what no change is called."""
    if _ID.fullmatch(change_id) is None:
        raise NotFoundError(
            f"There is no change {change_id[:60]!r}.",
            "An id is letters, digits and dashes.",
            "`gate changes list` shows the ids.",
        )
    return f"/v1/changes/{change_id}" + (f"/{deed}" if deed else "")


def _body(value: Any) -> bytes:
    try:
        return json.dumps(value, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError) as wrong:
        raise IntentError("This cannot be sent.", f"{wrong}."[:200], "Send what JSON has a word for.") from None


def _slices(total_s: float) -> Iterator[float]:
    left = max(total_s, 0.0)
    while True:
        yield min(left, LONG_POLL_S)
        left -= LONG_POLL_S
        if left <= 0:
            return


def _events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind and data of each server-sent event."""
    kind, data = "", ""
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            data = value
        elif not line and data:
            yield kind, json.loads(data)
            kind = data = ""


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")


def _error(answer: Any) -> GateError:
    told = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(told, dict):
        return ClientError("The gate answered something that is no answer.", str(answer)[:200], "Check its version.")
    kinds = {kind.code: kind for kind in _kinds(GateError)}
    kind = kinds.get(str(told.get("code")), ClientError)
    return kind(str(told.get("what")), str(told.get("why")), str(told.get("do")))


def _kinds(kind: type[GateError]) -> Iterator[type[GateError]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _kinds(sub)
