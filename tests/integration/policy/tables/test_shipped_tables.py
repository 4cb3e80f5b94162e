"""The rules that come with the gate pass their tables; each is fired by a case, and no mutant of one survives."""

from pathlib import Path

import pytest

from gate.policy.policy import Policy
from gate.policy.rules.lint import lint
from gate.policy.tables.reading import read_tables
from gate.policy.tables.tables import run_tables
from gate.policy.tools.mutants import hunt, mutants

SHIPPED = Path(__file__).parents[4] / "rules"


@pytest.fixture(scope="module")
def policy():
    with Policy.load(SHIPPED) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def cases():
    return read_tables(SHIPPED / "tests")


def test_every_case_passes_with_the_real_engine(policy, cases):
    assert [(one.case.place, one.wrong) for one in run_tables(policy, cases).failed] == []


def test_every_rule_is_fired_by_a_case(policy, cases):
    assert run_tables(policy, cases).uncovered == ()


def test_every_mutant_is_noticed(policy, cases):
    found = hunt(policy.book, cases)
    assert [mutant.shown for mutant in found.survivors] == []
    assert found.tried == len(list(mutants(policy.book))) > 100


def test_there_is_nothing_to_mend(policy):
    assert [finding.what for finding in lint(policy.book, {})] == []
