"""Where: the hosts and groups that a clause names, as one list at one place of the sentence."""

from __future__ import annotations

from dataclasses import dataclass

from planner.catalog import CatalogView
from planner.clauses import Clause
from planner.words import AND, DETERMINERS, EMPTY, HOST_NOUNS, ON, PREPOSITIONS, Kind, Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The names in the inventory's own spelling; the positions that they and their grammar take.

    `scattered`: names stand at more than one place ("from lb-01 to lb-02"), so it is not said which one is meant.
    `link`: the preposition before them, if it is not one that always means a place.
    """

    names: tuple[str, ...]
    positions: frozenset[int]
    trailing: frozenset[int]  # of these the nouns after the names: "web *servers*"
    scattered: bool
    link: str | None


def find_places(clause: Clause, catalog: CatalogView) -> Places:
    """Exactly named hosts, and groups where the sentence uses them as a place. Nothing is guessed from a likeness."""
    hosts = {host.name.casefold(): host.name for host in catalog.hosts}
    groups = {name.casefold(): name for name in catalog.groups}
    found: dict[int, str] = {}
    for at, token in enumerate(clause):
        if token.kind in {Kind.WORD, Kind.ADDRESS} and token.low in hosts:
            found[at] = hosts[token.low]
        elif token.plain and token.low in groups and _used_as_group(clause, at, found):
            found[at] = groups[token.low]
    if not found:
        return Places(names=(), positions=frozenset(), trailing=frozenset(), scattered=False, link=None)
    first, last = min(found), max(found)
    between = (clause[at] for at in range(first, last) if at not in found)
    scattered = any(not token.plain or token.low not in AND | EMPTY | HOST_NOUNS | ON for token in between) or (
        sum(clause[at].low in ON for at in range(first, last)) > 0 and len(set(found.values())) > 1
    )
    start, link = _before(clause, first)
    end = last + 1
    while end < len(clause) and clause[end].plain and clause[end].low in HOST_NOUNS:
        end += 1
    names = tuple(dict.fromkeys(found.values()))
    return Places(
        names=names,
        positions=frozenset(range(start, end)),
        trailing=frozenset(range(last + 1, end)),
        scattered=scattered,
        link=link,
    )


def _used_as_group(clause: Clause, at: int, found: dict[int, str]) -> bool:
    following = clause[at + 1].low if at + 1 < len(clause) else ""
    if following in HOST_NOUNS - {"host", "server", "machine", "node", "box"}:
        return True  # "the web servers"; "the web server" is one of them, or a program
    before = at - 1
    while before >= 0 and clause[before].plain and clause[before].low in DETERMINERS:
        before -= 1
    if before < 0 or not clause[before].plain or following in HOST_NOUNS:
        return False
    return clause[before].low in PREPOSITIONS or (clause[before].low in AND and before - 1 in found)


def _before(clause: Clause, first: int) -> tuple[int, str | None]:
    """Where the phrase of place begins, and the preposition that it begins with."""
    start = first
    while start > 0 and _is_one_of(clause[start - 1], DETERMINERS | HOST_NOUNS):
        start -= 1
    if start > 0 and _is_one_of(clause[start - 1], PREPOSITIONS):
        return start - 1, None if clause[start - 1].low in ON else clause[start - 1].low
    return start, None


def _is_one_of(token: Token, words: frozenset[str]) -> bool:
    return token.plain and token.low in words
