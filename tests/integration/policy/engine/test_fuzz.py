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


@pytest.mark.parametrize(
    ("told", "grew"),
    [
        ([(0, 100, 100), (1, 9000, 9000), (2, 9100, 9100)], 0),  # what is loaded in the beginning stays
        ([(0, 100, 100), (1, 100, 100), (2, 9000, 100)], 1),
        ([(0, 100, 100), (1, 100, 100), (2, 9000, 9000)], 2),
    ],
)
def test_memory_that_grows_is_a_fault(told, grew):
    assert len(fuzz_policy.grown(told)) == grew


def test_the_script_says_how_far_it_is_and_ends_with_a_verdict(capsys, monkeypatch):
    monkeypatch.setattr(fuzz_policy.logging, "disable", lambda: None)  # of this process; other tests look at logs
    monkeypatch.setattr("sys.argv", ["fuzz", "--pairs", "3000", "--decisions", "2000", "--seed", "7"])
    assert fuzz_policy.main() == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("100%  ")
    assert told[-2].startswith("100%  ")
    assert "2,000 decisions: engine " in told[-2]
    assert told[-1].startswith("PASS: ")
    monkeypatch.setattr("sys.argv", ["fuzz", "--pairs", "300", "--decisions", "200", "--seed", "7"])
    monkeypatch.setattr(fuzz_policy.Oracle, "verdict", lambda *_: "allow")
    assert fuzz_policy.main() == 1
    assert "FAIL: " in capsys.readouterr().out
