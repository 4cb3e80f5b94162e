"""Going back to earlier rules is on the ledger: who, from what to what, and why. Without an entry nothing goes back."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gate.app import Gate
from gate.cli.main import cli
from gate.identity.scopes import Identity
from gate.ledger.entry import Entry
from gate.values.actor import Actor
from gate.values.errors import DatabaseError, IdentityError, IntentError, NotFoundError, PolicyError

MORE = "- {rule: nothing, when: {risk: {ge: 0}}, then: deny, because: Nothing today.}\n"
WHY = "Nobody could work."


@pytest.fixture
def gate(site: Path) -> Iterator[Gate]:
    with Gate.open(site, works=False) as opened:
        yield opened


@pytest.fixture
def two(gate: Gate, site: Path) -> tuple[str, str]:
    """Two generations; the second one denies everything, and decides now."""
    first = gate.policy.generation
    rules = site / "rules" / "rules.yml"
    rules.write_text(rules.read_text() + MORE)
    return first, gate.policy.generation


def entries(gate: Gate) -> list[Entry]:
    return [entry for entry in gate.entries(100) if entry.kind in ("rules-rolled-back", "trouble")]


def test_it_says_who_from_what_to_what_and_why(gate, site, two, workers):
    first, second = two
    assert gate.roll_back(first[7:19], reason=WHY).generation == first
    (entry,) = entries(gate)
    assert (entry.kind, entry.actor, entry.change_id) == ("rules-rolled-back", str(gate.actor), None)
    assert entry.data == {"from": second, "to": first, "reason": WHY}
    assert gate.policy.generation == first
    assert gate.propose(workers("web-03")).decision["generation"] == first
    report, others = gate.verify()
    assert (report.sound, others) == (True, [])


def test_the_command_wants_a_reason_and_leaves_the_same_entry(gate, site, two):
    def run(*words: str) -> int:
        return CliRunner().invoke(cli, ["-C", str(site), "policy", "rollback", *words], obj=Gate.open).exit_code

    assert run(two[0]) == 2
    assert entries(gate) == []
    assert run(two[0], "--reason", WHY) == 0
    assert [entry.data["reason"] for entry in entries(gate)] == [WHY]


@pytest.mark.parametrize("name", ["0123456789abcdef", "", "abc"])
def test_what_cannot_be_gone_back_to_leaves_no_entry(gate, site, two, name):
    with pytest.raises(NotFoundError):
        gate.roll_back(name, reason=WHY)
    assert entries(gate) == []


def test_a_generation_that_was_tampered_with_is_not_gone_back_to(gate, site, two):
    (gate.archive.get(two[0]).folder / "rules.yml").write_text(MORE.replace("deny", "allow"))
    with pytest.raises(PolicyError, match="not what was archived"):
        gate.roll_back(two[0], reason=WHY)
    assert entries(gate) == []
    assert gate.policy.generation == two[1]


@pytest.mark.parametrize("reason", ["a\nb", "x" * 501, "a\x1b[2Jb"])
def test_a_reason_that_is_no_line_of_text_is_refused(gate, site, two, reason):
    with pytest.raises(IntentError):
        gate.roll_back(two[0], reason=reason)
    assert entries(gate) == []
    assert gate.policy.generation == two[1]


@pytest.mark.parametrize(
    "identity",
    [
        Identity(actor=Actor.parse("human:eve"), scopes=frozenset({"propose", "read", "operate"})),
        Identity(actor=Actor.parse("agent:planner"), scopes=frozenset({"propose"})),
        Identity(actor=Actor.parse("agent:planner"), scopes=frozenset({"admin"})),  # no credential carries this
    ],
)
def test_only_a_person_who_may_goes_back(gate, site, two, identity):
    gate.identity = identity
    with pytest.raises(IdentityError):
        gate.roll_back(two[0], reason=WHY)
    assert entries(gate) == []
    assert gate.policy.generation == two[1]


def test_without_an_entry_nothing_goes_back(gate, site, two):
    before = (site / "rules" / "rules.yml").read_bytes()
    database = sqlite3.connect(site / ".gate" / "gate.db")
    database.execute("CREATE TRIGGER full BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    database.close()
    with pytest.raises(DatabaseError):
        gate.roll_back(two[0], reason=WHY)
    assert (site / "rules" / "rules.yml").read_bytes() == before
    assert gate.policy.generation == two[1]


def test_what_failed_is_said_to_have_failed(gate, site, two):
    (site / f".rules.{os.getpid()}.new").write_text("in the way")
    with pytest.raises(PolicyError, match="could not be replaced"):
        gate.roll_back(two[0], reason=WHY)
    assert [entry.kind for entry in entries(gate)] == ["rules-rolled-back", "trouble"]
    assert entries(gate)[1].data["rollback_to"] == two[0]
    assert gate.policy.generation == two[1]
    assert sorted(path.name for path in (site / "rules").iterdir()) == ["rules.yml"]
