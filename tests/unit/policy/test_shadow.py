"""A rule that only reports is heard, and decides nothing."""

import json

import pytest

from gate.policy.decision import Decision, Reason, combine, shadows
from gate.policy.language.rule import Leaf, Rule, Verdict
from gate.policy.tools.explain import explain
from gate.values.canonical import canonical
from gate.values.clock import from_stamp

ALWAYS = Leaf(fact="risk", op="ge", value=0)
RULES = {
    rule.id: rule
    for rule in (
        Rule(id="yes", when=ALWAYS, verdict=Verdict.ALLOW, because="Yes.", place="r.yml:1"),
        Rule(id="thought", when=ALWAYS, verdict=Verdict.DENY, because="Hm.", place="r.yml:2", shadow=True),
        Rule(id="wish", when=ALWAYS, verdict=Verdict.ALLOW, because="Oh.", place="r.yml:3", shadow=True),
    )
}


def decided(*ids):
    fired = {"h": tuple(ids)}
    verdict, reasons, approvals = combine(RULES, fired, lambda rule, host: "")
    return Decision(
        verdict=verdict,
        reasons=reasons,
        approvals=approvals,
        generation="sha256:0",
        at=from_stamp("2026-11-23T12:00:00.000000Z"),
        facts={"h": {"risk": 5, "is.0": "yes"}},
        fired=fired,
        shadow=shadows(RULES, fired),
        asked={"is.0": "target fits web-*"},
    )


def test_a_shadow_that_denies_denies_nothing():
    decision = decided("thought", "yes")
    assert decision.verdict is Verdict.ALLOW
    assert [reason.rule for reason in decision.reasons] == ["yes"]
    assert decision.shadow == (Reason(rule="thought", verdict=Verdict.DENY, because="Hm.", hosts=("h",)),)


@pytest.mark.parametrize("ids", [("wish",), ("wish", "thought")])
def test_a_shadow_that_allows_allows_nothing(ids):
    decision = decided(*ids)
    assert decision.verdict is Verdict.DENY
    assert [reason.rule for reason in decision.reasons] == ["gate/default"]
    assert {reason.rule for reason in decision.shadow} == set(ids)


def test_a_decision_keeps_its_shadows_and_words():
    decision = decided("thought", "yes")
    assert Decision.from_json(json.loads(canonical(decision.as_json()))) == decision


def test_people_are_told():
    text = "\n".join(explain(decided("thought", "yes"), tuple(RULES.values())))
    assert "shadow: thought would say deny: Hm." in text
    assert "in the way" not in text
    assert "target fits web-*=yes" in "\n".join(explain(decided("yes")))


def test_a_shadow_is_another_generation(book):
    rule = "- {rule: it, when: {risk: 5}, then: deny, because: x}\n"
    plain, shadow = (book(rule).rules["it"], book(rule.replace("then", "mode: shadow, then")).rules["it"])
    enforced = book(rule.replace("then", "mode: enforce, then")).rules["it"]
    assert plain.as_json() == enforced.as_json() != shadow.as_json()
    assert (plain.shadow, shadow.shadow) == (False, True)
