"""Tables: read strictly, complete in themselves, and judged to the letter."""

from datetime import UTC, datetime, timedelta

import pytest

from gate.policy.language.rule import Requirement, Verdict
from gate.policy.question import Past
from gate.policy.tables.reading import ActionFacts, read_tables
from gate.policy.tables.tables import Expected, judge
from gate.values.errors import PolicyError

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DEFAULTS = (
    "defaults: {action: restart, risk: 30, reversibility: full, check: none, actor: agent:planner, "
    "at: 2026-11-23T12:00:00Z, host: {name: web-01, groups: [web], environment: prod}}\n"
)
EXPECT = "expect: {verdict: deny}"


@pytest.fixture
def read(tmp_path):
    def of(*cases, defaults=DEFAULTS, actions=None):
        lines = "".join(f"  - {{{case}}}\n" for case in cases)
        (tmp_path / "t.yml").write_text(f"{defaults}cases:\n{lines}")
        return read_tables(tmp_path, actions)

    return of


def test_a_case_takes_the_defaults_and_changes_them(read):
    plain, changed = read(
        f"case: a, {EXPECT}",
        "case: b, risk: 50, undo: yes, actor: human:ann, host: {environment: dev}, parameters: {n: 5, l: [x]}, "
        + EXPECT,
    )
    assert (plain.question.risk, plain.question.undo, str(plain.question.actor)) == (30, False, "agent:planner")
    assert plain.at == NOON
    assert plain.place.endswith("t.yml:3")
    (host,) = changed.question.hosts
    assert (host.name, host.groups, host.environment, host.tags) == ("web-01", {"web"}, "dev", frozenset())
    assert (changed.question.risk, changed.question.undo) == (50, True)
    assert changed.question.parameters == {"n": 5, "l": ["x"]}


def test_hosts_are_changes_of_the_default_one_and_can_be_copied(read):
    (case,) = read(f"case: a, hosts: [{{name: x, tags: [pci]}}, {{copies: 3, environment: dev}}], {EXPECT}")
    assert [host.name for host in case.question.hosts] == ["x", "web-01-1", "web-01-2", "web-01-3"]
    assert case.question.hosts[0].tags == {"pci"}
    assert case.question.hosts[0].groups == {"web"}
    assert case.question.hosts[3].environment == "dev"


def test_history_is_told_in_times_before(read):
    ended = "state: failed, started: 7m, finished: 5m, failed: 5m"
    past = f"{{ago: 10m, actor: human:ann, action: x, hosts: [y], times: 2, {ended}}}"
    (case,) = read(f"case: a, history: [{past}], resets: [{{limit: stop, key: x, ago: 1m}}], {EXPECT}")
    first, second = case.history.changes
    assert first.id != second.id
    assert first == Past(
        id=first.id,
        at=NOON - timedelta(minutes=10),
        actor="human:ann",
        action="x",
        hosts=("y",),
        state="failed",
        started_at=NOON - timedelta(minutes=7),
        finished_at=NOON - timedelta(minutes=5),
        failed_at=NOON - timedelta(minutes=5),
    )
    assert case.history.resets == {("stop", "x"): NOON - timedelta(minutes=1)}


def test_the_catalog_is_asked_only_by_name(read):
    facts = ActionFacts(risk=40, reversibility="none", check="full", timeout_s=900)
    known = {"deploy": facts}.get
    (case,) = read(f"case: a, catalog: deploy, {EXPECT}", actions=known)
    question = case.question
    assert (question.action, question.risk, question.reversibility, question.timeout_s) == ("deploy", 40, "none", 900)
    (own,) = read(f"case: a, action: deploy, {EXPECT}", actions=known)
    assert own.question.risk == 30
    for actions in (known, None):
        with pytest.raises(PolicyError, match="no action 'other'"):
            read(f"case: a, catalog: other, {EXPECT}", actions=actions)


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("expect: {verdict: deny}", "no 'case'"),
        ("case: a", "no 'expect'"),
        ("case: a, expect: {verdict: maybe}", "maybe"),
        ("case: a, expect: {verdict: wait}", "wait"),
        ("case: a, expect: {}", "no 'verdict'"),
        ("case: a, expect: {verdict: deny, ruls: []}", "unknown key 'ruls'"),
        ("case: a, expct: 1, expect: {verdict: deny}", "unknown key 'expct'"),
        (f"case: a, at: yesterday, {EXPECT}", "no time with a zone"),
        (f"case: a, at: 2026-11-23T12:00:00, {EXPECT}", "no time with a zone"),
        (f"case: a, actor: nobody, {EXPECT}", "no actor"),
        (f"case: a, risk: 101, {EXPECT}", "101"),
        (f"case: a, reversibility: maybe, {EXPECT}", "maybe"),
        (f"case: a, host: {{nam: x}}, {EXPECT}", "unknown key 'nam'"),
        (f"case: a, hosts: [{{}}, {{}}], {EXPECT}", "cannot be asked"),
        (f"case: a, history: [{{ago: soon, actor: human:a, action: x, hosts: [y]}}], {EXPECT}", "no duration"),
        (f"case: a, history: [{{ago: 1m, actor: human:a, action: x}}], {EXPECT}", "no 'hosts'"),
        (f"case: a, undo: true, {EXPECT}", "true"),
    ],
)
def test_a_case_that_could_be_misread_is_refused_with_its_place(read, case, says):
    with pytest.raises(PolicyError, match=r"t\.yml:3: ") as refused:
        read(case)
    assert says in refused.value.what


@pytest.mark.parametrize("key", ["action", "risk", "reversibility", "check", "actor", "at"])
def test_a_case_that_says_too_little_is_refused(read, key):
    kept = [part for part in DEFAULTS[11:-2].split(", ") if not part.startswith(f"{key}:")]
    with pytest.raises(PolicyError, match=f"has no '{key}'"):
        read(f"case: a, {EXPECT}", defaults=f"defaults: {{{', '.join(kept)}}}\n")


def test_two_cases_of_one_name_and_files_that_are_overlooked_are_refused(read, tmp_path):
    with pytest.raises(PolicyError, match="there twice"):
        read(f"case: a, {EXPECT}", f"case: a, {EXPECT}")
    (tmp_path / "more.yaml").write_text("")
    with pytest.raises(PolicyError, match="would not be read"):
        read(f"case: a, {EXPECT}")


def test_no_folder_is_no_cases(tmp_path):
    assert read_tables(tmp_path / "nowhere") == ()


SRE = Requirement(group="sre", count=2, expires_s=3600)
ASK = {"verdict": Verdict.NEEDS_APPROVAL, "fired": {"h": ("one", "two")}, "approvals": (SRE,), "opens_at": None}


@pytest.mark.parametrize(
    "expected",
    [
        {},
        {"rules": ("two", "one")},
        {"silent": ("three",)},
        {"approvals": ({"group": "sre"},)},
        {"approvals": ({"group": "sre", "count": 2, "expires_s": 3600},)},
        {"opens_at": "never"},
    ],
)
def test_what_is_as_expected_passes(expected):
    assert judge(Expected(verdict=Verdict.NEEDS_APPROVAL, **expected), **ASK) == ()


@pytest.mark.parametrize(
    ("expected", "says"),
    [
        ({"verdict": Verdict.ALLOW}, "needs_approval instead of allow, by one, two"),
        ({"rules": ("three",)}, "three did not fire"),
        ({"silent": ("one",)}, "one fired"),
        ({"approvals": ()}, "an approval is"),
        ({"approvals": ({"group": "ops"},)}, "no approval is"),
        ({"approvals": ({"group": "sre", "count": 1},)}, "no approval is"),
        ({"approvals": ({"group": "sre"}, {"group": "sre"})}, "no approval is"),
        ({"opens_at": NOON}, "opens at never instead of"),
    ],
)
def test_what_is_not_as_expected_is_said(expected, says):
    wrong = judge(Expected(**{"verdict": Verdict.NEEDS_APPROVAL, **expected}), **ASK)
    assert any(says in one for one in wrong)
