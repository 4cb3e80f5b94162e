"""Which earlier changes count together with the one that is asked about: by whom, what and where. Pure.

Of an earlier change it may be unknown where it was (its hosts were not described when it was stored). The unknown
counts everywhere: a limit may be too strict for that, and never too loose.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from gate.policy.language.rule import All, AnyOf, Condition, Leaf
from gate.policy.language.vocabulary import Value, plain
from gate.policy.question import Host, Past, Question

Place = tuple[str, ...]
GROUP = "group:"


def places(by: Sequence[str], host: Host) -> list[Place]:
    """The combinations of what `by` says of a place that the host is in; none if it is in no such group."""
    found: list[list[str]] = []
    for name in by:
        if name == "target":
            found.append([host.name])
        elif name == "environment":
            found.append([host.environment])
        elif name == "group":
            found.append(sorted(host.groups))
        elif name.startswith(GROUP):
            found.append([group for group in (name.removeprefix(GROUP),) if group in host.groups])
    return list(product(*found))


class Tally:
    """Earlier changes by place: those of the same actor and action, where `by` names these, that `scope` may cover."""

    def __init__(self, by: Sequence[str], scope: Condition, question: Question, changes: Iterable[Past]) -> None:
        self._by = by
        self._places: dict[Place, list[Past]] = defaultdict(list)
        self._names: dict[str, list[Past]] = defaultdict(list)  # where the host is all that is known
        self._everywhere: list[Past] = []
        actor = str(question.actor)
        for past in changes:
            if ("actor" in by and past.actor != actor) or ("action" in by and past.action != question.action):
                continue
            self._put(past, [name for name in past.hosts if may_cover(scope, past, name)])

    def of(self, host: Host) -> Iterator[tuple[Place, list[Past]]]:
        """For each place of the host the changes that count there, each once, in the order given."""
        loose = [*self._names[host.name], *self._everywhere]
        for place in places(self._by, host):
            found = {id(past): past for past in (*self._places[place], *loose)}
            yield place, sorted(found.values(), key=lambda past: past.at)

    def _put(self, past: Past, names: Iterable[str]) -> None:
        seen: set[Place] = set()
        for name in names:
            host = past.known.get(name)
            if host is None and self._needs_more_than_the_name():
                (self._names[name] if "target" in self._by else self._everywhere).append(past)
                continue
            for place in places(self._by, host or Host(name=name, groups=frozenset())):
                if place not in seen:
                    seen.add(place)
                    self._places[place].append(past)

    def _needs_more_than_the_name(self) -> bool:
        return any(name == "environment" or name.startswith("group") for name in self._by)


def may_cover(scope: Condition, past: Past, name: str) -> bool:
    """Whether the scope covers that change on that host, as far as is known; what is not known counts as covered."""
    match scope:
        case All(of):
            return all(may_cover(inner, past, name) for inner in of)
        case AnyOf(of):
            return any(may_cover(inner, past, name) for inner in of)
        case Leaf(fact=fact, op="in", value=tuple() as values):
            actual = _known(fact, past, name)
            return actual is None or actual in values
        case Leaf(fact=fact, op="eq", value=wanted) if fact.startswith("group."):
            host = past.known.get(name)
            return host is None or (fact.removeprefix("group.") in host.groups) == (wanted == "yes")
    return True


def _known(fact: str, past: Past, name: str) -> Value | None:
    match fact:
        case "action":
            return plain(past.action)
        case "actor_kind":
            return past.actor.partition(":")[0]
        case "environment" | "criticality" if name in past.known:
            host = past.known[name]
            return plain(host.environment if fact == "environment" else host.criticality)
    return None


def named(changes: Sequence[Past], most: int = 3) -> str:
    """The ids of changes for people: the first few, and how many more."""
    ids = [past.id or "one without an id" for past in changes]
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    return ", ".join(ids[:most]) + more
