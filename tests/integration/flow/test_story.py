"""The story of a change with the real engine, the real Ansible and a real database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gate.app import Gate
from gate.changes.model import Change, State, WaitingFor
from gate.flow.approve import approve, reject
from gate.intent import Intent
from gate.values.actor import Actor, ActorKind
from gate.values.errors import ApprovalError, GateError, IntentError, StateError, UndoError

Wish = Callable[..., Intent]
File = Callable[..., Path]
Ask = Callable[..., Change]
AGENT = Actor(ActorKind.AGENT, "planner")
ALICE = Actor(ActorKind.HUMAN, "alice")
OLGA = Actor(ActorKind.HUMAN, "olga")


def kinds(gate: Gate, change_id: str) -> list[str]:
    return [entry.kind for entry in gate.story(change_id) if entry.kind != "progress"]


def test_an_allowed_change_is_done_and_undone_to_the_byte(gate: Gate, ask: Ask, workers: Wish, app_ini: File) -> None:
    before = app_ini("web-03").read_bytes()
    change = gate.wait(ask(workers("web-03")).id, 60)
    assert change.state is State.SUCCEEDED
    assert "workers = 8" in app_ini("web-03").read_text()
    assert kinds(gate, change.id) == [
        *("proposed", "decided", "started", "warrant", "evidence", "run"),
        *("warrant", "run", "succeeded"),
    ]
    undo = gate.wait(gate.undo(change.id).id, 60)
    assert undo.state is State.SUCCEEDED
    assert gate.change(change.id).state is State.UNDONE
    assert app_ini("web-03").read_bytes() == before
    assert kinds(gate, change.id)[-2:] == ["undoing", "undone"]
    with pytest.raises(UndoError, match="undone already"):
        gate.undo(change.id)
    with pytest.raises(UndoError, match="undo itself"):
        gate.undo(undo.id)
    report, others = gate.verify()
    assert report.sound
    assert others == []
    assert report.signed == report.size - 2  # the two refusals came after


def test_a_denied_change_is_a_change_with_reasons_that_runs_nothing(gate: Gate, ask: Ask, workers: Wish) -> None:
    change = ask(workers("db-01"))
    assert change.state is State.DENIED
    assert "not-on-db-01" in str(change.decision)
    assert gate.runs(change.id) == []
    assert kinds(gate, change.id) == ["proposed", "decided"]


def test_one_denied_host_denies_the_whole_change(gate: Gate, ask: Ask, workers: Wish, app_ini: File) -> None:
    assert ask(workers("web-03", "db-01")).state is State.DENIED


def test_a_change_that_needs_approval_runs_after_a_yes_to_what_was_shown(
    gate: Gate, ask: Ask, workers: Wish, app_ini: File
) -> None:
    change = ask(workers("web-01"))
    assert (change.state, change.waiting_for) == (State.WAITING, WaitingFor.APPROVAL)
    with pytest.raises(ApprovalError, match="preview"):
        gate.approve(change.id, binding=change.binding)
    unseen = change.binding
    change = gate.wait(change.id, 60)
    assert change.preview is not None
    assert "workers = 4" in app_ini("web-01").read_text()  # a preview changes nothing
    card = gate.card(change.id)
    assert card.preview is not None
    assert "workers = 8" in str(card.preview["diff"])
    assert [(need["group"], need["count"]) for need in card.missing] == [("sre", 1)]

    for actor, why in ((AGENT, "Only humans"), (OLGA, "needs a yes from sre")):
        with pytest.raises(ApprovalError, match=why):
            approve(gate.site, change.id, actor, binding=card.binding)
    with pytest.raises(ApprovalError, match="no longer what would run"):
        gate.approve(change.id, binding=unseen)
    assert kinds(gate, change.id).count("approval-refused") == 4
    assert gate.change(change.id).state is State.WAITING

    assert gate.approve(change.id, binding=card.binding, comment="Fine.").state is State.READY
    change = gate.wait(change.id, 60)
    assert change.state is State.SUCCEEDED
    assert "workers = 8" in app_ini("web-01").read_text()
    with pytest.raises(StateError):
        gate.approve(change.id, binding=card.binding)


def test_a_requester_cannot_approve_but_can_withdraw(gate: Gate, ask: Ask, workers: Wish) -> None:
    change = gate.wait(gate.propose(workers("web-01")).id, 60)
    with pytest.raises(ApprovalError, match="themselves"):
        gate.approve(change.id, binding=change.binding)
    assert gate.reject(change.id, reason="Changed my mind.").state is State.WITHDRAWN
    with pytest.raises(StateError):
        approve(gate.site, change.id, ALICE, binding=change.binding)


def test_a_no_of_an_approver_ends_it_and_that_of_others_does_not(gate: Gate, ask: Ask, workers: Wish) -> None:
    change = gate.wait(ask(workers("web-01")).id, 60)
    with pytest.raises(ApprovalError):
        reject(gate.site, change.id, OLGA, reason="No.")
    with pytest.raises(ApprovalError):
        reject(gate.site, change.id, Actor(ActorKind.AGENT, "other"), reason="No.")
    assert reject(gate.site, change.id, ALICE, reason="No.").state is State.DENIED
    assert gate.runs(change.id)[-1]["phase"] == "check"


def test_the_same_key_makes_one_change(gate: Gate, ask: Ask, workers: Wish) -> None:
    one = ask(workers("db-01"), key="k")
    assert ask(workers("db-01"), key="k").id == one.id
    assert ask(workers("db-01"), ALICE, key="k").id != one.id
    with pytest.raises(StateError, match="another intent"):
        ask(workers("db-01", value="9"), key="k")
    assert len(gate.changes()) == 2


@pytest.mark.parametrize(
    "wish",
    [
        {"action": "set_config_value", "targets": ["web-03"], "parameters": {"value": "{{ canary }}"}},
        {"action": "set_config_value", "targets": ["canary*"], "parameters": {}},
        {"action": "set_config_value", "targets": ["web-03"], "parameters": {}, "canary": 1},
        {"action": "canary", "targets": ["web-03"], "parameters": {}},
        {"action": "set_config_value", "targets": ["canary"], "parameters": {}},
        ["canary", float("nan"), "\ud800"],
    ],
)
def test_a_refused_wish_is_on_the_ledger_by_its_digest(gate: Gate, ask: Ask, wish: object) -> None:
    with pytest.raises(GateError):
        ask(wish)
    entry = gate.entries(1)[0]
    assert (entry.kind, entry.actor) == ("refused", "agent:planner")
    assert entry.data["wish"].startswith("hmac-sha256:")  # keyed: what was refused may be a secret
    assert gate.changes() == []
    assert gate.verify()[0].sound


def test_the_hostile_value_of_a_refused_wish_is_not_on_the_ledger(gate: Gate, ask: Ask, workers: Wish) -> None:
    wish = workers("web-03").as_json()
    wish["parameters"]["value"] = "canary-5a {{ lookup('pipe', 'id') }}"
    with pytest.raises(IntentError):
        ask(wish)
    wish["parameters"]["value"] = "canary-5a $(id)"
    with pytest.raises(GateError):
        ask(wish)
    assert "canary-5a" not in " ".join(entry.body() for entry in gate.entries(10))


def test_a_parameter_that_is_not_of_the_action_is_refused(gate: Gate, ask: Ask, workers: Wish) -> None:
    wish = workers("web-03").as_json()
    wish["parameters"]["become"] = True
    with pytest.raises(IntentError, match="become"):
        ask(wish)
