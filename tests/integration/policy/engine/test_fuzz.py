"""A short form of `make fuzz`: the policy against an oracle that reads the YAML for itself."""

import importlib.util
from pathlib import Path

import pytest

from gate.policy.policy import Policy
from gate.values.errors import PolicyError

SCRIPT = Path(__file__).parents[4] / "scripts" / "fuzz_policy.py"
SPEC = importlib.util.spec_from_file_location("fuzz_policy", SCRIPT)
assert SPEC is not None
assert SPEC.loader is not None
fuzz_policy = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(fuzz_policy)


@pytest.fixture(scope="module")
def fuzz():
    made = fuzz_policy.Fuzz()
    for seed, count, samples in ((1, 12, 300), (2, 12, 300), (3, 60, 150), (4, 150, 120)):
        made.book(1000 + seed, count, samples)
    return made


def test_policy_and_oracle_agree_on_every_pair(fuzz):
    assert fuzz.faults == []
    assert fuzz.pairs > 30_000
    assert fuzz.pairs / 10 < fuzz.hits < fuzz.pairs * 9 / 10  # where nothing or everything matches nothing is shown
    assert set(fuzz.verdicts) == {"allow", "needs_approval", "deny"}


def test_what_no_fact_can_be_is_never_let_through(fuzz):
    assert fuzz.hostile > 200
    assert [fault for fault in fuzz.faults if "fail-open" in fault] == []


@pytest.mark.parametrize("lie", ["holds", "compare", "verdict"])
def test_an_oracle_that_is_wrong_is_noticed_so_that_these_tests_can_fail(monkeypatch, lie):
    made = fuzz_policy.Fuzz()
    true = getattr(made.oracle, lie)
    wrong = (lambda *given: "allow") if lie == "verdict" else (lambda *given: not true(*given))
    monkeypatch.setattr(made.oracle, lie, wrong)
    made.book(1001, 12, 40)
    assert made.faults


def test_a_rulebook_whose_names_are_one_to_the_engine_is_refused(tmp_path):
    pair = fuzz_policy.GROUPS[-2:]
    rules = [f"- {{rule: {name}, when: {{group.{name}: yes}}, then: deny, because: x}}\n" for name in pair]
    (tmp_path / "rules.yml").write_text("".join(rules))
    with pytest.raises(PolicyError, match="are one to the engine"):
        Policy.load(tmp_path)
