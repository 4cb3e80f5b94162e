"""What a run did, per host. Pure: from what was observed to what may be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


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
    diff: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    note: str = ""
    began: bool = True  # False: it is certain that nothing was run

    def as_json(self) -> dict[str, Any]:
        return {
            "status": self.status.value,
            "hosts": {
                host: {"status": one.status.value, "changed": one.changed, "message": one.message}
                for host, one in self.hosts.items()
            },
            "evidence": dict(self.evidence),
            "diff": {host: [dict(part) for part in parts] for host, parts in self.diff.items()},
            "note": self.note,
            "began": self.began,
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
            diff=plain["diff"],
            note=plain["note"],
            began=plain["began"],
        )


@dataclass(slots=True)
class Observed:
    """What was seen of a run while it went on: filled by `events`, judged by `judge`."""

    started: set[str] = field(default_factory=set)  # hosts on which a task began
    messages: dict[str, str] = field(default_factory=dict)  # host -> the last failure's words
    evidence: dict[str, Any] = field(default_factory=dict)
    diff: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    stats: Mapping[str, Mapping[str, int]] | None = None  # the closing event; None: it never came
    words: list[str] = field(default_factory=list)  # errors that belong to no host


def judge(expected: Sequence[str], seen: Observed, rc: int | None, status: str) -> Outcome:
    """What may be believed of a run on the hosts `expected` that ended with `rc` and the runner's `status`."""
    hosts = {host: _judge_host(host, seen, rc) for host in expected}
    overall = _overall([one.status for one in hosts.values()])
    if overall is Status.SUCCEEDED and (rc != 0 or status != "successful"):
        overall = Status.UNKNOWN
    strangers = sorted(({*(seen.stats or {})} | seen.started) - {*expected})
    if strangers:  # must be impossible; if it is not, nobody should rely on anything here
        overall = Status.UNKNOWN
        seen.words.append(f"The run touched hosts that it was not for: {', '.join(strangers)}.")
    note = " ".join([*seen.words, *([] if status == "successful" else [f"ansible-runner says: {status}."])])
    return Outcome(status=overall, hosts=hosts, evidence=seen.evidence, diff=seen.diff, note=note)


def never_started(expected: Sequence[str], why: str) -> Outcome:
    """The outcome of a run of which it is certain that it touched nothing."""
    hosts = dict.fromkeys(expected, HostOutcome(status=Status.FAILED, message="Nothing was run here."))
    return Outcome(status=Status.FAILED, hosts=hosts, note=why, began=False)


def lost(expected: Sequence[str], why: str, evidence: Mapping[str, Any]) -> Outcome:
    """The outcome of a run that began and of whose end nothing is known."""
    hosts = {
        host: HostOutcome(status=Status.UNKNOWN, message="It is not known what was done here.") for host in expected
    }
    return Outcome(status=Status.UNKNOWN, hosts=hosts, evidence=evidence, note=why)


def _judge_host(host: str, seen: Observed, rc: int | None) -> HostOutcome:
    message = seen.messages.get(host, "")
    if seen.stats is None:
        if host in seen.started:
            return HostOutcome(status=Status.UNKNOWN, message=message or "The run did not come to its end.")
        return HostOutcome(status=Status.FAILED, message=message or "Nothing was run here.")
    counts = seen.stats.get(host)
    if counts is None and host in seen.started:
        return HostOutcome(status=Status.UNKNOWN, message=message or "The run's end does not speak of this host.")
    if counts is None:
        return HostOutcome(status=Status.FAILED, message=message or "The playbook did not reach this host.")
    changed = counts.get("changed", 0)
    if counts.get("dark", 0):
        # lost after evidence was recorded means lost while changing: what was done is not known
        lost_midway = host in seen.evidence
        return HostOutcome(
            status=Status.UNKNOWN if lost_midway else Status.UNREACHABLE, changed=changed, message=message
        )
    if counts.get("failures", 0):
        return HostOutcome(status=Status.FAILED, changed=changed, message=message)
    if rc is None:
        return HostOutcome(status=Status.UNKNOWN, changed=changed, message="The run has no return code.")
    return HostOutcome(status=Status.SUCCEEDED, changed=changed)


def _overall(statuses: Sequence[Status]) -> Status:
    if not statuses or Status.UNKNOWN in statuses:
        return Status.UNKNOWN
    if set(statuses) == {Status.SUCCEEDED}:
        return Status.SUCCEEDED
    return Status.FAILED
