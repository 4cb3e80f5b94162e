"""Explaining: the reasons, the facts that mattered, and what is missing for a better answer."""

from datetime import UTC, datetime

from gate.policy.decision import Decision, combine
from gate.policy.language.reference import fired
from gate.policy.language.rule import All, AnyOf, Leaf, Not
from gate.policy.tools.explain import explain, unmet

RULES = """
- rule: quiet
  when: {all: [{environment: {in: [dev, test]}}, {risk: {le: 30}}, {not: {actor_kind: agent}}]}
  then: allow
  because: Quiet places.
- rule: far-away
  when: {all: [{environment: lab}, {risk: {le: 3}}, {criticality: none}, {undo: yes}]}
  then: allow
  because: Far away.
- rule: critical
  when: {criticality: high}
  then: deny
  because: Critical.
"""
FACTS = {"environment": "prod", "risk": 20, "criticality": "high", "undo": "no", "actor_kind": "human", "action": "x"}


def explained(book, with_rules=True, more=None, **changed):
    rules = book(RULES).rules
    facts = {"web-01": FACTS | changed}
    ids = {host: tuple(sorted(fired(rules.values(), told))) for host, told in facts.items()}
    verdict, reasons, approvals = combine(rules, ids, lambda rule_id, host: "")
    decision = Decision(
        verdict=verdict,
        reasons=reasons,
        approvals=approvals,
        generation="sha256:0123456789abcdef",
        at=datetime(2026, 11, 23, tzinfo=UTC),
        facts=facts,
        fired=ids,
        **(more or {}),
    )
    return "\n".join(explain(decision, tuple(rules.values()) if with_rules else ()))


def test_a_denial_names_its_rule_its_facts_and_the_nearest_way(book):
    text = explained(book)
    assert text.startswith("Denied")
    assert "deny: critical: Critical. [web-01]" in text
    assert "web-01: criticality=high\n" in text
    assert "in the way: critical" in text
    assert "nearest: quiet" in text
    assert text.endswith("would say allow if environment is one of dev, test (it is prod)")


def test_all_that_is_missing_is_named(book):
    text = explained(book, actor_kind="agent", risk=31, criticality="none")
    assert "gate/default" in text
    assert "environment is one of dev, test (it is prod)" in text
    assert "risk <= 30 (it is 31)" in text
    assert "not (actor_kind is agent)" in text


def test_what_is_allowed_lacks_nothing(book):
    text = explained(book, environment="dev", criticality="none")
    assert text.startswith("Allowed")
    assert "nearest" not in text


def test_a_deny_that_is_a_matter_of_time_says_so(book):
    assert "room:" not in explained(book)
    assert "  room: when others have come to rest; nothing" in explained(book, more={"frees": True})
    at = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
    assert "  room: from 2026-11-23 12:30:00 UTC on" in explained(book, more={"frees": True, "frees_at": at})


def test_without_rules_all_facts_are_shown(book):
    assert "action=x" in explained(book, with_rules=False)


def test_of_an_any_the_shortest_way_is_named():
    one, two, three = (Leaf(fact="risk", op="gt", value=value) for value in (30, 40, 50))
    way = AnyOf((All((one, two)), three))
    assert unmet(way, {"risk": 10}) == ["risk > 50 (it is 10)"]
    assert unmet(Not(way), {"risk": 60}) == ["not (risk > 30 and risk > 40 or risk > 50)"]
