from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gate.app import Gate
from gate.client import GateClient
from gate.intent import Intent
from gate.intent.model import MAX_BYTES
from gate.values.errors import (
    ClientError,
    IdentityError,
    IntentError,
    NotFoundError,
    StateError,
    UnknownActionError,
)

Client = Callable[..., GateClient]
Token = Callable[..., str]
Wish = Callable[..., Intent]


def test_an_agent_asks_looks_and_waits(client: Client, workers: Wish, app_ini: Callable[[str], Path]) -> None:
    speaker = client()
    catalog = speaker.catalog()
    assert {action["name"] for action in catalog["actions"]} >= {"set_config_value"}
    assert "web-03" in {host["name"] for host in catalog["hosts"]}
    proposed = speaker.propose(workers("web-03"))
    assert proposed["actor"] == "agent:planner"
    done = speaker.wait(proposed["id"], 60)
    assert (done["state"], done["settled"]) == ("succeeded", True)
    assert speaker.status(proposed["id"])["state"] == "succeeded"
    assert "workers = 8" in app_ini("web-03").read_text()


def test_waiting_ends_when_people_are_needed(client: Client, workers: Wish) -> None:
    speaker = client()
    waiting = speaker.wait(speaker.propose(workers("web-01"))["id"], 60)
    assert (waiting["state"], waiting["waiting_for"], waiting["settled"]) == ("waiting", "approval", True)


def test_a_denial_is_an_answer_and_no_error(client: Client, workers: Wish) -> None:
    denied = client().propose(workers("db-01"))
    assert denied["state"] == "denied"
    assert "Nothing is done to db-01." in json.dumps(denied)


def test_a_denied_wish_needs_no_second_look(client: Client, workers: Wish) -> None:
    speaker = client()
    assert speaker.wait(speaker.propose(workers("db-01"))["id"], 0)["settled"]


@pytest.mark.parametrize("text", ["wrong", "gate_" + "x" * 43, "%", "gate_"])
def test_a_wrong_token_is_refused(client: Client, text: str, workers: Wish) -> None:
    for call in (lambda: client(text).catalog(), lambda: client(text).propose(workers("db-01"))):
        with pytest.raises(IdentityError):
            call()


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic gate_x", "gate_x", "Token gate_x"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/catalog"),
        ("POST", "/v1/changes"),
        ("GET", "/v1/changes/chg-1"),
        ("GET", "/v1/changes/chg-1/wait"),
    ],
)
def test_without_a_token_nothing_is_told(http: httpx2.Client, method: str, path: str, header: str | None) -> None:
    reply = http.request(method, path, headers={} if header is None else {"Authorization": header})
    assert reply.status_code in {401, 403}
    assert reply.json()["error"]["code"] == "GATE-IDENTITY"


def test_an_expired_or_revoked_token_is_refused(gate: Gate, client: Client, token: Token) -> None:
    with pytest.raises(IdentityError):
        client(token(ttl=timedelta(seconds=-1))).catalog()
    text = token()
    speaker = client(text)
    speaker.catalog()
    from gate.identity import tokens

    with gate.database.read() as connection:
        newest = tokens.rows(connection)[-1]
    gate.revoke_token(newest.id)
    with pytest.raises(IdentityError):
        speaker.catalog()


def test_a_reader_cannot_propose(client: Client, token: Token, workers: Wish, gate: Gate) -> None:
    with pytest.raises(IdentityError, match="may not"):
        client(token("human:carol", "read")).propose(workers("db-01"))
    assert gate.changes() == []


def test_an_approver_token_neither_reads_nor_proposes(client: Client, token: Token, workers: Wish) -> None:
    speaker = client(token("human:alice", "approve:sre"))
    for call in (speaker.catalog, lambda: speaker.propose(workers("db-01"))):
        with pytest.raises(IdentityError):
            call()


def test_one_sees_ones_own_changes_and_those_of_others_with_read_alone(
    client: Client, token: Token, workers: Wish
) -> None:
    mine = client(token("agent:one", "propose"))
    other = client(token("agent:two", "propose"))
    reader = client(token("human:carol", "read"))
    change = mine.propose(workers("db-01"))["id"]
    assert mine.status(change)["id"] == change
    assert reader.status(change)["id"] == change
    for look in (lambda: other.status(change), lambda: other.wait(change, 0)):
        with pytest.raises(NotFoundError):
            look()


def test_what_is_hidden_looks_like_what_is_not_there(client: Client, token: Token, workers: Wish) -> None:
    change = client(token("agent:one", "propose")).propose(workers("db-01"))["id"]
    other = client(token("agent:two", "propose"))
    told = []
    for asked in (change, "chg-000000000-000000"):
        with pytest.raises(NotFoundError) as refused:
            other.status(asked)
        told.append(str(refused.value).replace(asked, "ID"))
    assert told[0] == told[1]


def test_an_agent_cannot_guess_ids_by_their_beginning(client: Client, token: Token, workers: Wish) -> None:
    mine, other = client(token("agent:one", "propose")), client(token("agent:two", "propose"))
    first = mine.propose(workers("db-01"))["id"]
    mine.propose(workers("db-01", value="9"))
    with pytest.raises(NotFoundError) as refused:
        other.status("chg-")
    assert first not in str(refused.value)


def send(http: httpx2.Client, text: str, content: bytes, **headers: str) -> dict[str, Any]:
    given = {"Authorization": f"Bearer {text}", "Content-Type": "application/json", **headers}
    reply = http.post("/v1/changes", content=content, headers=given)
    assert reply.status_code == 422, reply.text
    return reply.json()["error"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no JSON"),
        (b"action=restart", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b'{"action": "a", "action": "b"}', "same key twice"),
        (b'{"parameters": {"a": 1, "a": 2}}', "same key twice"),
        (b'{"parameters": {"a": NaN}}', "NaN"),
        (b'{"parameters": {"a": -Infinity}}', "Infinity"),
        (b"[" * 30_000, "no JSON"),
        (b'{"a":' * 9_000, "no JSON"),
        (b"1" * 5_000, "no JSON"),
        (b"null", "intent"),
        (b"[]", "intent"),
        (b'"text"', "intent"),
        (b"{}", "intent"),
    ],
)
def test_a_body_that_is_no_intent_is_refused(
    http: httpx2.Client, token: Token, gate: Gate, content: bytes, why: str
) -> None:
    told = send(http, token(), content)
    assert told["code"] == "GATE-INTENT"
    assert why in json.dumps(told)
    assert gate.changes() == []


def test_a_number_that_is_infinite_only_when_read_is_refused(http: httpx2.Client, token: Token) -> None:
    content = b'{"action": "set_config_value", "targets": ["web-03"], "parameters": {"value": 1e999}}'
    assert send(http, token(), content)["code"] == "GATE-INTENT"


def test_a_lone_surrogate_in_a_body_is_refused(http: httpx2.Client, token: Token) -> None:
    content = rb'{"action": "set_config_value", "targets": ["web-03"], "parameters": {"value": "\ud800"}}'
    assert send(http, token(), content)["code"] == "GATE-INTENT"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(http: httpx2.Client, token: Token, chunked: bool) -> None:
    content = b'{"reason": "' + b"x" * MAX_BYTES + b'"}'
    given = (content[at : at + 4096] for at in range(0, len(content), 4096)) if chunked else content
    reply = http.post("/v1/changes", content=given, headers={"Authorization": f"Bearer {token()}"})
    assert reply.status_code == 422
    assert "too large" in reply.json()["error"]["what"]


def test_who_it_is_cannot_be_said_in_the_body(http: httpx2.Client, token: Token) -> None:
    content = b'{"action": "set_config_value", "targets": ["web-03"], "parameters": {}, "actor": "human:root"}'
    assert "actor" in send(http, token(), content)["what"]


def test_the_same_key_makes_one_change(client: Client, token: Token, workers: Wish, gate: Gate) -> None:
    text = token()
    one = client(text).propose(workers("db-01"), key="k")
    assert client(text).propose(workers("db-01"), key="k")["id"] == one["id"]
    with pytest.raises(StateError, match="another intent"):
        client(text).propose(workers("db-01", value="9"), key="k")
    assert len(gate.changes()) == 1


def test_an_odd_key_is_refused(http: httpx2.Client, token: Token, workers: Wish) -> None:
    content = json.dumps(workers("db-01").as_json()).encode()
    for key in ("", "k" * 201):
        assert "key" in send(http, token(), content, **{"Idempotency-Key": key})["what"]


def test_the_errors_of_the_gate_arrive_as_themselves(client: Client, workers: Wish) -> None:
    speaker = client()
    with pytest.raises(UnknownActionError):
        speaker.propose(Intent.of("no_such_action", ["web-03"]))
    with pytest.raises(IntentError):
        speaker.propose(Intent.of("set_config_value", ["web-03"], {"more": 1}))
    with pytest.raises(NotFoundError):
        speaker.status("chg-x")
    with pytest.raises((NotFoundError, ClientError)):
        speaker.status("../../healthz")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/changes", 405),
        ("DELETE", "/v1/changes/chg-1", 405),
        ("POST", "/v1/changes/chg-1/approve", 404),
        ("GET", "/openapi.json", 404),
    ],
)
def test_there_are_no_other_routes(http: httpx2.Client, token: Token, method: str, path: str, code: int) -> None:
    assert http.request(method, path, headers={"Authorization": f"Bearer {token()}"}).status_code == code


def test_health_needs_no_token_and_tells_nothing(http: httpx2.Client) -> None:
    assert http.get("/healthz").json() == {"ok": True}


def test_an_odd_timeout_is_refused_and_a_plain_one_is_not(
    http: httpx2.Client, client: Client, token: Token, workers: Wish
) -> None:
    text = token()
    change = client(text).propose(workers("db-01"))["id"]

    def waited(timeout: str) -> int:
        headers = {"Authorization": f"Bearer {text}"}
        return http.get(f"/v1/changes/{change}/wait", params={"timeout_s": timeout}, headers=headers).status_code

    odd = ("nan", "inf", "-1", "x", "", "1e3", "1_0", " 1", "1\n", "\u0663", "9" * 40)
    assert {waited(timeout) for timeout in odd} == {422}
    assert {waited(timeout) for timeout in ("0", "0.5", "24.998712399999005", "30", "3600")} == {200}


def test_trouble_inside_tells_nothing_of_the_inside(
    http: httpx2.Client, token: Token, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = token()

    def broken() -> None:
        raise RuntimeError("canary-path /root/secret")

    monkeypatch.setattr(gate, "catalog", broken)
    reply = http.get("/v1/catalog", headers={"Authorization": f"Bearer {text}"})
    assert reply.status_code == 500
    assert "canary" not in reply.text


def test_nobody_there_is_an_error_of_the_client() -> None:
    with GateClient("http://127.0.0.1:1", "x") as speaker, pytest.raises(ClientError, match="did not answer"):
        speaker.catalog()
