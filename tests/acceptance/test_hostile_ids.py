"""Hostile ids and reasons at every door that names a change: nothing is found, nothing breaks, nothing is executed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from gate import Gate
from gate.changes.model import State
from tests.hostile.texts import TEXTS
from tests.hostile.wishes import code_of, wish

IDS = (
    "", " ", ".", "..", "%", "_", "*", "?", "#", "chg-%25", "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "/etc/passwd",
    "\x00", "chg-\x00", "chg-1\n", "\x1b[2J", "' OR 1=1 --", '"; DROP TABLE changes; --', "{{ lookup('pipe', 'id') }}",
    "$(touch /x)", "x" * 5000, "chg-\u202e", "\ud800", "-v", "--force", "@/etc/passwd", "0", "null", "[]", "é",
)  # fmt: skip
NOT_FOUND = "GATE-NOT-FOUND"


@pytest.fixture(scope="module")
def site(shared_site: Any) -> Any:
    shared_site.add_note()
    return shared_site


@pytest.fixture(scope="module")
def server(site: Any) -> Iterator[Any]:
    with site.serving() as server:
        yield server


DEEDS: dict[str, Callable[[Gate, str], Any]] = {
    "change": lambda gate, one: gate.change(one),
    "approve": lambda gate, one: gate.approve(one, binding=one),
    "reject": lambda gate, one: gate.reject(one, reason="No."),
    "undo": lambda gate, one: gate.undo(one, reason="No."),
    "cancel": lambda gate, one: gate.cancel(one),
    "settle": lambda gate, one: gate.settle(one, state=State.SUCCEEDED, reason="Seen."),
    "events": lambda gate, one: gate.events(one),
    "follow": lambda gate, one: list(gate.follow(one, timeout_s=1)),
    "card": lambda gate, one: gate.card(one),
    "wait": lambda gate, one: gate.wait(one, 1),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_the_embedded_door_finds_nothing_by_a_hostile_id(deed: str, site: Any) -> None:
    with Gate.open(site.root, works=False) as gate:
        seen = {one: code_of(lambda one=one: DEEDS[deed](gate, one)) for one in IDS}
    assert seen == dict.fromkeys(IDS, NOT_FOUND)


def test_http_finds_nothing_by_a_hostile_id(site: Any, server: Any) -> None:
    headers = {"Authorization": f"Bearer {site.token('ids', scopes=('propose', 'read'))}"}
    transport = httpx2.HTTPTransport(uds=str(site.socket))
    with httpx2.Client(base_url="http://gate", transport=transport, headers=headers, timeout=60) as client:
        for one in IDS:
            path = "/v1/changes/" + quote(one.encode("utf-8", "surrogatepass"), safe="")
            got = [client.get(path + rest).status_code for rest in ("", "/wait", "/events", "/events/stream")]
            got.append(client.post(path + "/cancel", content="{}").status_code)
            assert set(got) <= ({404, 405, 422} if one else {307, 404}), one


def test_the_wire_client_finds_nothing_by_a_hostile_id(site: Any, server: Any) -> None:
    with site.client(site.token("wire-ids")) as client:
        for one in IDS:
            deeds = (client.status, client.events, client.cancel, lambda one: client.wait(one, 1))
            for deed in deeds:
                assert code_of(lambda one=one, deed=deed: deed(one)) == NOT_FOUND, one
            assert code_of(lambda one=one: list(client.follow(one))) == NOT_FOUND, one


def test_the_wire_client_says_what_cannot_be_sent(site: Any, server: Any) -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with site.client(site.token("wire-plans")) as client:
        for value in (float("nan"), float("inf"), "\ud800", 2**80, b"x", deep):
            steps = [{"id": "a", "intent": wish(parameters={"text": value})}]
            assert code_of(lambda steps=steps: client.propose_plan(steps)) == "GATE-INTENT", str(value)[:20]
        for key in ("", "x" * 201, "é", "a\nb"):
            steps = [{"id": "a", "intent": wish()}]
            assert code_of(lambda key=key, steps=steps: client.propose_plan(steps, key=key)) == "GATE-INTENT", key


@pytest.mark.parametrize(
    "words",
    [
        ("undo",), ("cancel",), ("logs",), ("approve", "--yes"), ("reject", "-r", "No."), ("changes", "show"),
        ("changes", "wait"), ("settle", "--as", "succeeded", "-r", "Seen."),
    ],
)  # fmt: skip
def test_the_command_line_finds_nothing_by_a_hostile_id(words: tuple[str, ...], site: Any) -> None:
    for one in ("../../etc/passwd\x1b[2J", "--force=x"):
        done = site.gate(*words, one)
        assert done.returncode not in {0, 1}, one
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stderr + done.stdout


SAID = {**TEXTS, "a surrogate": "\ud800", "too long": "x" * 501}
SAYING: dict[str, Callable[[Gate, str], Any]] = {
    "approve": lambda gate, text: gate.approve("chg-1", binding="x", comment=text),
    "reject": lambda gate, text: gate.reject("chg-1", reason=text),
    "settle": lambda gate, text: gate.settle("chg-1", state=State.FAILED, reason=text),
    "breaker": lambda gate, text: gate.reset_breaker("x", "y", reason=text),
    "halt": lambda gate, text: gate.halt(reason=text),
    "resume": lambda gate, text: gate.resume(reason=text),
    "roll back": lambda gate, text: gate.roll_back("x", reason=text),
}


@pytest.mark.parametrize("deed", SAYING)
def test_what_a_person_says_with_a_deed_is_a_line_of_text(deed: str, site: Any) -> None:
    with Gate.open(site.root, works=False) as gate:
        seen = {name: code_of(lambda text=text: SAYING[deed](gate, text)) for name, text in SAID.items()}
        assert gate.halted() is None
    assert seen == dict.fromkeys(SAID, "GATE-INTENT")


def test_a_hostile_reason_is_text_or_refused_and_never_breaks(site: Any, server: Any) -> None:
    with site.client(site.token("reasons")) as client:
        body = wish()
        made = client._call("POST", "/v1/changes", json=body)
        client.wait(made["id"], 30)
        for name, text in {**TEXTS, "a surrogate": "\ud800", "too long": "x" * 100_000, "nothing": None}.items():
            sent = json.dumps({"reason": text, "force": False}).encode()
            code = code_of(lambda sent=sent: client._call("POST", f"/v1/changes/{made['id']}/cancel", content=sent))
            assert code in {"GATE-INTENT", "GATE-STATE"}, name
