"""A test that would not notice a wrong rule is found, and one that would is left in peace."""

import pytest

from gate.policy.tables.reading import read_tables
from gate.policy.tools.mutants import hunt, mutants

RULES = """\
- rule: risky
  when: {all: [{environment: {in: [prod, dr]}}, {risk: {ge: 50}}]}
  then: {needs_approval: {from: sre, count: 2, expires: 2h}}
  because: Risky.
- {rule: free, when: {risk: {lt: 50}}, then: allow, because: Free.}
"""
TABLE = """\
defaults: {action: x, risk: 50, reversibility: full, check: full, actor: human:ann, at: 2026-11-23T12:00:00Z,
  host: {name: h, environment: prod}}
cases:
  - {case: two SREs, expect: {verdict: needs_approval, rules: [risky], silent: [free],
      approvals: [{from: sre, count: 2, expires: 2h}]}}
  - {case: disaster recovery too, host: {environment: dr}, expect: {verdict: needs_approval}}
  - {case: elsewhere no, host: {environment: dev}, expect: {verdict: deny, silent: [risky]}}
  - {case: little risk, risk: 49, expect: {verdict: allow, silent: [risky]}}
"""


@pytest.fixture
def survivors(book, tmp_path):
    def of(table=TABLE, rules=RULES, **more):
        made = book(rules, **more)
        (tmp_path / "tests").mkdir(exist_ok=True)
        (tmp_path / "tests" / "t.yml").write_text(table)
        return [(one.original.id, one.what) for one in hunt(made, read_tables(tmp_path / "tests")).survivors]

    return of


def test_a_table_that_says_it_all_lets_nothing_survive(survivors):
    assert survivors() == []


@pytest.mark.parametrize(
    ("said", "left", "survivor"),
    [
        ("host: {environment: dr}, ", "", "without dr"),
        (
            "host: {environment: dev}, expect: {verdict: deny",
            "expect: {verdict: needs_approval",
            "without {environment",
        ),
        ("risk: 49, expect: {verdict: allow", "risk: 48, expect: {verdict: allow", "with 49"),
        (", expires: 2h", "", "waits half as long"),
        (", count: 2", "", "asks 3 people"),
        ("approvals: [{from: sre, count: 2, expires: 2h}]", "", "asks another group"),
    ],
)
def test_what_a_table_does_not_say_survives(survivors, said, left, survivor):
    table = TABLE.replace(said, left).replace("silent: [risky]", "") if "dev" in said else TABLE.replace(said, left)
    assert any(survivor in what for _, what in survivors(table))


def test_no_cases_at_all_let_everything_survive(survivors, book):
    empty = TABLE[: TABLE.index("cases:")] + "cases: []\n"
    assert len(survivors(empty)) == len(list(mutants(book(RULES))))


def test_what_means_the_same_is_no_mutant(book):
    made = book("- {rule: any, when: {n_targets: {ge: 0}}, then: allow, because: x}\n")
    said = [one.what for one in mutants(made)]
    assert not any("with -1" in what for what in said)
    assert "turned around" in said


def test_a_shadow_has_no_verdict_to_change(book):
    made = book("- {rule: it, when: {risk: 5}, then: deny, mode: shadow, because: x}\n")
    assert not any("says" in one.what for one in mutants(made))


def test_a_large_condition_is_turned_around_in_time(book):
    parts = ", ".join(f"all: [{{risk: {n}}}, {{n_targets: {n}}}, {{environment: e{n}}}]" for n in range(16))
    ways = "}, {".join(parts.split(", all")).replace("{: ", "{all: ")
    made = book(f"- {{rule: it, when: {{any: [{{{ways}}}]}}, then: deny, because: x}}\n")
    assert "turned around" in [one.what for one in mutants(made)]
