"""A bad edit takes nothing down and weakens nothing, also over a restart; every generation can be had back."""

from datetime import UTC, datetime

import pytest

from gate.policy.decision import Verdict
from gate.policy.generations.archive import Archive
from gate.policy.generations.live import LivePolicy
from gate.policy.tables.reading import ActionFacts
from gate.values.errors import PolicyError

ALLOW, DENY = Verdict.ALLOW, Verdict.DENY
OPEN = "- {rule: any, when: {environment: prod}, then: allow, because: Anything.}\n"
CLOSED = OPEN + "- {rule: no, when: {risk: {ge: 30}}, then: deny, because: Too much.}\n"
TABLE = """\
defaults: {action: x, reversibility: full, check: full, actor: human:ann, at: 2026-11-23T12:00:00Z,
  host: {name: h, environment: prod}}
cases:
  - {case: a little is allowed, risk: 29, expect: {verdict: allow}}
"""
BAD = {
    "cannot be read": "- {rule: open, then: allow\n",
    "has no rule": "# nothing\n",
    "asks for an unknown fact": "- {rule: any, when: {envronment: prod}, then: allow, because: x}\n",
    "can never match": CLOSED.replace("ge: 30", "gt: 100"),
    "fails its table": OPEN + "- {rule: no, when: {risk: {ge: 10}}, then: deny, because: Too much.}\n",
}


@pytest.fixture
def rules(tmp_path):
    folder = tmp_path / "rules"
    (folder / "tests").mkdir(parents=True)
    (folder / "rules.yml").write_text(CLOSED)
    (folder / "tests" / "t.yml").write_text(TABLE)
    return folder


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "generations")


@pytest.fixture
def live(rules, archive):
    made = []

    def start(**more):
        made.append(LivePolicy(rules, archive, **more))
        return made[-1]

    yield start
    for policy in made:
        policy.close()


def test_an_edit_decides_at_once_and_is_archived(live, rules, archive, ask):
    policy = live()
    before = policy.generation
    assert ask(policy, risk=50).verdict is DENY
    (rules / "rules.yml").write_text(OPEN)
    assert ask(policy, risk=50).verdict is ALLOW
    assert [(one.generation, one.current) for one in archive.all()] == [(policy.generation, True), (before, False)]


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_edit_keeps_the_generation_before_it_and_says_why(live, rules, archive, ask, bad):
    policy = live()
    before = policy.generation
    (rules / "rules.yml").write_text(bad)
    assert ask(policy, risk=50).verdict is DENY
    assert ask(policy, risk=20).verdict is ALLOW
    assert (policy.generation, archive.current()) == (before, before)
    assert isinstance(policy.trouble, PolicyError)
    (rules / "rules.yml").write_text(OPEN)
    assert ask(policy, risk=50).verdict is ALLOW
    assert policy.trouble is None


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_gate_that_starts_beside_a_bad_edit_goes_on_with_the_last_generation(live, rules, ask, bad):
    first = live()
    (rules / "rules.yml").write_text(bad)
    second = live()
    assert second.generation == first.generation
    assert second.trouble is not None
    assert ask(second, risk=50).verdict is DENY
    (rules / "rules.yml").write_text(OPEN)
    assert ask(second, risk=50).verdict is ALLOW


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_without_a_generation_before_bad_rules_are_refused(live, rules, bad):
    (rules / "rules.yml").write_text(bad)
    with pytest.raises(PolicyError):
        live()


def test_an_archive_that_was_changed_is_not_started_from(live, rules, archive):
    first = live()
    kept = archive.get(first.generation)
    (kept.folder / "rules.yml").write_text(OPEN)
    (rules / "rules.yml").write_text(BAD["cannot be read"])
    with pytest.raises(PolicyError):
        live()


def test_an_edit_is_noticed_beside_the_lock_of_an_editor(live, rules, ask):
    (rules / ".#rules.yml").symlink_to("somebody@somewhere.1234")
    policy = live()
    assert ask(policy, risk=50).verdict is DENY
    (rules / "rules.yml").write_text(OPEN)
    assert ask(policy, risk=50).verdict is ALLOW


def test_an_edit_that_could_not_be_archived_is_tried_again(live, rules, archive, ask, monkeypatch):
    policy = live()
    (rules / "rules.yml").write_text(OPEN)
    with monkeypatch.context() as full:
        full.setattr(type(archive), "keep", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "disk full")))
        with pytest.raises(OSError, match="disk full"):
            ask(policy, risk=50)
    assert ask(policy, risk=50).verdict is ALLOW


def test_a_table_that_fails_by_its_own_edit_keeps_the_generation_too(live, rules, ask):
    policy = live()
    (rules / "tests" / "t.yml").write_text(TABLE.replace("verdict: allow", "verdict: deny"))
    assert ask(policy, risk=20).verdict is ALLOW
    assert "a little is allowed" in str(policy.trouble)


def test_tables_that_passed_are_not_run_again(live, rules, monkeypatch):
    live()
    monkeypatch.setattr("gate.policy.generations.live.read_tables", lambda *_: pytest.fail("they were read"))
    live()


def test_tables_may_ask_the_catalog(live, rules):
    table = TABLE.replace("action: x, ", "").replace("risk: 29", "catalog: restart")
    (rules / "tests" / "t.yml").write_text(table.replace("reversibility: full, check: full, ", ""))
    known = {"restart": ActionFacts(risk=29, reversibility="full", check="full")}
    assert live(actions=known.get).trouble is None


def test_going_back_is_an_edit_like_any_other(live, rules, archive, ask):
    policy = live()
    before = policy.generation
    (rules / "rules.yml").write_text(OPEN)
    assert ask(policy, risk=50).verdict is ALLOW
    archive.restore(before, rules, datetime(2026, 11, 23, tzinfo=UTC))
    assert ask(policy, risk=50).verdict is DENY
    assert policy.generation == before == archive.current()


def test_a_folder_that_is_away_for_a_moment_changes_nothing(live, rules, ask):
    policy = live()
    rules.rename(rules.with_name("away"))
    assert ask(policy, risk=50).verdict is DENY
    rules.with_name("away").rename(rules)
    assert ask(policy, risk=20).verdict is ALLOW
