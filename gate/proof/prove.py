"""Proving an undo: look, do, look, take back, look again; once more; and from every step at which do can break off."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any

from gate.catalog.action import Action
from gate.catalog.digest import digest_folder
from gate.catalog.proof_cases import FILE, Case, read_cases
from gate.certificate.model import Certificate, ProvedCase
from gate.changes.model import Change, State
from gate.proof.broken_off import broken_off
from gate.proof.ground import FINGERPRINT, Door, Ground, Seen
from gate.settings import SiteFolder
from gate.values.errors import CertificateError, GateError

SHOWN = 8  # differences of one host
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an action has no certificate: in which case, at which step, and what was seen there."""

    case: str
    step: str
    what: str


@dataclass(frozen=True, slots=True)
class Proof:
    """How the proof of an action ended: with a certificate, or with the fault that it stopped at."""

    action: str
    certificate: Certificate | None
    fault: Fault | None


class RefutedError(Exception):
    """The undo does not bring the host back, or something else than the action showed."""

    def __init__(self, step: str, what: str) -> None:
        super().__init__(what)
        self.step, self.what = step, what


def prove(
    site: SiteFolder,
    action: Action,
    hosts: Sequence[str],
    *,
    opened: Callable[[SiteFolder], Door],
    now: datetime,
    say: Say,
) -> Proof:
    """Tries all cases of the action on `hosts`, which are changed, broken and brought back, one case after the other.

    `opened` opens a site; `say` is told what goes on. It stops at the first fault: the hosts are not what they were.

    Raises:
        CertificateError: there is nothing to prove, or nothing to prove it with.
        BrokenActionError: its proof.yml cannot be read.
    """
    cases = _cases(action)
    proved: list[ProvedCase] = []
    systems: dict[str, str] = {}
    with Ground.made(site, hosts, opened) as ground:
        _copy(ground, action, cases)
        for number, case in enumerate(cases):
            # the first case shows that no host is forgotten; for the others one will do, each in its turn
            ground.hosts = tuple(hosts) if number == 0 else (hosts[number % len(hosts)],)
            say(f"{action.name}: {case.name}, on {', '.join(ground.hosts)}")
            try:
                found, seen = _prove_case(ground, action, case, number, say)
            except RefutedError as wrong:
                return Proof(action.name, None, Fault(case.name, wrong.step, wrong.what))
            proved.append(found)
            systems |= seen
    made = Certificate(
        action=action.name,
        digest=action.digest,
        hosts=systems,
        cases=tuple(proved),
        fingerprint=digest_folder(FINGERPRINT),
        ansible_core=version("ansible-core"),
        python=".".join(map(str, sys.version_info[:3])),
        proved_at=now,
    )
    return Proof(action.name, made, None)


def _cases(action: Action) -> tuple[Case, ...]:
    if not action.has_undo:
        raise CertificateError(
            f"The undo of {action.name} cannot be proved.",
            f"It has none: {action.reversibility_reason}",
            "Have the rules ask people before it is done.",
        )
    cases = read_cases(action.folder)
    if not any(case.changes for case in cases):
        raise CertificateError(
            f"{action.name} does not say how it can be proved.",
            f"It has no {FILE} with a case that changes something.",
            "Write one: docs/howto/prove-an-action.md",
        )
    return cases


def _copy(ground: Ground, action: Action, cases: Sequence[Case]) -> None:
    copied = ground.put(action.folder, action.name)
    if digest_folder(copied) != action.digest:
        raise CertificateError(
            f"{action.name} was edited meanwhile.", "What was copied is not what was asked for.", "Prove it again."
        )
    for number, case in enumerate(cases):
        if case.pre_tasks:
            ground.put_tasks(_preparation(number), case.pre_tasks, action.collections)
    for number, way in enumerate(broken_off(action.folder / "do.yml")):
        name = _variant(action, number)
        folder = ground.put(action.folder, name)
        (folder / "do.yml").write_text(way.text)
        meta = folder / "do.meta.yml"
        meta.write_text(meta.read_text().replace(f"\n  {action.name}:", f"\n  {name}:"))


def _preparation(number: int) -> str:
    return f"prepare_case_{number}"


def _variant(action: Action, number: int) -> str:
    return f"{action.name}_broken_{number}"


def _prove_case(ground: Ground, action: Action, case: Case, number: int, say: Say) -> tuple[ProvedCase, dict[str, str]]:
    with _step("prepare"):
        if case.pre_tasks:
            _demand(ground, ground.act(_preparation(number), {}), State.SUCCEEDED)
        systems = {host: seen.system for host, seen in ground.look("start").items()}
    first = _there_and_back(ground, action, case, "do", shown=number == 0)
    changed = ", ".join(first.changed) or "nothing changed"
    say(f"  done in {first.do_s:.1f} s ({changed}), undone in {first.undo_s:.1f} s")
    second = _there_and_back(ground, action, case, "do again")
    steps = [way.after for way in broken_off(action.folder / "do.yml")] if case.changes else []
    for at, after in enumerate(steps):
        _from_half_way(ground, _variant(action, at), case, f"do broken off after: {after}")
    if steps:
        say(f"  undone too when it is broken off, after each of {len(steps)} steps")
    found = ProvedCase(
        name=case.name,
        parameters=dict(case.vars),
        changed=first.changed,
        broken_off=tuple(steps),
        do_s=round(max(first.do_s, second.do_s), 3),
        undo_s=round(max(first.undo_s, second.undo_s), 3),
    )
    return found, systems


@dataclass(frozen=True, slots=True)
class _Trip:
    """There and back: the parts of the fingerprint that were different in between, and the seconds of each way."""

    changed: tuple[str, ...]
    do_s: float
    undo_s: float


def _there_and_back(ground: Ground, action: Action, case: Case, step: str, *, shown: bool = False) -> _Trip:
    """With `shown` the undo is previewed first, which has to work and to change nothing."""
    with _step(step):
        begun = time.monotonic()
        change = ground.act(action.name, case.vars)
        do_s = time.monotonic() - begun
        _demand(ground, change, State.SUCCEEDED)
        changed = _expect_a_change(case, ground.look("done", "start"))
    if shown:
        with _step(f"preview of the undo of {step}"):
            if why_not := ground.check_undo(change):
                raise RefutedError("", f"It does not work: {why_not}")
            _expect_the_start(ground.look("shown", "done"))
    with _step(f"undo of {step}"):
        begun = time.monotonic()
        _demand(ground, ground.undo(change), State.UNDONE)
        undo_s = time.monotonic() - begun
        _expect_the_start(ground.look("back", "start"))
    return _Trip(changed, do_s, undo_s)


def _from_half_way(ground: Ground, variant: str, case: Case, step: str) -> None:
    with _step(step):
        change = ground.act(variant, case.vars)
        if change.state is State.FAILED:  # an action that says so is taken back by the gate itself
            change = ground.undo(change)
        _demand(ground, change, State.UNDONE)
        _expect_the_start(ground.look("back", "start"))


@contextmanager
def _step(name: str) -> Iterator[None]:
    """Whatever the gate refuses on the way is a fault of this step."""
    try:
        yield
    except RefutedError as wrong:
        raise RefutedError(wrong.step or name, wrong.what) from None
    except GateError as wrong:
        raise RefutedError(name, str(wrong)) from wrong


def _demand(ground: Ground, change: Change, state: State) -> None:
    if change.state is not state:
        raise RefutedError("", f"It should be {state.value}: {ground.why(change)}.")


def _expect_a_change(case: Case, seen: Mapping[str, Seen]) -> tuple[str, ...]:
    for host, one in seen.items():
        if case.changes and not one.happened:
            raise RefutedError("", f"Nothing on {host} is different after it.")
        if not case.changes and not one.same:
            raise RefutedError("", f"It should change nothing, but on {host}: {_shown(one)}")
    return tuple(sorted({section for one in seen.values() for section in one.sections}))


def _expect_the_start(seen: Mapping[str, Seen]) -> None:
    for host, one in seen.items():
        if not one.same:
            raise RefutedError("", f"{host} is not what it was: {_shown(one)}")


def _shown(seen: Seen) -> str:
    told: list[Any] = [line for line in seen.differences if not line.startswith("events:")]
    more = f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    return "; ".join(told[:SHOWN]) + more
