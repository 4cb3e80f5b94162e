"""The engine's process: killed, hung, lying or replaced, it never lets anything through, and the next one works."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from gate.policy.decision import Verdict
from gate.policy.engine import evaluator
from gate.policy.engine.evaluator import COMMAND
from gate.policy.policy import Policy

RULES = """
- {rule: yes, when: {risk: {le: 50}}, then: allow, because: Low.}
- {rule: no, when: {risk: {gt: 50}}, then: deny, because: High.}
"""
# a child that answers the load as the real one would, and then every question with ANSWER
FAKE = """
import json, os, sys, time
engine, driver, answer = sys.argv[1:]
n = json.loads(sys.stdin.readline())["n"]
print(json.dumps({"n": n, "engine": engine, "driver": driver}), flush=True)
for line in sys.stdin:
    n = json.loads(line)["n"]
    sys.stdout.write(eval(answer)); sys.stdout.flush()
"""


@pytest.fixture
def policy(load):
    return load(RULES)


def replace_child(policy: Policy, answer: str, engine: str = "") -> None:
    real, _, driver = policy._evaluator.engine.partition(" driver ")
    policy._evaluator.command = (sys.executable, "-I", "-c", FAKE, engine or real, driver, answer)
    policy.close()


def recovers(policy: Policy, ask) -> bool:
    policy._evaluator.command = COMMAND
    return ask(policy, risk=50).verdict is Verdict.ALLOW and ask(policy, risk=51).fired == {"web-01": ("no",)}


TRUE_ANSWER = """json.dumps({"n": n, "fired": ["c0", "r0"]}) + "\\n" """


def test_the_fake_child_would_be_believed_if_it_told_the_truth(policy, ask):
    replace_child(policy, TRUE_ANSWER)
    assert ask(policy).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("'garbage\\n'", "Expecting value"),
        ("'\\n'", "Expecting value"),
        ("'[]\\n'", "something else"),
        ("'null\\n'", "something else"),
        ("'{}\\n'", "something else"),
        ("'[' * 100000 + '\\n'", "recursion"),
        ("sys.exit()", "its process ended"),
        ("TRUE[:-3]", "did not answer in time"),
        ("TRUE + TRUE", "Extra data"),
        ("TRUE.replace('c0', 'r1')", "canary"),
        ("TRUE.replace('\"c0\", ', '')", "canary"),
        ("TRUE.replace('r0', 'r9')", "unknown rule"),
        ("TRUE.replace('r0', 'yes')", "unknown rule"),
        ("TRUE.replace('\"r0\"', 'null')", "names no rules"),
        ("TRUE.replace('fired', 'fries')", "names no rules"),
        ("TRUE.replace(str(n), str(n - 1))", "something else"),
        ("TRUE.replace(str(n), str(n + 1))", "something else"),
        ("'x' * 2_000_000", "too long"),
        ("TRUE[:-1] + ' ' * 2_000_000 + '\\n'", "too long"),
        ("sys.stdout.write(TRUE[:9]) and sys.stdout.flush() or os._exit(1)", "its process ended"),
        ("sys.stdout.write(TRUE[:9]) and sys.stdout.flush() or os.kill(os.getpid(), 9)", "its process ended"),
        ("os.close(1)", "its process ended"),
        ("[sys.stdout.write(' ') and sys.stdout.flush() for _ in iter(int, 1)]", "in time"),
        ("[sys.stdout.write(c) and sys.stdout.flush() or time.sleep(0.05) for c in TRUE] and ''", "in time"),
        ("json.dumps({'n': n, 'fired': ['c0', 'r0'] + ['r0'] * 9 + ['r' + '0' * 99]}) + '\\n'", "unknown rule"),
        ("json.dumps({'n': n, 'fired': 'c0'}) + '\\n'", "names no rules"),
        ("json.dumps({'n': True, 'fired': ['c0', 'r0']}) + '\\n'", "something else"),
        ("json.dumps({'n': n, 'fired': {'c0': 1, 'r0': 1}}) + '\\n'", "names no rules"),
        ("json.dumps({'error': 'RefusedError: x'}) + '\\n'", "something else"),
        ("'\\udcff\\n'.encode('utf-8', 'surrogateescape').decode('latin-1')", ""),
    ],
)
def test_whatever_a_child_says_but_the_truth_is_a_deny(policy, ask, answer, says, monkeypatch):
    monkeypatch.setattr(evaluator, "ANSWER_S", 30.0 if "time" not in says else 0.3)
    replace_child(policy, answer.replace("TRUE", f"({TRUE_ANSWER})"))
    decision = ask(policy)
    assert decision.verdict is Verdict.DENY
    assert [reason.rule for reason in decision.reasons] == ["gate/engine"]
    assert says in decision.reasons[0].because
    assert policy._evaluator.pid is None
    assert recovers(policy, ask)


@pytest.mark.parametrize("fired", [["c0"], ["c0", "r1"], ["c0", "r0", "r1"]])
def test_an_answer_that_the_reference_does_not_share_is_a_visible_deny(policy, ask, fired, caplog):
    replace_child(policy, TRUE_ANSWER.replace('["c0", "r0"]', str(fired)))
    decision = ask(policy)
    assert decision.verdict is Verdict.DENY
    assert [reason.rule for reason in decision.reasons] == ["gate/reference"]
    assert "the reference yes" in decision.reasons[0].because
    assert "gate/reference" in caplog.text
    assert policy._evaluator.pid is None
    assert recovers(policy, ask)


def test_an_allow_that_only_the_engine_sees_is_a_deny(policy, ask):
    replace_child(policy, TRUE_ANSWER)
    decision = ask(policy, risk=99)
    assert (decision.verdict, decision.fired) == (Verdict.DENY, {"web-01": ("yes",)})


def test_a_killed_child_is_a_deny_and_the_next_question_gets_a_new_one(policy, ask):
    first = policy._evaluator.pid
    os.kill(first, signal.SIGKILL)
    assert ask(policy).reasons[0].rule == "gate/engine"
    assert recovers(policy, ask)
    assert policy._evaluator.pid != first


def test_a_hung_child_is_a_deny_in_time_and_is_gone_afterwards(policy, ask, monkeypatch):
    monkeypatch.setattr(evaluator, "ANSWER_S", 0.3)
    hung = policy._evaluator.pid
    os.kill(hung, signal.SIGSTOP)
    decision = ask(policy)
    assert decision.reasons[0].rule == "gate/engine"
    assert "in time" in decision.reasons[0].because
    assert not Path(f"/proc/{hung}").exists()
    monkeypatch.undo()
    assert recovers(policy, ask)


def test_a_child_that_hangs_before_it_reads_holds_nobody_up(load, ask, monkeypatch):
    made = load("".join(f"- {{rule: r{n}, when: {{n_targets: {n}}}, then: deny, because: x}}\n" for n in range(1000)))
    monkeypatch.setattr(evaluator, "START_S", 0.3)
    made._evaluator.command = (sys.executable, "-I", "-c", "import time; time.sleep(60)")
    made.close()
    decision = ask(made)  # the rules are more than a pipe holds
    assert "in time" in decision.reasons[0].because


def test_another_engine_than_the_one_that_was_loaded_is_a_deny(policy, ask):
    replace_child(policy, TRUE_ANSWER, engine="sha256:other")
    assert "another engine" in ask(policy).reasons[0].because
    assert recovers(policy, ask)


def test_a_child_that_cannot_be_started_is_a_deny(policy, ask):
    policy.close()
    policy._evaluator.command = ("/nonexistent/python",)
    assert "could not be started" in ask(policy).reasons[0].because
    assert recovers(policy, ask)


def test_a_closed_policy_leaves_no_child(policy):
    child = policy._evaluator.pid
    policy.close()
    assert not Path(f"/proc/{child}").exists()


def test_many_threads_get_their_own_answers(policy, ask):
    wrong: list[int] = []

    def work(risk: int) -> None:
        wrong.extend(risk for _ in range(100) if (ask(policy, risk=risk).verdict is Verdict.ALLOW) != (risk <= 50))

    threads = [threading.Thread(target=work, args=(risk,)) for risk in (10, 50, 51, 90)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_twelve_thousand_decisions_are_right_across_new_sessions(policy, ask):
    child = policy._evaluator.pid
    facts = dict(ask(policy).facts["web-01"])
    for number in range(12_000):
        risk = number % 100
        assert policy._evaluator.fired(facts | {"risk": risk}) == {"yes" if risk <= 50 else "no"}
    assert policy._evaluator.pid == child


def test_a_fork_that_closes_its_copy_ends_no_child_of_another(policy, ask):
    child = policy._evaluator.pid
    if (forked := os.fork()) == 0:
        policy.close()
        os._exit(0)
    os.waitpid(forked, 0)
    assert ask(policy, risk=50).verdict is Verdict.ALLOW
    assert policy._evaluator.pid == child


def test_after_a_fork_the_copy_gets_a_child_of_its_own(policy, ask):
    child = policy._evaluator.pid
    if (forked := os.fork()) == 0:
        right = ask(policy, risk=50).verdict is Verdict.ALLOW and policy._evaluator.pid != child
        policy.close()
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]) == 0
    assert ask(policy, risk=51).fired == {"web-01": ("no",)}
    assert policy._evaluator.pid == child
