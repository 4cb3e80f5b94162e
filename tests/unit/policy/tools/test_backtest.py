"""Past decisions under other rules: what would change is found, what cannot be known is not guessed."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gate.policy.decision import Decision, combine
from gate.policy.facts import situation
from gate.policy.language.reference import fired
from gate.policy.language.rule import All, AnyOf, Leaf, Not, Requirement, Verdict
from gate.policy.question import History, Host, Question
from gate.policy.tables.reading import read_tables
from gate.policy.tools.backtest import backtest, decide_again, truth
from gate.policy.tools.difference import case_changes, edits, past_changes
from gate.policy.tools.outcome import Outcome, Undecided, is_looser
from gate.policy.tools.recorded import records
from gate.values.actor import Actor
from gate.values.clock import stamp

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
OLD = """\
- {rule: free, when: {all: [{environment: dev}, {risk: {le: 30}}]}, then: allow, because: Free.}
- {rule: ask, when: {environment: prod}, then: {needs_approval: {from: sre}}, because: Ask.}
- {rule: never, when: {group.db: yes}, then: deny, because: Never.}
"""


@dataclass
class Entry:
    seq: int
    kind: str
    data: dict[str, Any] = field(default_factory=dict)
    change_id: str | None = "chg-1"
    at: str = stamp(NOON)
    actor: str = "agent:planner"


def entries(book, asked, at=NOON, name="chg-1", seq=1, parameters=None, **proposed):
    """What the ledger says of one proposal that `book` decided."""
    facts = situation(book, asked, History(), at).facts
    said = {host: tuple(sorted(fired(book.rules.values(), told))) for host, told in facts.items()}
    verdict, reasons, approvals = combine(book.rules, said, lambda _rule, _host: "")
    decision = Decision(
        verdict=verdict,
        reasons=reasons,
        approvals=approvals,
        generation="sha256:old",
        at=at,
        facts=facts,
        fired=said,
    )
    hosts = [host.name for host in asked.hosts]
    about = {"intent": {"action": asked.action}, "parameters": parameters or {}, "hosts": hosts, "undo_of": None}
    state = {"allow": "ready", "deny": "denied"}.get(verdict.value, "waiting")
    return [
        Entry(seq, "proposed", about | proposed, name, stamp(at), str(asked.actor)),
        Entry(seq + 1, "decided", {"decision": decision.as_json(), "state": state}, name, stamp(at), "gate"),
    ]


def question(environment="dev", groups=(), action="edit", actor="agent:planner", **more):
    host = Host(name="h", groups=frozenset(groups), environment=environment)
    return Question(
        action=action,
        risk=30,
        reversibility="full",
        check="full",
        certified=False,
        actor=Actor.parse(actor),
        hosts=(host,),
        **more,
    )


@pytest.fixture
def again(tmp_path, book):
    """Decides a question by the old rules, and again by others."""

    def of(new, asked=None, windows="", limits="", **recorded):
        old = book(OLD)
        (record,) = records(entries(old, asked or question(), **recorded))
        return decide_again(book(new, windows, limits), record, old)

    return of


def test_the_same_rules_say_the_same(book):
    old = book(OLD)
    story = [
        entry
        for number, asked in enumerate((question(), question("prod"), question("dev", ["db"]), question("lab")))
        for entry in entries(old, asked, name=f"chg-{number}")
    ]
    result = backtest(old, records(story), {"sha256:old": old})
    assert (result.compared, result.differences, result.undecided) == (4, (), ())


def test_what_would_be_let_through_comes_first(book):
    old = book(OLD)
    story = []
    for number, asked in enumerate((question(), question("prod"), question("dev", ["db"]))):
        story += entries(old, asked, name=f"chg-{number}", seq=2 * number + 1)
    new = book("- {rule: free, when: {any: [{environment: prod}, {group.db: yes}]}, then: allow, because: Free.}\n")
    result = backtest(new, records(story), {"sha256:old": old})
    assert [(one.record.change_id, one.step, one.looser) for one in result.differences] == [
        ("chg-2", "deny -> allow", True),
        ("chg-1", "needs_approval -> allow", True),
        ("chg-0", "allow -> deny", False),
    ]
    assert len(result.looser) == 2


def test_a_parameter_is_known_from_the_proposal(again):
    new = "- {rule: it, when: {param.path: {glob: '/etc/*'}}, then: allow, because: x}\n"
    assert again(new, parameters={"path": "/etc/x"}).verdict is Verdict.ALLOW
    assert again(new, parameters={"path": "/srv/x"}).verdict is Verdict.DENY
    assert again(new).verdict is Verdict.DENY


@pytest.mark.parametrize(
    "when",
    [
        "{group.web: yes}",
        "{not: {group.web: yes}}",
        "{tag.pci: no}",
        "{groups: {has: web}}",
        "{any: [{group.web: yes}, {environment: prod}]}",
        "{param.path: {gt: 5}}",
    ],
)
def test_what_was_not_recorded_is_not_guessed(again, when):
    found = again(f"- {{rule: it, when: {when}, then: allow, because: x}}\n", parameters={"path": "x"})
    assert isinstance(found, Undecided)
    assert len(found.unknown) == 1


WHERE = {"h": {"groups": ["web"], "tags": ["pci"]}}


@pytest.mark.parametrize(
    ("when", "verdict"),
    [
        ("{group.web: yes}", Verdict.ALLOW),
        ("{group.db: yes}", Verdict.DENY),
        ("{tag.pci: yes}", Verdict.ALLOW),
        ("{tag.other: yes}", Verdict.DENY),
        ("{groups: {has: web}}", Verdict.ALLOW),
        ("{tags: {count: 2}}", Verdict.DENY),
        ("{not: {tags: {every: {glob: 'p*'}}}}", Verdict.DENY),
    ],
)
def test_where_a_host_was_is_known_from_the_proposal(again, when, verdict):
    assert again(f"- {{rule: it, when: {when}, then: allow, because: x}}\n", where=WHERE).verdict is verdict


def test_where_a_host_was_at_its_proposal_says_nothing_of_its_start(book):
    old = book(OLD)
    proposed, decided = entries(old, question(), where=WHERE)
    decided.kind = "not-started"
    (record,) = records([proposed, decided])
    new = book("- {rule: it, when: {group.web: yes}, then: allow, because: x}\n")
    assert isinstance(decide_again(new, record, old), Undecided)


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        ("when: {all: [{group.web: yes}, {environment: prod}]}, then: allow", Verdict.DENY),
        ("when: {any: [{group.web: yes}, {environment: dev}]}, then: allow", Verdict.ALLOW),
        ("when: {group.web: yes}, then: allow, mode: shadow", Verdict.DENY),
        ("when: {all: [{group.db: no}, {environment: dev}]}, then: allow", Verdict.ALLOW),
    ],
)
def test_what_makes_no_difference_does_not_have_to_be_known(again, rule, verdict):
    assert again(f"- {{rule: it, {rule}, because: x}}\n").verdict is verdict


def test_a_sure_deny_stands_whatever_else_is_unknown(again):
    new = (
        "- {rule: no, when: {environment: dev}, then: deny, because: x}\n"
        "- {rule: it, when: {group.web: yes}, then: allow, because: x}\n"
    )
    assert again(new).verdict is Verdict.DENY


def test_a_new_freeze_is_asked_at_the_time_of_the_decision(again):
    freeze = "- {window: f, kind: freeze, early: deny, cron: '0 11 * * *', duration: 2h, zone: UTC}\n"
    assert again(OLD, windows=freeze, timeout_s=60).verdict is Verdict.DENY
    later = again(OLD, windows=freeze, timeout_s=60, at=NOON + timedelta(hours=3))
    assert later.verdict is Verdict.ALLOW
    assert again(OLD, windows=freeze).verdict is Verdict.DENY  # however long it takes, it is on


def test_how_long_a_change_takes_is_not_guessed(again):
    nights = "- {window: n, kind: allow, cron: '0 22 * * *', duration: 4h, zone: UTC}\n"
    assert again(OLD, windows=nights, timeout_s=60).waits
    assert isinstance(again(OLD, windows=nights), Undecided)


def test_a_new_rate_is_counted_from_the_ledger(book):
    old = book(OLD)
    story = []
    for number in range(3):
        at = NOON + timedelta(minutes=number)
        story += entries(old, question(), at, name=f"chg-{number}", seq=2 * number + 1)
    new = book(OLD, limits="- {limit: slow, at_most: 2, per: 1h, by: [actor], because: Slow.}\n")
    result = backtest(new, records(story), {"sha256:old": old})
    assert [(one.record.change_id, one.step) for one in result.differences] == [("chg-2", "allow -> deny")]
    story[3].data["state"] = "denied"  # the second one
    assert backtest(new, records(story), {"sha256:old": old}).differences == ()


def test_the_past_of_a_record_is_as_it_stood_then_and_no_longer_than_asked_for(book):
    old, hour = book(OLD), timedelta(hours=1)
    story = []
    for number in range(4):
        story += entries(old, question(), NOON + number * hour, name=f"chg-{number}", seq=2 * number + 1)
    story.insert(6, Entry(7, "started", {}, "chg-0", stamp(NOON + 2.5 * hour), "gate"))
    *_, last = records(story)

    def states(since):
        return {past.id: past.state for past in last.history(since).changes}

    assert states(NOON - hour) == {"chg-0": "running", "chg-1": "ready", "chg-2": "ready"}
    assert states(NOON + 1.5 * hour) == {"chg-0": "running", "chg-2": "ready"}
    third = list(records(story))[2]
    assert {past.id: past.state for past in third.history(NOON - hour).changes} == {"chg-0": "ready", "chg-1": "ready"}


def test_thousands_of_records_share_one_story(book):
    old = book(OLD)
    first = entries(old, question(), name="chg-0")
    story = []
    for number in range(3000):
        for entry in first:
            story.append(Entry(len(story), entry.kind, entry.data, f"chg-{number}", entry.at, entry.actor))
    found = list(records(story))
    assert len({id(record.story) for record in found}) == 1
    assert len(found[-1].story) == 3000


def test_other_new_limits_cannot_be_counted(again):
    limit = "- {limit: few, at_most: 2, per: 1h, by: [actor], applies: {groups: [db]}}\n"
    assert isinstance(again(OLD, question("prod"), limits=limit.replace("db", "web")), Undecided)


BY_GROUP = "- {limit: slow, at_most: 1, per: 1h, by: [group:web], because: Slow.}\n"
IN_DEV = "- {limit: slow, at_most: 1, per: 1h, by: [actor], applies: {environments: [dev]}, because: Slow.}\n"


@pytest.mark.parametrize(
    ("limit", "first", "denied"),
    [
        (BY_GROUP, {"where": WHERE}, True),
        (BY_GROUP, {"where": {"h": {"groups": ["db"], "tags": []}}}, False),
        (IN_DEV, {"where": WHERE}, True),
        (BY_GROUP, {}, None),
        (IN_DEV, {}, None),
        (BY_GROUP, {"at": NOON - timedelta(hours=2)}, False),  # wherever it was, it is too long ago
    ],
)
def test_a_new_rate_by_place_is_counted_where_the_places_are_known(book, limit, first, denied):
    old = book(OLD)
    before = entries(old, question(), name="chg-0", **{"at": NOON - timedelta(minutes=5)} | first)
    *_, last = records([*before, *entries(old, question(), name="chg-1", seq=3, where=WHERE)])
    found = decide_again(book(OLD, limits=limit), last, old)
    assert (None if isinstance(found, Undecided) else found.verdict is Verdict.DENY) is denied


def test_a_new_rate_by_place_is_unknown_where_the_place_of_the_change_itself_is(again):
    assert isinstance(again(OLD, limits=BY_GROUP), Undecided)


def test_a_new_recipe_of_risk_is_computed_where_it_can_be(book, tmp_path):
    (record,) = records(entries(book(OLD), question()))
    (tmp_path / "risk.yml").write_text("environment: {dev: 10}\n")
    assert decide_again(book(OLD), record, None).verdict is Verdict.DENY
    (tmp_path / "risk.yml").write_text("failures: {within: 1d, each: 10, most: 30}\n")
    assert decide_again(book(OLD), record, None).unknown == ("risk",)


def test_decisions_of_the_engines_trouble_are_left_out(book):
    old = book(OLD)
    story = entries(old, question())
    decision = story[1].data["decision"]
    decision["reasons"] = [{"rule": "gate/engine", "verdict": "deny", "because": "x", "hosts": ["h"]}]
    assert backtest(old, records(story), {}).compared == 0


YES, NO = Leaf(fact="a", op="eq", value="yes"), Leaf(fact="a", op="eq", value="no")
OPEN = Leaf(fact="b", op="eq", value="yes")


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        (YES, True),
        (OPEN, None),
        (Not(OPEN), None),
        (All((YES, OPEN)), None),
        (All((NO, OPEN)), False),
        (AnyOf((YES, OPEN)), True),
        (AnyOf((NO, OPEN)), None),
        (Not(All((NO, OPEN))), True),
    ],
)
def test_the_unknown_stays_unknown_only_where_it_matters(condition, answer):
    assert truth(condition, {"a": "yes"}) is answer


def outcome(verdict, *approvals, waits=False):
    needs = tuple(Requirement(group=group, count=count, expires_s=60) for group, count in approvals)
    return Outcome(verdict=verdict, approvals=needs, waits=waits, rules=())


ASK = Verdict.NEEDS_APPROVAL


@pytest.mark.parametrize(
    ("was", "now", "looser"),
    [
        (outcome(Verdict.DENY), outcome(ASK, ("sre", 1)), True),
        (outcome(ASK, ("sre", 1)), outcome(Verdict.ALLOW), True),
        (outcome(ASK, ("sre", 2)), outcome(ASK, ("sre", 1)), True),
        (outcome(ASK, ("sre", 1), ("ops", 1)), outcome(ASK, ("sre", 1)), True),
        (outcome(ASK, ("sre", 1)), outcome(ASK, ("sre", 2)), False),
        (outcome(ASK, ("sre", 1)), outcome(ASK, ("sre", 1), ("ops", 1)), False),
        (outcome(Verdict.ALLOW, waits=True), outcome(Verdict.ALLOW), True),
        (outcome(Verdict.ALLOW), outcome(Verdict.ALLOW, waits=True), False),
        (outcome(Verdict.ALLOW), outcome(Verdict.DENY), False),
    ],
)
def test_looser_means_that_more_is_possible(was, now, looser):
    assert is_looser(was, now) is looser


def test_the_difference_of_two_rulebooks_is_told_in_rules_cases_and_past(book, tmp_path):
    old = book(OLD, limits="- {limit: slow, at_most: 2, per: 1h, by: [actor]}\n")
    story = entries(old, question("prod"))
    rules = OLD.replace("Ask.", "Asked.").replace("le: 30", "le: 20").replace("environment: prod", "environment: dr")
    new = book(f"{rules}- {{rule: more, when: {{risk: 5}}, then: deny, because: x}}\n")
    assert [(one.kind, one.name, one.how) for one in edits(old, new)] == [
        ("rule", "ask", "changed"),
        ("rule", "free", "changed"),
        ("rule", "more", "added"),
        ("limit", "slow", "removed"),
    ]
    assert [(one.name, one.how) for one in edits(book(OLD), book(OLD.replace("Free.", "Yes.")))] == [
        ("free", "reworded")
    ]
    different, undecided = past_changes(old, new, records(story), {"sha256:old": old})
    assert [one.step for one in different] == ["needs_approval -> deny"]
    assert undecided == []
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "t.yml").write_text(
        "defaults: {action: x, reversibility: full, check: full, actor: human:a, at: 2026-11-23T12:00:00Z,"
        " host: {name: h, environment: dev}}\n"
        "cases:\n  - {case: a, risk: 30, expect: {verdict: allow}}\n  - {case: b, risk: 20, expect: {verdict: allow}}\n"
    )
    changes = case_changes(old, new, read_tables(tmp_path / "tests"))
    assert [(one.case.name, one.was.shown, one.now.shown) for one in changes] == [("a", "allow", "deny")]
