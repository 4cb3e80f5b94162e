from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gate.approval.quorum import Approval, Need, check_approver, missing
from gate.values.actor import Actor, ActorKind
from gate.values.errors import ApprovalError

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ALICE, BOB, CAROL = (Actor(ActorKind.HUMAN, name) for name in ("alice", "bob", "carol"))
AGENT = Actor(ActorKind.AGENT, "planner")
SRE, OPS = Need(group="sre", count=1, expires_s=3600), Need(group="ops", count=1, expires_s=3600)


def yes(approver: Actor, *groups: str, **values: Any) -> Approval:
    given: dict[str, Any] = {
        "binding": "b",
        "at": NOW - timedelta(minutes=1),
        "expires_at": NOW + timedelta(hours=1),
    }
    return Approval(approver=approver, groups=frozenset(groups), **{**given, **values})


def left(needs: list[Need], *given: Approval, now: datetime = NOW) -> list[tuple[str, int]]:
    return [(need.group, need.count) for need in missing(needs, given, "b", now)]


def test_a_requester_cannot_approve() -> None:
    with pytest.raises(ApprovalError, match="themselves"):
        check_approver(ALICE, frozenset({"sre"}), ALICE, [SRE], NOW)


@pytest.mark.parametrize("kind", [ActorKind.AGENT, ActorKind.SCHEDULE])
def test_only_a_human_can_approve(kind: ActorKind) -> None:
    with pytest.raises(ApprovalError, match="Only humans"):
        check_approver(Actor(kind, "alice"), frozenset({"sre"}), BOB, [SRE], NOW)


@pytest.mark.parametrize("groups", [frozenset(), frozenset({"ops"}), frozenset({"SRE"})])
def test_a_stranger_cannot_approve(groups: frozenset[str]) -> None:
    with pytest.raises(ApprovalError, match="needs a yes from sre"):
        check_approver(ALICE, groups, AGENT, [SRE], NOW)


def test_nobody_can_approve_what_needs_no_approval() -> None:
    with pytest.raises(ApprovalError):
        check_approver(ALICE, frozenset({"sre"}), AGENT, [], NOW)


def test_a_member_can_approve() -> None:
    check_approver(ALICE, frozenset({"sre", "ops"}), AGENT, [SRE], NOW)


def test_a_human_may_approve_for_an_agent_of_the_same_name() -> None:
    check_approver(ALICE, frozenset({"sre"}), Actor(ActorKind.AGENT, "alice"), [SRE], NOW)


def test_without_a_yes_all_is_missing() -> None:
    assert left([SRE, OPS]) == [("sre", 1), ("ops", 1)]


def test_all_groups_have_to_say_yes() -> None:
    assert left([SRE, OPS], yes(ALICE, "sre")) == [("ops", 1)]
    assert left([SRE, OPS], yes(ALICE, "sre"), yes(BOB, "ops")) == []


def test_a_member_of_two_groups_speaks_for_both() -> None:
    assert left([SRE, OPS], yes(ALICE, "sre", "ops")) == []


def test_the_same_approver_counts_once() -> None:
    two = Need(group="sre", count=2, expires_s=3600)
    assert left([two], yes(ALICE, "sre"), yes(ALICE, "sre", at=NOW - timedelta(minutes=5))) == [("sre", 1)]
    assert left([two], yes(ALICE, "sre"), yes(BOB, "sre")) == []


def test_a_yes_counts_until_it_expires() -> None:
    given = yes(ALICE, "sre", expires_at=NOW)
    assert left([SRE], given, now=NOW - timedelta(microseconds=1)) == []
    assert left([SRE], given, now=NOW) == [("sre", 1)]


def test_a_yes_of_the_future_does_not_count() -> None:
    assert left([SRE], yes(ALICE, "sre", at=NOW + timedelta(seconds=1))) == [("sre", 1)]


def test_a_yes_to_another_binding_counts_for_nothing() -> None:
    assert left([SRE], yes(ALICE, "sre", binding="other")) == [("sre", 1)]


def test_a_yes_of_a_group_that_was_not_asked_counts_for_nothing() -> None:
    assert left([SRE], yes(CAROL, "ops")) == [("sre", 1)]


def test_no_needs_means_nothing_is_missing() -> None:
    assert left([]) == []


EITHER = Need(group="sre", count=2, expires_s=3600, alternatives=(("security", 1),))
LATE = Need(group="sre", count=2, expires_s=3600, escalates_at=NOW + timedelta(minutes=30), escalate_to="managers")


def test_one_alternative_is_enough() -> None:
    assert left([EITHER]) == [("sre", 2)]
    assert left([EITHER], yes(ALICE, "security")) == []
    assert left([EITHER], yes(ALICE, "sre")) == [("sre", 1)]
    assert left([EITHER], yes(ALICE, "sre"), yes(BOB, "sre")) == []


def test_an_alternative_of_one_need_does_not_meet_another() -> None:
    assert left([EITHER, SRE], yes(ALICE, "security")) == [("sre", 1)]


def test_a_member_of_an_alternative_can_approve() -> None:
    check_approver(CAROL, frozenset({"security"}), AGENT, [EITHER], NOW)


def test_the_escalation_counts_only_when_its_time_has_come() -> None:
    later = NOW + timedelta(minutes=30)
    assert left([LATE], yes(ALICE, "managers")) == [("sre", 2)]
    assert left([LATE], yes(ALICE, "managers"), now=later) == []
    with pytest.raises(ApprovalError, match="needs a yes from sre"):
        check_approver(ALICE, frozenset({"managers"}), AGENT, [LATE], NOW)
    check_approver(ALICE, frozenset({"managers"}), AGENT, [LATE], later)
