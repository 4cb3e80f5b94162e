from __future__ import annotations

import json
from typing import Any

import pytest

from gate.execution.diff import Part, TaskDiff
from gate.execution.outcome import Observed, Outcome, Status, Task, judge, lost, never_started
from gate.execution.stopping import Reason, Stop

OK = {"ok": 2, "changed": 1}
S = Status


def seen(**values: Any) -> Observed:
    return Observed(**values)


def hosts(outcome: Outcome) -> dict[str, str]:
    return {host: one.status.value for host, one in outcome.hosts.items()}


ROWS: dict[str, tuple[Observed, int | None, str, Status, Status]] = {
    # what was seen, rc, runner's status -> the host, the whole
    "all is well": (seen(stats={"a": OK}, started={"a"}), 0, "successful", S.SUCCEEDED, S.SUCCEEDED),
    "nothing had to be changed": (seen(stats={"a": {"ok": 1}}), 0, "successful", S.SUCCEEDED, S.SUCCEEDED),
    "a task failed": (seen(stats={"a": {"failures": 1}}, started={"a"}), 2, "failed", S.FAILED, S.FAILED),
    "a failure with rc 0": (seen(stats={"a": {"failures": 1}}), 0, "successful", S.FAILED, S.FAILED),
    "no stats and a task began": (seen(started={"a"}), 1, "failed", S.UNKNOWN, S.UNKNOWN),
    "no stats and nothing began": (seen(), 4, "failed", S.FAILED, S.FAILED),
    "no stats but rc 0": (seen(), 0, "successful", S.FAILED, S.FAILED),
    "no stats, rc 0, a task began": (seen(started={"a"}), 0, "successful", S.UNKNOWN, S.UNKNOWN),
    "killed before a task": (seen(), None, "failed", S.FAILED, S.FAILED),
    "killed in a task": (seen(started={"a"}), None, "canceled", S.UNKNOWN, S.UNKNOWN),
    "timed out in a task": (seen(started={"a"}), 254, "timeout", S.UNKNOWN, S.UNKNOWN),
    "stats but no rc": (seen(stats={"a": OK}, started={"a"}), None, "successful", S.UNKNOWN, S.UNKNOWN),
    "well but rc 1": (seen(stats={"a": OK}), 1, "failed", S.SUCCEEDED, S.UNKNOWN),
    "well but timed out": (seen(stats={"a": OK}), 0, "timeout", S.SUCCEEDED, S.UNKNOWN),
    "unreachable before evidence": (seen(stats={"a": {"dark": 1}}), 4, "failed", S.UNREACHABLE, S.FAILED),
    "unreachable after evidence": (
        seen(stats={"a": {"dark": 1, "ok": 2}}, evidence={"a": 1}),
        4,
        "failed",
        S.UNKNOWN,
        S.UNKNOWN,
    ),
    "no hosts matched": (seen(stats={}), 0, "successful", S.FAILED, S.FAILED),
    "the host is not in the stats": (seen(stats={"b": OK}), 0, "successful", S.FAILED, S.UNKNOWN),
    "rescued": (seen(stats={"a": {"ok": 1, "rescued": 1}}), 0, "successful", S.SUCCEEDED, S.SUCCEEDED),
}


@pytest.mark.parametrize("row", ROWS)
def test_an_outcome_says_what_may_be_believed(row: str) -> None:
    observed, rc, status, host, overall = ROWS[row]
    outcome = judge(["a"], observed, rc, status)
    assert (outcome.hosts["a"].status, outcome.status) == (host, overall)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, S.UNREACHABLE),
        ({"a": {"ansible.builtin.assert", "ansible.builtin.slurp"}}, S.UNREACHABLE),
        ({"a": {"ansible.builtin.assert", "ansible.builtin.copy"}}, S.UNKNOWN),
        ({"a": {"config_value"}}, S.UNKNOWN),
        ({"b": {"ansible.builtin.copy"}}, S.UNREACHABLE),
    ],
)
def test_a_host_that_is_lost_in_an_undo_is_unknown_as_soon_as_something_may_have_been_changed(
    sent: dict[str, set[str]], status: S
) -> None:
    lost = seen(stats={"a": {"dark": 1}}, sent=sent)
    assert judge(["a"], lost, 4, "failed", undo=True).hosts["a"].status is status
    stopped = seen(started={"a"}, unreachable={"a"}, sent=sent)
    assert judge(["a"], stopped, 4, "failed", ASKED, undo=True).hosts["a"].status is status
    assert judge(["a"], lost, 4, "failed").hosts["a"].status is S.UNREACHABLE


def test_one_host_of_which_nothing_is_known_makes_the_whole_unknown() -> None:
    stats = {"a": OK, "b": {"dark": 1}}
    outcome = judge(["a", "b"], seen(stats=stats, evidence={"b": 1}), 4, "failed")
    assert hosts(outcome) == {"a": "succeeded", "b": "unknown"}
    assert outcome.status is S.UNKNOWN


def test_one_failed_host_makes_the_whole_failed() -> None:
    outcome = judge(["a", "b"], seen(stats={"a": OK, "b": {"failures": 1}}), 2, "failed")
    assert hosts(outcome) == {"a": "succeeded", "b": "failed"}
    assert outcome.status is S.FAILED


def test_a_host_that_is_missing_from_the_stats_did_not_succeed() -> None:
    outcome = judge(["a", "b"], seen(stats={"a": OK}), 0, "successful")
    assert hosts(outcome) == {"a": "succeeded", "b": "failed"}
    assert outcome.status is S.FAILED


def test_a_host_that_began_and_is_missing_from_the_stats_is_unknown() -> None:
    outcome = judge(["a", "b"], seen(stats={"a": OK}, started={"a", "b"}), 0, "successful")
    assert hosts(outcome) == {"a": "succeeded", "b": "unknown"}
    assert outcome.status is S.UNKNOWN


def test_a_stranger_makes_everything_unknown_and_is_named() -> None:
    outcome = judge(["a"], seen(stats={"a": OK, "x": OK}), 0, "successful")
    assert outcome.status is S.UNKNOWN
    assert "x" in outcome.note


def test_a_stranger_without_stats_makes_everything_unknown_too() -> None:
    outcome = judge(["a"], seen(stats={"a": OK}, started={"a", "x"}), 0, "successful")
    assert outcome.status is S.UNKNOWN
    assert "x" in outcome.note


def test_no_expected_host_is_nothing_to_rely_on() -> None:
    assert judge([], seen(stats={}), 0, "successful").status is S.UNKNOWN


def test_the_words_of_a_failure_are_kept() -> None:
    observed = seen(stats={"a": {"failures": 1}}, messages={"a": "Task: no."}, words=["Broken."])
    outcome = judge(["a"], observed, 2, "failed")
    assert outcome.hosts["a"].message == "Task: no."
    assert outcome.note == "Broken. ansible-runner says: failed."


def test_what_never_started_began_nothing_and_changed_nothing() -> None:
    outcome = never_started(["a"], "No.")
    assert (outcome.status, outcome.began, hosts(outcome)) == (S.FAILED, False, {"a": "failed"})


def test_what_was_lost_is_unknown_on_every_host_and_keeps_its_evidence() -> None:
    outcome = lost(["a", "b"], "Lost.", {"a": 1})
    assert outcome.status is S.UNKNOWN
    assert hosts(outcome) == {"a": "unknown", "b": "unknown"}
    assert outcome.evidence == {"a": 1}
    assert outcome.began


def test_an_outcome_says_the_same_again_in_json() -> None:
    outcome = judge(
        ["a"],
        seen(
            stats={"a": OK},
            evidence={"a": [1]},
            diff={"a": [TaskDiff(task="T", module="m", changed=True, parts=(Part(header="/x", lines=("+a",)),))]},
        ),
        0,
        "successful",
    )
    assert Outcome.from_json(json.loads(json.dumps(outcome.as_json()))) == outcome


ASKED = Stop(reason=Reason.ASKED, killed=False, ended=True)
UNSURE = Stop(reason=Reason.ASKED, killed=True, ended=False)
WRITE, READ = Task("Write", "ansible.builtin.copy"), Task("Read", "ansible.builtin.stat")


def at_work(task: Task = WRITE, **values: Any) -> Observed:
    return seen(started={"a"}, in_flight={"a": task}, changed={"a": 2}, **values)


STOPPED: dict[str, tuple[Observed, Stop, tuple[str, ...], Status, str]] = {
    # what was seen, how it was stopped, what is local -> the host, and what is said of it
    "nothing had begun": (seen(), ASKED, (), S.FAILED, "Nothing was run here."),
    "in a task on this machine": (at_work(), ASKED, ("a",), S.FAILED, "It was stopped during Write."),
    "in a task elsewhere": (at_work(), ASKED, (), S.UNKNOWN, "may have gone on on the host"),
    "in a task here that may go on": (at_work(), UNSURE, ("a",), S.UNKNOWN, "not certain that the task ended"),
    "in a task that only reads": (at_work(READ), UNSURE, (), S.FAILED, "It was stopped during Read."),
    "between tasks": (seen(started={"a"}, last={"a": WRITE}), UNSURE, (), S.FAILED, "It was stopped after Write."),
    "with a name that says nothing": (seen(started={"a"}), ASKED, (), S.FAILED, "It was asked to stop."),
    "after a failure": (seen(started={"a"}, last={"a": WRITE}, messages={"a": "Write: no"}), ASKED, (), S.FAILED, "no"),
    "unreachable before evidence": (seen(started={"a"}, unreachable={"a"}), ASKED, (), S.UNREACHABLE, ""),
    "unreachable after it": (seen(started={"a"}, unreachable={"a"}, evidence={"a": 1}), ASKED, (), S.UNKNOWN, ""),
    "after the last task": (
        seen(started={"a"}, last={"a": WRITE}, stats={"a": OK}),
        ASKED,
        (),
        S.FAILED,
        "after Write",
    ),
}


@pytest.mark.parametrize("row", STOPPED)
@pytest.mark.parametrize(("rc", "status"), [(None, "failed"), (254, "canceled"), (143, "failed")])
def test_a_host_of_a_stopped_run_is_judged_by_how_far_it_was(row: str, rc: int | None, status: str) -> None:
    observed, stop, local, host, said = STOPPED[row]
    outcome = judge(["a"], observed, rc, status, stop, local)
    assert outcome.hosts["a"].status is host
    assert said in outcome.hosts["a"].message
    assert outcome.stopped
    assert outcome.status is (S.UNKNOWN if host is S.UNKNOWN else S.FAILED)
    assert outcome.note.startswith("It was asked to stop.")
    assert Outcome.from_json(json.loads(json.dumps(outcome.as_json()))) == outcome


def test_a_run_that_had_come_to_its_end_was_not_stopped() -> None:
    well = judge(["a"], seen(stats={"a": OK}, started={"a"}), 0, "successful", ASKED)
    assert (well.status, well.stopped, well.note) == (S.SUCCEEDED, False, "")
    failed = judge(["a"], seen(stats={"a": {"failures": 1}}, started={"a"}), 2, "failed", ASKED)
    assert (failed.status, failed.stopped) == (S.FAILED, False)


@pytest.mark.parametrize("rc", [None, -15, 254])
def test_a_stopped_run_is_no_success_however_well_it_looks(rc: int | None) -> None:
    outcome = judge(["a"], seen(stats={"a": OK}, started={"a"}), rc, "successful", ASKED, ("a",))
    assert outcome.status is S.FAILED


def test_a_stranger_in_a_stopped_run_makes_everything_unknown() -> None:
    assert judge(["a"], at_work(READ), None, "failed", ASKED, ("a",)).status is S.FAILED
    outcome = judge(["a"], seen(started={"a", "x"}, last={"a": WRITE}), None, "failed", ASKED, ("a",))
    assert outcome.status is S.UNKNOWN


def test_an_older_outcome_was_not_stopped() -> None:
    plain = lost(["a"], "Lost.", {}).as_json()
    del plain["stopped"]
    assert not Outcome.from_json(plain).stopped
