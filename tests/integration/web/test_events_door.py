"""The events of a change over the wire: asked for, and as they come; and how many may listen at once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from gate.app import Gate
from gate.changes.model import Change
from gate.client import GateClient
from gate.intent import Intent
from gate.values.actor import Actor, ActorKind
from gate.values.errors import BusyError, ClientError, IdentityError, NotFoundError
from gate.web.stream import PLACES_OF_ONE, Places

Client = Callable[..., GateClient]
Token = Callable[..., str]
Wish = Callable[..., Intent]


@pytest.fixture
def done(gate: Gate, client: Client, workers: Wish) -> Change:
    """A change of agent:planner that has succeeded."""
    return gate.wait(client().propose(workers("web-03"))["id"], 120)


@pytest.fixture
def waiting(gate: Gate, client: Client, workers: Wish) -> Change:
    """A change of agent:planner that waits for people."""
    return gate.wait(client().propose(workers("web-01"))["id"], 120)


def phases(events: list[dict[str, Any]]) -> list[str]:
    return [event["phase"] for event in events if event["kind"] == "run"]


def test_a_change_is_followed_over_the_wire_until_it_is_at_rest(client: Client, workers: Wish, gate: Gate) -> None:
    speaker = client()
    change = speaker.propose(workers("web-03"))["id"]
    events = list(speaker.follow(change))
    assert (phases(events), events[-1]["kind"]) == (["do", "verify"], "succeeded")
    assert [event["seq"] for event in events] == [entry.seq for entry in gate.story(change)]
    answer = speaker.events(change)
    assert (answer["events"], answer["more"], answer["change"]["state"]) == (events, False, "succeeded")
    assert answer["last"] == events[-1]["seq"]
    later = speaker.events(change, after=events[2]["seq"])
    assert later["events"] == events[3:] == list(speaker.follow(change, after=events[2]["seq"]))


def test_a_listener_hears_what_happens_while_it_listens(client: Client, waiting: Change, gate: Gate) -> None:
    heard: list[dict[str, Any]] = []
    listening = threading.Event()

    def listen() -> None:
        for event in client().follow(waiting.id):
            heard.append(event)
            if len(heard) == 2:
                listening.set()

    thread = threading.Thread(target=listen)
    thread.start()
    assert listening.wait(60)
    assert [event["kind"] for event in heard][:2] == ["proposed", "decided"]
    gate.cancel(waiting.id, reason="No.")
    thread.join(60)
    assert not thread.is_alive()
    assert (heard[-1]["kind"], heard[-1]["reason"]) == ("withdrawn", "No.")


def test_who_only_proposes_is_told_no_words_and_nothing_of_others(
    client: Client, token: Token, waiting: Change, gate: Gate
) -> None:
    gate.cancel(waiting.id, reason="canary-77")
    own = client(token("agent:planner", "propose"))
    assert own.events(waiting.id)["events"][-1]["kind"] == "withdrawn"
    assert "canary-77" not in json.dumps(own.events(waiting.id)["events"] + list(own.follow(waiting.id)))
    assert "canary-77" in json.dumps(client().events(waiting.id)["events"])
    other = client(token("agent:other", "propose"))
    for look in (lambda: other.events(waiting.id), lambda: list(other.follow(waiting.id))):
        with pytest.raises(NotFoundError, match="There is no change"):
            look()
    for scopes in (("approve:sre",), ("operate",), ("admin",)):
        with pytest.raises(NotFoundError):
            client(token("human:alice", *scopes)).events(waiting.id)


def test_evidence_and_diffs_are_not_told(client: Client, done: Change) -> None:
    told = json.dumps(client().events(done.id))
    assert "evidence" in told
    assert "workers = 4" not in told


def test_a_number_that_is_none_is_refused(http: httpx2.Client, token: Token, waiting: Change) -> None:
    headers = {"Authorization": f"Bearer {token()}"}
    for after in ("x", "-1", "1.5", "", "1e3", "9" * 40, "\u0663", "1;drop"):
        for path in ("events", "events/stream"):
            reply = http.get(f"/v1/changes/{waiting.id}/{path}", params={"after": after}, headers=headers)
            assert reply.status_code == 422, (after, reply.text)


def test_a_stream_goes_on_from_what_was_heard_last(http: httpx2.Client, token: Token, done: Change, gate: Gate) -> None:
    last = gate.story(done.id)[-2].seq
    headers = {"Authorization": f"Bearer {token()}", "Last-Event-ID": str(last)}
    text = http.get(f"/v1/changes/{done.id}/events/stream?after=0", headers=headers).text
    ids = [line for line in text.splitlines() if line.startswith("id: ")]
    assert ids == [f"id: {gate.story(done.id)[-1].seq}"]
    assert text.endswith('event: end\ndata: {"state": "succeeded"}\n\n')


def test_one_actor_has_so_many_streams_and_others_are_not_kept_out_by_that(
    client: Client, token: Token, waiting: Change, http: httpx2.Client
) -> None:
    headers = {"Authorization": f"Bearer {token()}"}
    path = f"/v1/changes/{waiting.id}/events/stream"
    listening = []
    with ExitStack() as streams:
        for _ in range(PLACES_OF_ONE):
            reply = streams.enter_context(http.stream("GET", path, headers=headers))
            assert reply.status_code == 200
            listening.append(reply.iter_lines())  # kept: one that is let go of closes its connection
            next(listening[-1])
        with pytest.raises(BusyError, match="no place"):
            next(client().follow(waiting.id))
        assert next(client(token("human:alice", "read")).follow(waiting.id))["kind"] == "proposed"
        assert client().events(waiting.id)["events"]
    wait_until_free(client, waiting)


def wait_until_free(client: Client, change: Change) -> None:
    """Places are free again as soon as the server has seen that nobody listens any more."""
    deadline = time.monotonic() + 60
    while True:
        try:
            assert next(client().follow(change.id))["kind"] == "proposed"
        except BusyError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def test_there_are_so_many_places_in_all() -> None:
    places = Places(places=3, of_one=2)
    one, two, three = (Actor(ActorKind.AGENT, name) for name in ("one", "two", "three"))
    for actor in (one, one, two):
        places.take(actor)
    for actor in (one, two, three):
        with pytest.raises(BusyError):
            places.take(actor)
    places.give_back(two)
    places.take(three)
    with pytest.raises(BusyError):
        places.take(two)


def test_a_token_that_is_revoked_hears_no_more(gate: Gate, served: str, waiting: Change) -> None:
    token_id, text = gate.new_token(Actor.parse("agent:planner"), ["propose", "read"], timedelta(hours=1))
    with GateClient(served, text) as speaker:
        events = speaker.follow(waiting.id)
        assert next(events)["kind"] == "proposed"
        gate.revoke_token(token_id)
        with pytest.raises(IdentityError, match="not valid"):
            list(events)


def test_nobody_there_is_an_error_of_the_client() -> None:
    with GateClient("http://127.0.0.1:1", "gate_x") as speaker, pytest.raises(ClientError, match="not answer"):
        next(speaker.follow("chg-1"))
