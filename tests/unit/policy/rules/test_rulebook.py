"""Reading rules: what could be read in two ways, or would quietly not count, is refused with its place."""

import pytest

from gate.policy.language.rule import All, AnyOf, Leaf, Not, Requirement, Verdict
from gate.policy.rules.rulebook import read_rulebook
from gate.values.errors import PolicyError

RULE = """
- rule: one
  when: {WHEN}
  then: {THEN}
  because: It is so.
"""


def rule(when: str = "{risk: {ge: 50}}", then: str = "deny") -> str:
    return RULE.replace("{WHEN}", when).replace("{THEN}", then)


def test_a_rule_is_read_as_it_is_written(book):
    text = rule(
        "{all: [{environment: prod}, {any: [{risk: {ge: 50}}, {not: {undo: yes}}]}, {action: {in: [a, b, a]}}]}",
        "{needs_approval: {from: sre, count: 2, expires: 90m}}",
    )
    read = book(text).rules["one"]
    assert read.verdict is Verdict.NEEDS_APPROVAL
    assert read.requirement == Requirement(group="sre", count=2, expires_s=5400)
    assert read.place.endswith("rules.yml:2")
    assert read.when == All(
        (
            Leaf(fact="environment", op="eq", value="prod"),
            AnyOf((Leaf(fact="risk", op="ge", value=50), Not(Leaf(fact="undo", op="eq", value="yes")))),
            Leaf(fact="action", op="in", value=("a", "b")),
        )
    )


def test_an_approval_needs_one_person_within_four_hours_unless_said_otherwise(book):
    read = book(rule(then="{needs_approval: {from: sre}}")).rules["one"]
    assert read.requirement == Requirement(group="sre", count=1, expires_s=4 * 3600)


@pytest.mark.parametrize(
    ("when", "says", "mend"),
    [
        ("{enviroment: prod}", "no fact 'enviroment'", "'environment'"),
        ("{window.nights: open}", "no fact 'window.nights'", ""),
        ("{limit.x: exceeded}", "no fact 'limit.x'", ""),
        ("{group.: yes}", "no fact 'group.'", ""),
        ('{"group.a b": yes}', "no fact 'group.a b'", ""),
        ("{environment: prod, risk: 50}", "a map of 2 keys", "`all:"),
        ("{}", "a map of 0 keys", ""),
        ("''", "is empty", ""),
        ("[]", "a list", ""),
        ("{all: []}", "`all` is empty", ""),
        ("{any: []}", "`any` is empty", ""),
        ("{all: {risk: 5}}", "`all` is a map", ""),
        ("{not: [{risk: 5}]}", "a list", ""),
        ("{risk: '50'}", "'risk' is compared with text", "unquoted"),
        ("{risk: 50.5}", "'risk' is compared with text", ""),
        ("{risk: 1e3}", "'risk' is compared with text", ""),
        ("{risk: yes}", "'risk' is compared with text", ""),
        ("{risk: 1_000}", "'risk' is compared with text", ""),
        ("{risk: 010}", "'risk' is compared with text", ""),
        ("{risk: 0x10}", "'risk' is compared with text", ""),
        ("{risk: 99999999999}", "too large", ""),
        ("{environment: 5}", "'environment' is compared with a number", "Quote"),
        ("{environment: [prod]}", "'environment' is compared with a list", ""),
        ("{environment: {gt: prod}}", "has no order", ""),
        ("{risk: {ge: 5, le: 9}}", "compared 2 times", "`all:"),
        ("{risk: {}}", "compared 0 times", ""),
        ("{risk: {gte: 5}}", "no comparison 'gte'", "ge"),
        ("{actor_kind: {matches: '.*'}}", "no comparison 'matches'", ""),
        ("{risk: {in: 5}}", "is a number", ""),
        ("{risk: {in: []}}", "list of values is empty", ""),
        ("{risk: {in: [5, a]}}", "'risk' is compared with text", ""),
        ("{undo: true}", "'undo' is never 'true'", ""),
        ("{risk: action_risk}", "'risk' is compared with text", ""),  # never one fact with another
        ("{risk: {le: action_risk}}", "'risk' is compared with text", ""),
        ("{$nex: {risk: 5}}", "no fact '$nex'", ""),
        ("{$m.risk: 5}", "no fact '$m.risk'", ""),
        ("{risk: {$gt: 5}}", "no comparison '$gt'", ""),
        ("{action: {mt: x}}", "no comparison 'mt'", ""),
        ("{groups: {anyItem: x}}", "no comparison 'anyItem'", ""),
        ("{param.x: {iall: x}}", "no comparison 'iall'", ""),
        ("{reversibility: ful}", "'reversibility' is never 'ful'", "`full`"),
        ("{window.x: opened}", "no fact", ""),
        ("{risk: !!float 5}", "tag", ""),
        ("{risk: !!python/object:os.system 5}", "tag", ""),
        ("{risk: &a 5, <<: *a}", "alias", ""),
        ("{risk: 5, risk: 6}", "twice", "`all:"),
        ("{? [a] : b}", "key is no text", ""),
        ("{5: b}", "key is no text", ""),
        ("{not: " * 9 + "{risk: 5}" + "}" * 9, "too deep", ""),
        ("[" * 3000 + "]" * 3000, "nested too deeply", ""),
    ],
)
def test_a_condition_that_could_mean_less_than_it_seems_is_refused(book, when, says, mend):
    with pytest.raises(PolicyError) as refused:
        book(rule(when))
    assert "rules.yml" in refused.value.what
    assert says in str(refused.value)
    assert mend in refused.value.fix


@pytest.mark.parametrize(
    ("then", "says"),
    [
        ("permit", "'permit'"),
        ("needs_approval", "'needs_approval'"),
        ("[deny]", "a list"),
        ("{deny: yes}", "unknown key 'deny'"),
        ("{needs_approval: sre}", "is text"),
        ("{needs_approval: {}}", "no 'from'"),
        ("{needs_approval: {from: sre, count: 0}}", "`count` is 0"),
        ("{needs_approval: {from: sre, count: '2'}}", "`count` is text"),
        ("{needs_approval: {from: sre, count: -1}}", "`count` is -1"),
        ("{needs_approval: {from: sre, expires: soon}}", "no duration"),
        ("{needs_approval: {from: sre, expires: 52w}}", "too long"),
        ("{needs_approval: {from: sre, who: me}}", "unknown key 'who'"),
        ("{needs_approval: {from: sre, or: sec}}", "is text"),
        ("{needs_approval: {from: sre, or: [{count: 2}]}}", "no 'from'"),
        ("{needs_approval: {from: sre, escalate: {after: 1h}}}", "no 'to'"),
        ("{needs_approval: {from: sre, expires: 1h, escalate: {after: 2h, to: boss}}}", "too long"),
        ("{needs_approval: {from: 'S R E'}}", "cannot be the name of a group"),
    ],
)
def test_a_verdict_that_is_not_exactly_one_is_refused(book, then, says):
    with pytest.raises(PolicyError, match=r"rules\.yml:\d+: ") as refused:
        book(rule(then=then))
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("rules: []", 1, "A rules file is a map"),
        (rule() + rule(), 7, "'one' is there twice"),
        (rule().replace("one", "One"), 2, "cannot be the name of a rule"),
        (rule().replace("one", "window/x"), 2, "cannot be the name of a rule"),
        (rule().replace("because", "becaus"), 5, "unknown key 'becaus'"),
        *(
            (rule() + f"  {key}: 2\n", 6, f"unknown key '{key}'")
            for key in ("count", "cap", "pri", "dist", "any", "span")
        ),
        (rule().replace("  because: It is so.", ""), 2, "no 'because'"),
        (rule().replace("It is so.", ""), 5, "`because` is empty"),
        (rule().replace("It is so.", '"one\\ntwo"'), 5, "one short line"),
        (rule() + "  then: allow\n", 6, "'then' is there twice"),
        (rule() + "---\n" + rule(), 6, "not the YAML"),
        (rule() + "  x: [\n", 7, "not the YAML"),
    ],
)
def test_a_file_that_is_no_list_of_rules_is_refused_at_its_line(book, text, line, says):
    with pytest.raises(PolicyError) as refused:
        book(text)
    assert f"rules.yml:{line}: " in refused.value.what
    assert says in str(refused.value)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "rules.yml").write_bytes(b"- rule: \xff\n")
    with pytest.raises(PolicyError, match="UTF-8"):
        read_rulebook(tmp_path)
    (tmp_path / "rules.yml").write_bytes(b"- rule: a\x00b\n")
    with pytest.raises(PolicyError, match="not the YAML"):
        read_rulebook(tmp_path)


@pytest.mark.parametrize("name", ["more.yaml", "production"])
def test_rules_that_would_be_overlooked_are_refused(book, tmp_path, name):
    made = tmp_path / name
    made.write_text("") if "." in name else made.mkdir()
    with pytest.raises(PolicyError, match="would not be read"):
        book()


def test_table_tests_and_hidden_files_are_no_rules(book, tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / ".rules.yml.swp").write_text("no YAML: [")
    (tmp_path / ".old.yml").write_text("no YAML: [")
    assert list(book().rules) == ["any"]


def test_no_folder_or_no_rules_is_an_error(tmp_path):
    with pytest.raises(PolicyError, match="no folder"):
        read_rulebook(tmp_path / "none")
    (tmp_path / "rules.yml").write_text("# nothing yet\n")
    with pytest.raises(PolicyError, match="no rules"):
        read_rulebook(tmp_path)


def test_windows_and_limits_become_rules_and_facts(book):
    made = book(
        windows="""
- {window: nights, kind: allow, cron: '0 22 * * *', duration: 4h, zone: UTC, applies: {groups: [web]}}
- {window: freeze, kind: freeze, cron: '0 0 24 dec *', duration: 3d, zone: UTC}
""",
        limits="- {limit: slow, at_most: 3, per: 2d, by: [target]}",
    )
    made_by_gate = [rule for rule in made.rules if "/" in rule]
    assert made_by_gate == ["window/freeze", "window/closed", "window/early", "limit/slow"]
    assert {"group.web", "window.nights", "window.freeze", "limit.slow"} <= {fact.name for fact in made.facts}
    assert made.horizon.days == 2


def test_a_closed_entry_is_no_fact_since_it_is_never_open(book):
    made = book(windows="- {closed: prod, applies: {environments: [prod]}, early: deny}\n")
    assert [rule for rule in made.rules if "/" in rule] == ["window/closed"]
    assert "window.prod" not in {fact.name for fact in made.facts}
    with pytest.raises(PolicyError, match=r"no fact 'window\.prod'"):
        book("- {rule: r, when: {window.prod: open}, then: allow, because: x}\n", "- {closed: prod}\n")


def test_an_approval_can_have_alternatives_and_escalate(book):
    either, late = "or: [{from: sec}, {from: dba, count: 3}]", "escalate: {after: 1h, to: boss}"
    then = f"{{needs_approval: {{from: sre, count: 2, {either}, {late}}}}}"
    read = book(rule(then=then)).rules["one"].requirement
    assert read == Requirement(
        group="sre",
        count=2,
        expires_s=4 * 3600,
        alternatives=(("sec", 1), ("dba", 3)),
        escalate_after_s=3600,
        escalate_to="boss",
    )
    assert Requirement.from_json(read.as_json()) == read
