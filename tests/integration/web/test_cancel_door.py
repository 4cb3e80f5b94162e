"""Cancelling over the wire: one's own with `propose`, that of others with `operate`, which no agent can carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from gate.app import Gate
from gate.changes.model import Change
from gate.client import GateClient
from gate.intent import Intent
from gate.values.errors import IdentityError, IntentError, NotFoundError, StateError

Client = Callable[..., GateClient]
Token = Callable[..., str]
Wish = Callable[..., Intent]


@pytest.fixture
def waiting(gate: Gate, client: Client, workers: Wish) -> Change:
    """A change of agent:planner that waits for people."""
    return gate.wait(client().propose(workers("web-01"))["id"], 60)


def test_an_agent_cancels_its_own_change(client: Client, waiting: Change, gate: Gate) -> None:
    done = client().cancel(waiting.id, reason="I was wrong.")
    assert (done["state"], done["settled"]) == ("withdrawn", True)
    entry = gate.story(waiting.id)[-1]
    assert (entry.kind, entry.actor, entry.data["reason"]) == ("withdrawn", "agent:planner", "I was wrong.")
    with pytest.raises(StateError, match="is withdrawn"):
        client().cancel(waiting.id)


def test_an_agent_never_cancels_what_another_has_asked_for(client: Client, token: Token, waiting: Change) -> None:
    with pytest.raises(NotFoundError, match="There is no change"):
        client(token("agent:other", "propose")).cancel(waiting.id)
    with pytest.raises(IdentityError, match="operate"):
        client(token("agent:other", "propose", "read")).cancel(waiting.id)
    with pytest.raises(IdentityError, match="operate"):
        client().cancel(waiting.id, force=True)
    with pytest.raises(IdentityError, match="propose"):
        client(token("agent:planner", "read")).cancel(waiting.id)


def test_a_person_cancels_what_others_have_asked_for_with_operate_alone(
    client: Client, token: Token, waiting: Change
) -> None:
    for scopes in (("propose", "read"), ("read",), ("read", "approve:sre"), ("read", "admin")):
        with pytest.raises(IdentityError, match="operate"):
            client(token("human:alice", *scopes)).cancel(waiting.id)
    assert client(token("human:alice", "operate")).cancel(waiting.id)["state"] == "withdrawn"


BODIES: list[Any] = [
    *([], "x", None, 1),
    *({"reason": 1}, {"force": "yes"}, {"force": 1}, {"reason": "{{ x }}"}, {"reason": "x" * 501}, {"who": "me"}),
]


def test_a_body_that_is_no_request_is_refused(http: httpx2.Client, token: Token, waiting: Change, gate: Gate) -> None:
    headers = {"Authorization": f"Bearer {token()}"}
    for body in BODIES:
        reply = http.post(f"/v1/changes/{waiting.id}/cancel", json=body, headers=headers)
        assert (reply.status_code, reply.json()["error"]["code"]) == (422, IntentError.code), body
    assert gate.change(waiting.id).state == "waiting"
