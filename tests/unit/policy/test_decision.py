"""Combining: deny beats approval beats allow, nothing said is a deny, the strictest host decides."""

import dataclasses
import json
from datetime import UTC, datetime
from itertools import permutations

import pytest

from gate.policy.decision import Decision, Reason, combine
from gate.policy.language.rule import Leaf, Requirement, Rule, Verdict
from gate.values.canonical import canonical
from gate.values.errors import PolicyError

ALLOW, ASK, DENY = Verdict.ALLOW, Verdict.NEEDS_APPROVAL, Verdict.DENY


def rule(name, verdict, group="", count=1, expires_s=60):
    return Rule(
        id=name,
        when=Leaf(fact="risk", op="ge", value=0),
        verdict=verdict,
        requirement=Requirement(group=group, count=count, expires_s=expires_s) if group else None,
        because=f"{name} says so.",
        place="r.yml:1",
    )


RULES = {
    made.id: made
    for made in (
        rule("yes", ALLOW),
        rule("no", DENY),
        rule("sre-1", ASK, "sre", 1, 60),
        rule("sre-2", ASK, "sre", 2, 600),
        rule("dba", ASK, "dba"),
    )
}


def said(fired):
    return combine(RULES, fired, lambda rule_id, host: "")


@pytest.mark.parametrize(
    ("ids", "verdict"),
    [
        ((), DENY),
        (("yes",), ALLOW),
        (("sre-1",), ASK),
        (("yes", "sre-1"), ASK),
        (("yes", "no"), DENY),
        (("no", "sre-1"), DENY),
        (("yes", "no", "sre-1"), DENY),
    ],
)
def test_deny_beats_approval_beats_allow_in_any_order(ids, verdict):
    assert {said({"a": order})[0] for order in permutations(ids)} == {verdict}


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        (("yes",), ("yes",), ALLOW),
        (("yes",), ("sre-1",), ASK),
        (("yes",), ("no",), DENY),
        (("yes",), (), DENY),
        (("sre-1",), (), DENY),
    ],
)
def test_the_strictest_host_decides_for_all(one, other, verdict):
    assert said({"a": one, "b": other})[0] is verdict
    assert said({"b": other, "a": one})[0] is verdict


def test_no_host_at_all_is_a_deny():
    verdict, reasons, _ = said({})
    assert verdict is DENY
    assert [reason.rule for reason in reasons] == ["gate/default"]


def test_a_host_of_which_nothing_is_said_is_named():
    _, reasons, _ = said({"a": ("yes",), "b": (), "c": ()})
    assert (reasons[0].rule, reasons[0].hosts) == ("gate/default", ("b", "c"))
    assert (reasons[1].rule, reasons[1].hosts) == ("yes", ("a",))


def test_all_approvals_are_needed_and_one_group_needs_the_most_people_in_the_shortest_time():
    _, _, approvals = said({"a": ("sre-1", "dba"), "b": ("sre-2",)})
    assert approvals == (
        Requirement(group="dba", count=1, expires_s=60),
        Requirement(group="sre", count=2, expires_s=60),
    )


def test_a_deny_asks_nobody_for_approval():
    assert said({"a": ("sre-1",), "b": ("no",)})[2] == ()


def test_hosts_with_the_same_reason_share_it_and_others_do_not():
    _, reasons, _ = combine(RULES, dict.fromkeys("abc", ("no",)), lambda rule_id, host: "2 of 2" * (host == "b"))
    assert [(reason.because, reason.hosts) for reason in reasons] == [
        ("no says so.", ("a", "c")),
        ("no says so. 2 of 2", ("b",)),
    ]


def decision():
    return Decision(
        verdict=ASK,
        reasons=(Reason(rule="sre-1", verdict=ASK, because="x", hosts=("a",)),),
        approvals=(Requirement(group="sre", count=1, expires_s=60),),
        generation="sha256:00",
        at=datetime(2026, 11, 23, 12, 0, 0, 5, tzinfo=UTC),
        facts={"a": {"risk": 5, "action": "x"}},
        fired={"a": ("sre-1",)},
    )


@pytest.mark.parametrize("more", [{}, {"frees": True}, {"frees": True, "frees_at": datetime(2026, 11, 24, tzinfo=UTC)}])
def test_a_decision_survives_canonical_json(more):
    made = dataclasses.replace(decision(), **more)
    assert Decision.from_json(json.loads(canonical(made.as_json()))) == made


@pytest.mark.parametrize("key", list(decision().as_json()))
def test_what_lacks_a_part_is_no_decision(key):
    raw = decision().as_json()
    del raw[key]
    with pytest.raises(PolicyError, match="no decision"):
        Decision.from_json(raw)


def test_an_unknown_verdict_is_no_decision():
    with pytest.raises(PolicyError, match="no decision"):
        Decision.from_json(decision().as_json() | {"verdict": "permit"})
