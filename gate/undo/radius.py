"""The blast radius: which of many changes can be taken back, on which hosts, and in what order. Pure.

Newest first, host by host: on a host a change can be taken back if every later one that touched the same thing is taken
back before it. What is in the way, and is not to be taken back itself, is a conflict, and is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gate.undo.eligibility import blocks
from gate.undo.past import Past


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Take the change back on these hosts, after the undos of the changes `after`."""

    change_id: str
    hosts: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """On this host the change stays: because of the later change `by`, or, where that is empty, for its own reason."""

    change_id: str
    host: str
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Radius:
    """What can be done, newest first, and what cannot."""

    steps: tuple[Step, ...]
    conflicts: tuple[Conflict, ...]


def radius(past: Sequence[Past], wanted: Iterable[str], *, why_not: Mapping[str, str], cascade: bool = False) -> Radius:
    """How to take the `wanted` changes back; `past` are they and all that came later on their hosts, oldest first.

    `why_not` says of a change why it cannot be taken back at all. With `cascade` later changes that are in the way are
    taken back too, whoever made them.
    """
    chosen = frozenset(wanted)
    hosts = sorted({host for one in past if one.change.id in chosen for host in one.evidence})
    upon = {host: _lying_upon(past, host) for host in hosts}
    taken: dict[str, list[str]] = {one.change.id: [] for one in reversed(past)}  # on which hosts, the newest first
    conflicts: list[Conflict] = []
    for host in hosts:
        of_host = _with_followers(upon[host], chosen) if cascade else chosen
        found, left = _on_one_host(upon[host], of_host, host, why_not)
        conflicts += left
        for name in found:
            taken[name].append(host)
    steps = [
        Step(
            change_id=name,
            hosts=tuple(where),
            after=tuple(
                later for later in taken if any(host in taken[later] and later in upon[host][name] for host in where)
            ),
        )
        for name, where in taken.items()
        if where
    ]
    return Radius(tuple(steps), tuple(conflicts))


def _lying_upon(past: Sequence[Past], host: str) -> dict[str, list[str]]:
    """Of each change that did something on the host, oldest first, the later ones in the way of its undo there."""
    found = {}
    since = {one.change.id for one in past}
    for place, one in enumerate(past):
        part = one.on([host])
        if part.evidence:
            found[one.change.id] = [later.change.id for later in past[place + 1 :] if blocks(part, later, since)]
        since.remove(one.change.id)
    return found


def _with_followers(upon: Mapping[str, Sequence[str]], chosen: frozenset[str]) -> frozenset[str]:
    """The chosen changes, and every later one that is in the way of one of them."""
    found = set(chosen)
    for name, later in upon.items():
        if name in found:
            found.update(later)
    return frozenset(found)


def _on_one_host(
    upon: Mapping[str, Sequence[str]], chosen: frozenset[str], host: str, why_not: Mapping[str, str]
) -> tuple[set[str], list[Conflict]]:
    taken: set[str] = set()
    conflicts: list[Conflict] = []
    for name in reversed([name for name in upon if name in chosen]):
        in_the_way = [later for later in upon[name] if later not in taken]
        if why := why_not.get(name):
            conflicts.append(Conflict(change_id=name, host=host, by="", why=why))
        elif in_the_way:
            why = "it touched the same thing later"
            conflicts.append(Conflict(change_id=name, host=host, by=in_the_way[0], why=why))
        else:
            taken.add(name)
    return taken, conflicts
