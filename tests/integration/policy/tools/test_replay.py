"""Every decision of a ledger can be made again from what is recorded; one that was changed is named."""

import json
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from gate.app import Gate
from gate.identity.scopes import Identity
from gate.ledger import store
from gate.ledger.entry import Entry
from gate.policy.policy import Policy
from gate.policy.tools.recorded import records
from gate.policy.tools.replay import replay
from gate.values.actor import Actor

MORE = '- {rule: no, when: {param.value: {matches: "9+"}}, then: deny, because: No nines.}\n'


@pytest.fixture
def gate(site) -> Iterator[Gate]:
    """The site, by a process that leaves all runs to another."""
    with Gate.open(site, works=False) as opened:
        yield opened


@pytest.fixture
def story(gate: Gate, site, workers) -> list[Entry]:
    """Three decisions by two generations: one runs or waits to, one is denied, one waits for people."""
    agent = Identity(actor=Actor.parse("agent:planner"), scopes=frozenset({"propose"}))
    ask = partial(gate.propose_for, agent)
    ask(workers("web-03"))
    rules = site / "rules" / "rules.yml"
    rules.write_text(rules.read_text() + MORE)
    ask(workers("web-03", value="99"))
    ask(workers("web-01"))
    with gate.database.read() as connection:
        return [Entry.parse(body) for _, body, _ in store.bodies(connection)]


@pytest.fixture
def again(gate: Gate) -> Callable:
    def of(entries):
        return replay(records(entries), lambda name: Policy.load(gate.archive.get(name).folder))

    return of


def test_all_decisions_agree(story, again):
    found = again(story)
    assert found.disagreements == ()
    assert found.agreed == 3
    assert found.not_by_rules == 0
    assert len({record.decision.generation for record in records(story)}) == 2


def tampered(story, change):
    """The story with one thing changed in its second decision."""
    raw = [json.loads(entry.body()) for entry in story]
    second = [entry for entry in raw if entry["kind"] == "decided"][1]
    change(second["data"]["decision"])
    return second["seq"], [Entry(**entry) for entry in raw]


def facts(decision):
    return next(iter(decision["facts"].values()))


CHANGES = {
    "verdict": lambda one: one.update(verdict="allow"),
    "fired": lambda one: one["fired"].update({"web-03": ["staging"]}),
    "an answer": lambda one: facts(one).update({name: "no" for name in facts(one) if name.startswith("is.")}),
    "a missing fact": lambda one: facts(one).pop("risk"),
    "a fact too many": lambda one: facts(one).update(more="x"),
    "a fact of another type": lambda one: facts(one).update(risk="20"),
    "reasons": lambda one: one.update(reasons=one["reasons"][:1]),
    "approvals": lambda one: one.update(approvals=[{"group": "ops", "count": 1, "expires_s": 60}]),
    "the words of a reason": lambda one: one["reasons"][0].update(because="Somebody said so."),
    "the words of a question": lambda one: one["asked"].update(dict.fromkeys(one["asked"], "something else")),
    "a shadow": lambda one: one.update(shadow=[{**one["reasons"][0], "verdict": "deny"}]),
    "a part of the risk": lambda one: one["risk"]["web-03"][0].update(points=99),
    "generation": lambda one: one.update(generation="sha256:" + "0" * 64),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_decision_that_was_changed_is_named(story, again, change):
    seq, entries = tampered(story, change)
    found = again(entries)
    assert {one.seq for one in found.disagreements} == {seq}
    assert found.agreed == 2


def test_an_archive_that_was_changed_is_named(story, again, gate):
    kept = gate.archive.get(gate.policy.generation)
    (kept.folder / "rules.yml").write_text("- {rule: any, when: {risk: {ge: 0}}, then: allow, because: x}\n")
    found = again(story)
    assert len(found.disagreements) == 2
    assert "not what was archived" in found.disagreements[0].what


def test_a_deny_for_the_engines_trouble_is_counted_apart(story, again):
    trouble = {"rule": "gate/engine", "verdict": "deny", "because": "x", "hosts": ["web-03"]}
    _, entries = tampered(story, lambda one: one.update(verdict="deny", reasons=[trouble], facts={}, fired={}))
    found = again(entries)
    assert (found.agreed, found.not_by_rules, found.disagreements) == (2, 1, ())
    _, entries = tampered(story, lambda one: one.update(verdict="allow", reasons=[trouble], facts={}, fired={}))
    assert len(again(entries).disagreements) == 1
