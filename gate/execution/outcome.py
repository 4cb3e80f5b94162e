"""What a run did, per host. Pure: from what was observed to what may be believed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gate.execution.diff import TaskDiff, bounded
from gate.execution.stopping import Stop

NOTHING = "Nothing was run here."
UNEXPECTED = 250  # Ansible's own code for an exception of its own
KILLED_BY_SIGNAL = 128  # and above, as shells have it; ansible-runner's 254 means the same


class Status(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOutcome:
    """What happened on one host; `changed` counts tasks that changed something."""

    status: Status
    changed: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run did. `note` says what the hosts cannot say; `evidence` and `diff` are by host."""

    status: Status
    hosts: Mapping[str, HostOutcome]
    evidence: Mapping[str, Any] = field(default_factory=dict)
    diff: Mapping[str, Sequence[TaskDiff]] = field(default_factory=dict)
    note: str = ""
    began: bool = True  # False: it is certain that nothing was run
    stopped: bool = False  # it ended because it was asked to stop, or ran out of its time

    def as_json(self) -> dict[str, Any]:
        return {
            "status": self.status.value,
            "hosts": {
                host: {"status": one.status.value, "changed": one.changed, "message": one.message}
                for host, one in self.hosts.items()
            },
            "evidence": dict(self.evidence),
            "diff": {host: [task.as_json() for task in tasks] for host, tasks in self.diff.items()},
            "note": self.note,
            "began": self.began,
            "stopped": self.stopped,
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Outcome:
        """The inverse of `as_json`. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            status=Status(plain["status"]),
            hosts={
                host: HostOutcome(status=Status(one["status"]), changed=one["changed"], message=one["message"])
                for host, one in plain["hosts"].items()
            },
            evidence=plain["evidence"],
            diff={host: [TaskDiff.from_json(task) for task in tasks] for host, tasks in plain["diff"].items()},
            note=plain["note"],
            began=plain["began"],
            stopped=plain.get("stopped", False),  # older records do not say
        )


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a playbook: its name, and the module that it runs."""

    name: str
    module: str


@dataclass(slots=True)
class Observed:
    """What was seen of a run while it went on: filled by `events`, judged by `judge`."""

    started: set[str] = field(default_factory=set)  # hosts on which a task began
    in_flight: dict[str, Task] = field(default_factory=dict)  # host -> the task that began there and has not ended
    last: dict[str, Task] = field(default_factory=dict)  # host -> the task that ended there last
    unreachable: set[str] = field(default_factory=set)
    sent: dict[str, set[str]] = field(default_factory=dict)  # host -> the modules that may have run there
    changed: dict[str, int] = field(default_factory=dict)  # host -> how many tasks changed something
    messages: dict[str, str] = field(default_factory=dict)  # host -> the last failure's words
    evidence: dict[str, Any] = field(default_factory=dict)
    diff: dict[str, list[TaskDiff]] = field(default_factory=dict)
    stats: Mapping[str, Mapping[str, int]] | None = None  # the closing event; None: it never came
    words: list[str] = field(default_factory=list)  # errors that belong to no host


def judge(
    expected: Sequence[str],
    seen: Observed,
    rc: int | None,
    status: str,
    stop: Stop | None = None,
    local: Collection[str] = (),
    *,
    undo: bool = False,
) -> Outcome:
    """What may be believed of a run on the hosts `expected` that ended with `rc` and the runner's `status`.

    `stop` says that it was stopped; `local` are the hosts on which tasks run as processes of this machine. An `undo`
    records no evidence before it changes something, so there every task counts that may do so.
    """
    if stop is not None and _ended_by_itself(seen, rc):
        stop = None  # it had come to its end already
    hosts = {
        host: _judge_host(host, seen, rc, undo=undo)
        if stop is None
        else _judge_stopped(host, seen, stop, local=host in local, undo=undo)
        for host in expected
    }
    overall = _overall([one.status for one in hosts.values()])
    if overall is Status.SUCCEEDED and (rc != 0 or status != "successful"):
        overall = Status.UNKNOWN
    strangers = sorted(({*(seen.stats or {})} | seen.started) - {*expected})
    if strangers:  # must be impossible; if it is not, nobody should rely on anything here
        overall = Status.UNKNOWN
        seen.words.append(f"The run touched hosts that it was not for: {', '.join(strangers)}.")
    why = [stop.note] if stop else [] if status == "successful" else [_how_it_ended(seen, rc, status)]
    return Outcome(
        status=overall,
        hosts=hosts,
        evidence=seen.evidence,
        diff=bounded(seen.diff),
        note=" ".join([*seen.words, *why]),
        stopped=stop is not None,
    )


def never_started(expected: Sequence[str], why: str, *, stopped: bool = False) -> Outcome:
    """The outcome of a run of which it is certain that it touched nothing."""
    hosts = dict.fromkeys(expected, HostOutcome(status=Status.FAILED, message=NOTHING))
    return Outcome(status=Status.FAILED, hosts=hosts, note=why, began=False, stopped=stopped)


def lost(expected: Sequence[str], why: str, evidence: Mapping[str, Any]) -> Outcome:
    """The outcome of a run that began and of whose end nothing is known."""
    hosts = {
        host: HostOutcome(status=Status.UNKNOWN, message="It is not known what was done here.") for host in expected
    }
    return Outcome(status=Status.UNKNOWN, hosts=hosts, evidence=evidence, note=why)


def _judge_host(host: str, seen: Observed, rc: int | None, *, undo: bool) -> HostOutcome:
    message = seen.messages.get(host, "")
    if seen.stats is None:
        if host in seen.started:
            return HostOutcome(status=Status.UNKNOWN, message=message or "The run did not come to its end.")
        return HostOutcome(status=Status.FAILED, message=message or NOTHING)
    counts = seen.stats.get(host)
    if counts is None and host in seen.started:
        return HostOutcome(status=Status.UNKNOWN, message=message or "The run's end does not speak of this host.")
    if counts is None:
        return HostOutcome(status=Status.FAILED, message=message or "The playbook did not reach this host.")
    changed = counts.get("changed", 0)
    if counts.get("dark", 0):
        return HostOutcome(status=_lost(host, seen, undo=undo), changed=changed, message=message)
    if counts.get("failures", 0):
        return HostOutcome(status=Status.FAILED, changed=changed, message=message)
    if rc is None:
        return HostOutcome(status=Status.UNKNOWN, changed=changed, message="The run has no return code.")
    return HostOutcome(status=Status.SUCCEEDED, changed=changed)


def _judge_stopped(host: str, seen: Observed, stop: Stop, *, local: bool, undo: bool) -> HostOutcome:
    """A host of a run that was stopped. It never succeeded: the proof of that comes at the end of a run."""
    message, task = seen.messages.get(host, ""), seen.in_flight.get(host)
    if host not in seen.started:
        return HostOutcome(status=Status.FAILED, message=message or NOTHING)
    if host in seen.unreachable:
        return HostOutcome(status=_lost(host, seen, undo=undo), message=message)
    changed = seen.changed.get(host, 0)
    if task is None:
        after = f"It was stopped after {seen.last[host].name}." if host in seen.last else stop.note
        return HostOutcome(status=Status.FAILED, changed=changed, message=message or after)
    if (local and stop.ended) or only_reads(task.module):
        return HostOutcome(status=Status.FAILED, changed=changed, message=f"It was stopped during {task.name}.")
    doubt = "it is not certain that the task ended" if local else "the task may have gone on on the host"
    return HostOutcome(
        status=Status.UNKNOWN, changed=changed, message=f"It was asked to stop during {task.name}; {doubt}."
    )


def _lost(host: str, seen: Observed, *, undo: bool) -> Status:
    """A host that could not be reached any more: lost while changing means that what was done is not known."""
    sent = seen.sent.get(host, ())
    # an undo has no evidence to record before it changes something
    midway = not all(map(only_reads, sent)) if undo else host in seen.evidence
    return Status.UNKNOWN if midway else Status.UNREACHABLE


def only_reads(module: str) -> bool:
    """Whether a task with this module changes nothing, however much of it was done."""
    from gate.catalog.reading import READ_ONLY  # late: asked only where a run was stopped or a host lost

    return module in READ_ONLY


def _ended_by_itself(seen: Observed, rc: int | None) -> bool:
    return seen.stats is not None and rc is not None and 0 <= rc < KILLED_BY_SIGNAL


def _how_it_ended(seen: Observed, rc: int | None, status: str) -> str:
    if seen.stats is None and (rc is None or rc >= KILLED_BY_SIGNAL) and rc != UNEXPECTED:
        return "Ansible was killed while the run was at work."
    return f"ansible-runner says: {status}."


def _overall(statuses: Sequence[Status]) -> Status:
    if not statuses or Status.UNKNOWN in statuses:
        return Status.UNKNOWN
    if set(statuses) == {Status.SUCCEEDED}:
        return Status.SUCCEEDED
    return Status.FAILED
