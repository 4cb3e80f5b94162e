"""Whole decisions: windows, limits, precedence, loading, and the rules that come with the gate."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gate.policy.decision import Decision, Verdict
from gate.policy.engine import evaluator
from gate.policy.policy import Policy
from gate.policy.question import History, Host, Past
from gate.policy.tools.explain import explain
from gate.values.actor import Actor
from gate.values.canonical import canonical
from gate.values.errors import PolicyError

SHIPPED = Path(__file__).parents[3] / "rules"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday
ALLOW, ASK, DENY = Verdict.ALLOW, Verdict.NEEDS_APPROVAL, Verdict.DENY
ANY = "- {rule: any, when: {risk: {ge: 0}}, then: allow, because: Anything.}\n"
NIGHTS = (
    "- {window: nights, kind: allow, cron: '0 22 * * *', duration: 4h, zone: Europe/Berlin, "
    "applies: {environments: [prod]}}\n"
)
FREEZE = "- {window: freeze, kind: freeze, cron: '0 0 24 dec *', duration: 3d, zone: UTC, because: Holidays.}\n"


def rules_of(decision: Decision) -> list[str]:
    return [reason.rule for reason in decision.reasons]


def test_a_change_that_is_early_is_decided_by_the_other_rules_and_waits(load, ask):
    made = load(ANY, NIGHTS)
    early = ask(made)
    assert (early.verdict, rules_of(early)) == (ALLOW, ["any", "window/early"])
    assert early.opens_at == NOON.replace(hour=21)
    assert early.reasons[1].because.endswith(
        "It waits until Mon 2026-11-23 22:00 Europe/Berlin (2026-11-23 21:00 UTC); in its way: nights."
    )
    assert ask(made, now=early.opens_at).opens_at is None
    assert ask(load(ANY.replace("allow", "deny"), NIGHTS)).verdict is DENY
    asked = ask(load(ANY.replace("then: allow", "then: {needs_approval: {from: sre}}"), NIGHTS))
    assert (asked.verdict, asked.opens_at, len(asked.approvals)) == (ASK, early.opens_at, 1)


def test_to_wait_is_no_permission(load, ask):
    nothing_said = ask(load(ANY.replace("ge: 0", "ge: 99"), NIGHTS))
    assert (nothing_said.verdict, rules_of(nothing_said)) == (DENY, ["gate/default", "window/early"])


def test_a_change_starts_only_where_it_can_end_within_its_window(load, ask):
    made = load(ANY, NIGHTS)
    assert ask(made, now=NOON.replace(hour=22), timeout_s=3 * 3600).opens_at is None
    late = ask(made, now=NOON.replace(hour=22, minute=1), timeout_s=3 * 3600)
    assert (late.verdict, late.opens_at) == (ALLOW, NOON.replace(day=24, hour=21))
    denied = ask(load(ANY, NIGHTS.replace("}}", "}, early: deny}")), now=late.at, timeout_s=3 * 3600)
    assert (denied.verdict, rules_of(denied)) == (DENY, ["window/closed", "any"])
    assert "It may take 10800 s, and that much is not left." in denied.reasons[0].because
    never = ask(made, now=NOON.replace(hour=22), timeout_s=5 * 3600)
    assert (never.verdict, rules_of(never), never.opens_at) == (DENY, ["window/closed", "any"], None)


def test_what_a_closed_entry_covers_is_open_in_windows_only(load, ask):
    shut = "- {closed: prod-is-closed, applies: {environments: [prod]}}\n"
    never = ask(load(ANY, shut))
    assert (never.verdict, rules_of(never)) == (DENY, ["window/closed", "any"])
    assert ask(load(ANY, shut), environment="dev").verdict is ALLOW
    web = NIGHTS.replace("environments: [prod]", "groups: [web]")
    assert ask(load(ANY, shut + web)).opens_at == NOON.replace(hour=21)
    assert ask(load(ANY, shut + web), groups=frozenset()).verdict is DENY
    assert ask(load(ANY, shut + web), environment="dev").opens_at == NOON.replace(hour=21)


def test_a_freeze_that_says_so_lets_changes_wait_until_it_is_over(load, ask):
    during = datetime(2026, 12, 25, 11, 30, tzinfo=UTC)
    waits = ask(load(ANY, FREEZE.replace("}", ", early: wait}")), now=during)
    assert (waits.verdict, waits.opens_at) == (ALLOW, datetime(2026, 12, 27, tzinfo=UTC))
    assert rules_of(waits) == ["any", "window/early"]
    both = load(ANY, NIGHTS + FREEZE.replace("}", ", early: wait}"))
    assert ask(both, now=during).opens_at == datetime(2026, 12, 27, tzinfo=UTC)  # in the last hour of a night
    assert ask(both, now=during, timeout_s=3601).opens_at == datetime(2026, 12, 27, 21, tzinfo=UTC)
    mixed = ask(load(ANY, NIGHTS + FREEZE), now=during)
    assert (mixed.verdict, rules_of(mixed)) == (DENY, ["window/closed", "window/freeze", "any"])


def test_all_hosts_of_a_change_wait_for_one_moment(load, ask):
    days = NIGHTS.replace("nights", "days").replace("0 22", "0 23").replace("prod", "dev")
    hosts = tuple(Host(name=env, groups=frozenset(), environment=env) for env in ("prod", "dev", "lab"))
    made = load(ANY, NIGHTS + days)
    assert ask(made, hosts=hosts).opens_at == NOON.replace(hour=22)
    never = ask(load(ANY, NIGHTS + days.replace("0 23", "0 5")), hosts=hosts)
    assert (never.verdict, never.opens_at) == (DENY, None)
    assert never.reasons[0].hosts == ("prod", "dev")


def test_every_edit_of_a_calendar_is_a_new_generation(tmp_path):
    event = (
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART:20260105T220000Z\nDURATION:PT4H\n%sEND:VEVENT\nEND:VCALENDAR\n"
    )
    (tmp_path / "rules.yml").write_text(ANY)
    (tmp_path / "windows.yml").write_text("- {window: team, kind: allow, ics: team.ics, zone: UTC}\n")
    seen = set()
    for more in ("", "SUMMARY:x\n", "RRULE:FREQ=DAILY\n"):
        (tmp_path / "team.ics").write_text(event % more)
        with Policy.load(tmp_path) as made:
            seen.add(made.generation)
    assert len(seen) == 3


def test_outside_of_its_windows_a_host_can_be_closed_and_the_next_opening_is_said(load, ask):
    made = load(ANY, NIGHTS.replace("}}", "}, early: deny}"))
    closed = ask(made)
    assert (closed.verdict, rules_of(closed)) == (DENY, ["window/closed", "any"])
    assert "nights, Mon 2026-11-23 22:00 Europe/Berlin (2026-11-23 21:00 UTC)" in closed.reasons[0].because
    assert ask(made, now=NOON.replace(hour=21)).verdict is ALLOW
    assert ask(made, environment="dev").verdict is ALLOW


def test_one_open_window_is_enough_and_a_freeze_beats_it(load, ask):
    noons = NIGHTS.replace("nights", "noons").replace("0 22", "0 12").replace("4h", "2h")
    assert ask(load(ANY, NIGHTS + noons)).verdict is ALLOW
    frozen = ask(load(ANY, NIGHTS + noons + FREEZE), now=datetime(2026, 12, 25, 11, 30, tzinfo=UTC))
    assert (frozen.verdict, rules_of(frozen)) == (DENY, ["window/freeze", "any"])
    assert frozen.reasons[0].because == "Holidays. It lasts until Sun 2026-12-27 00:00 UTC."


def test_a_rule_can_ask_for_a_window_of_its_own(load, ask):
    rule = "- {rule: nightly, when: {window.nights: open}, then: allow, because: At night.}\n"
    made = load(rule, NIGHTS)
    assert ask(made, now=NOON.replace(hour=22)).verdict is ALLOW
    assert ask(made, environment="dev").verdict is DENY


def test_a_limit_denies_the_one_that_is_too_many_until_the_first_is_old_enough(load, ask):
    made = load(ANY, limits="- {limit: slow, at_most: 2, per: 1h, by: [actor], applies: {actor_kinds: [agent]}}\n")
    assert made.horizon == timedelta(hours=1)
    changes = tuple(
        Past(at=NOON - timedelta(minutes=ago), actor="agent:planner", action="x", hosts=("y",)) for ago in (59, 10)
    )
    late = ask(made, history=History(changes=changes))
    assert (late.verdict, rules_of(late)) == (DENY, ["limit/slow", "any"])
    assert "2 of 2 are used; the next is possible at 2026-11-23 12:01:00 UTC" in late.reasons[0].because
    assert ask(made, history=History(changes=changes), now=NOON + timedelta(minutes=1)).verdict is ALLOW
    assert ask(made, history=History(changes=changes[:1])).verdict is ALLOW
    assert ask(made, history=History(changes=changes), actor=Actor.parse("human:ann")).verdict is ALLOW


def test_undo_can_be_exempt_from_windows_and_limits(load, ask):
    exempt = ", undo: exempt}"
    limit = "- {limit: slow, at_most: 1, per: 1h, by: [target]}\n"
    history = History(changes=(Past(at=NOON, actor="human:ann", action="x", hosts=("web-01",)),))
    counts = ask(load(ANY, NIGHTS, limit), history=history, undo=True)
    assert rules_of(counts) == ["limit/slow", "any", "window/early"]
    made = load(ANY, NIGHTS.replace("}}", "}" + exempt), limit.replace("}", exempt))
    assert ask(made, history=history, undo=True).verdict is ALLOW
    assert rules_of(ask(made, history=history)) == ["limit/slow", "any", "window/early"]


def test_the_strictest_host_decides_and_reasons_name_their_hosts(load, ask):
    made = load(
        "- {rule: dev, when: {environment: dev}, then: allow, because: x}\n"
        "- {rule: prod, when: {environment: prod}, then: {needs_approval: {from: sre}}, because: x}\n"
    )
    hosts = tuple(
        Host(name=f"h{n}", groups=frozenset(), environment=env) for n, env in enumerate(["dev", "prod", "dev"])
    )
    mixed = ask(made, hosts=hosts)
    assert (mixed.verdict, [(one.rule, one.hosts) for one in mixed.reasons]) == (
        ASK,
        [("prod", ("h1",)), ("dev", ("h0", "h2"))],
    )
    assert mixed.approvals[0].group == "sre"
    unknown = ask(made, hosts=(*hosts, Host(name="h9", groups=frozenset())))
    assert (unknown.verdict, unknown.reasons[0].rule, unknown.approvals) == (DENY, "gate/default", ())
    assert ask(made, hosts=()).verdict is DENY


def test_a_decision_can_be_stored_and_read_again(load, ask):
    decision = ask(load(ANY, NIGHTS + FREEZE))
    assert Decision.from_json(json.loads(canonical(decision.as_json()))) == decision


def test_the_generation_changes_with_every_part_and_with_nothing_else(load):
    same = {load(ANY, NIGHTS).generation, load("# a remark\n" + ANY, NIGHTS).generation}
    other = {
        load(ANY).generation,
        load(ANY.replace("allow", "deny"), NIGHTS).generation,
        load(ANY.replace("ge: 0", "ge: 1"), NIGHTS).generation,
        load(ANY, NIGHTS.replace("4h", "5h")).generation,
        load(ANY, NIGHTS.replace("prod", "dev")).generation,
        load(ANY, NIGHTS.replace("Berlin", "Paris")).generation,
        load(ANY, NIGHTS, "- {limit: slow, at_most: 2, per: 1h, by: [actor]}\n").generation,
        load(ANY, NIGHTS, "- {limit: slow, at_most: 3, per: 1h, by: [actor]}\n").generation,
    }
    assert len(same) == 1
    assert len(other - same) == 8


def test_a_time_without_a_zone_is_refused(load, ask):
    with pytest.raises(ValueError, match="aware"):
        ask(load(ANY), now=NOON.replace(tzinfo=None))


def test_rules_on_which_engine_and_reference_differ_are_not_loaded(tmp_path, monkeypatch):
    (tmp_path / "rules.yml").write_text(ANY)
    monkeypatch.setattr("gate.policy.language.reference.holds", lambda condition, facts: False)
    with pytest.raises(PolicyError, match="disagree"):
        Policy.load(tmp_path)


def test_an_engine_that_does_not_start_refuses_the_rules(tmp_path, monkeypatch):
    (tmp_path / "rules.yml").write_text(ANY)
    monkeypatch.setattr(evaluator, "START_S", 0.0)
    with pytest.raises(PolicyError, match="in time"):
        Policy.load(tmp_path)


@pytest.fixture(scope="module")
def shipped():
    with Policy.load(SHIPPED) as policy:
        yield policy


AGENT, PERSON = Actor.parse("agent:planner"), Actor.parse("human:ann")


@pytest.mark.parametrize(
    ("changed", "verdict", "rule"),
    [
        ({"environment": "staging"}, ALLOW, "low-risk-outside-production"),
        ({"environment": "dev", "risk": 31}, ASK, "riskier-outside-production"),
        ({"environment": "dev", "reversibility": "partial"}, ASK, "riskier-outside-production"),
        ({"environment": "dev", "criticality": "high"}, ASK, "agents-ask-for-critical-hosts"),
        ({"environment": "dev", "criticality": "high", "actor": PERSON}, ALLOW, "low-risk-outside-production"),
        ({"environment": "prod"}, ASK, "production-needs-sre"),
        ({"environment": "prod", "actor": PERSON}, ASK, "production-needs-sre"),
        ({"environment": "prod", "risk": 50}, ASK, "two-people-for-risky-production"),
        ({"environment": "prod", "reversibility": "none"}, DENY, "agents-change-production-reversibly"),
        ({"environment": "prod", "criticality": "high"}, ASK, "window/early"),
        ({"environment": "prod", "criticality": "high", "undo": True, "actor": PERSON}, ALLOW, "people-may-take-back"),
        ({"environment": "prod", "undo": True}, ASK, "agents-undo-in-production-with-sre"),
        ({"environment": "prod", "now": datetime(2026, 12, 24, tzinfo=UTC)}, DENY, "window/year-end-freeze"),
        ({"environment": "none"}, DENY, "the-environment-has-to-be-known"),
        ({"environment": "lab"}, DENY, "gate/default"),
        ({"environment": "lab", "actor": PERSON}, DENY, "gate/default"),
    ],
)
def test_the_shipped_rules_say_what_they_mean(shipped, ask, changed, verdict, rule):
    decision = ask(shipped, **changed)
    assert decision.verdict is verdict, explain(decision, shipped.rules)
    assert rule in rules_of(decision)


def test_the_shipped_rules_ask_two_people_for_risky_production(shipped, ask):
    approvals = ask(shipped, risk=50).approvals
    assert [(need.group, need.count) for need in approvals] == [("sre", 2)]


def test_the_shipped_rules_bound_what_an_agent_does(shipped, ask):
    hosts = tuple(Host(name=f"h{n}", groups=frozenset(), environment="dev") for n in range(26))
    assert "agents-touch-few-hosts-at-once" in rules_of(ask(shipped, hosts=hosts))
    busy = tuple(Past(at=NOON, actor="agent:planner", action="x", hosts=(f"y{n}",)) for n in range(20))
    assert "limit/agents-per-hour" in rules_of(ask(shipped, environment="dev", history=History(changes=busy)))
    again = tuple(dataclasses.replace(busy[0], action="restart_service", hosts=("web-01",)) for _ in range(5))
    assert "limit/same-change-on-a-host" in rules_of(ask(shipped, environment="dev", history=History(changes=again)))
