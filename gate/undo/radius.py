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
    taken: dict[str, set[str]] = {}
    conflicts: list[Conflict] = []
    for host in hosts:
        here = [one for one in past if host in one.hosts]
        for_host = _with_followers(here, chosen, host) if cascade else chosen
        found, left = _on_one_host(here, for_host, host, why_not)
        conflicts += left
        for change_id in found:
            taken.setdefault(change_id, set()).add(host)
    ordered = [one for one in reversed(past) if one.change.id in taken]
    steps = tuple(
        Step(
            change_id=one.change.id,
            hosts=tuple(sorted(taken[one.change.id])),
            after=tuple(
                later.change.id
                for later in ordered[:place]
                if any(_in_the_way(one, later, host) for host in taken[one.change.id] & taken[later.change.id])
            ),
        )
        for place, one in enumerate(ordered)
    )
    return Radius(steps, tuple(conflicts))


def _with_followers(here: Sequence[Past], chosen: frozenset[str], host: str) -> frozenset[str]:
    """The chosen changes of a host, and every later one that is in the way of one of them."""
    found = {one.change.id for one in here if one.change.id in chosen}
    for number, later in enumerate(here):
        if any(one.change.id in found and _in_the_way(one, later, host) for one in here[:number]):
            found.add(later.change.id)
    return frozenset(found)


def _on_one_host(
    here: Sequence[Past], chosen: frozenset[str], host: str, why_not: Mapping[str, str]
) -> tuple[set[str], list[Conflict]]:
    taken: set[str] = set()
    conflicts: list[Conflict] = []
    for place in range(len(here) - 1, -1, -1):
        one = here[place]
        if one.change.id not in chosen or host not in one.evidence:
            continue
        in_the_way = [
            later for later in here[place + 1 :] if later.change.id not in taken and _in_the_way(one, later, host)
        ]
        if why := why_not.get(one.change.id):
            conflicts.append(Conflict(change_id=one.change.id, host=host, by="", why=why))
        elif in_the_way:
            by = in_the_way[0].change.id
            conflicts.append(Conflict(change_id=one.change.id, host=host, by=by, why="it touched the same thing later"))
        else:
            taken.add(one.change.id)
    return taken, conflicts


def _in_the_way(one: Past, later: Past, host: str) -> bool:
    return host in one.evidence and blocks(one.on([host]), later)
