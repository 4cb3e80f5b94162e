"""Which words lead to which action: the index over names, summaries and phrases.

Descriptions are read for nothing here: they are long, and a long text would explain too many words. Example
values in phrases ("restart *nginx* on *web-01*") are told from vocabulary, so that they lead nowhere.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from planner.catalog import ActionView, CatalogView
from planner.words import AND, DETERMINERS, EMPTY, HOST_NOUNS, OPENING, PREPOSITIONS, VETO, Token, stem, tokens

IN_NAME, IN_PHRASE, IN_SUMMARY, IN_PARAMETER = 1.0, 0.6, 0.4, 0.4
_GRAMMAR = OPENING | EMPTY | PREPOSITIONS | DETERMINERS | AND | VETO
_OPEN_PROBES = ("nginx", "web", "alpha")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the index knows of one action. All words are stems."""

    action: ActionView
    triggers: frozenset[str]  # a request must have one of these, as a command
    words: dict[str, float]  # stem -> weight
    announced: frozenset[str]  # words of parameter names: they count, but explain nothing without a value
    links: frozenset[str]  # prepositions that the owner's phrases use
    evidence: tuple[frozenset[str], ...]  # sets of words that are each enough to have asked for it

    def explains(self, word: str) -> bool:
        return word not in VETO and (stem(word) in self.words or word in self.links)


class Vocabulary:
    """The index of one catalog. Deterministic; ties keep the order of the catalog."""

    def __init__(self, catalog: CatalogView) -> None:
        self.names = {host.name.casefold() for host in catalog.hosts} | {group.casefold() for group in catalog.groups}
        self.entries = [self._entry(action) for action in catalog.actions]
        seen = Counter(word for entry in self.entries for word in {*entry.words, *entry.announced})
        self.idf = {word: math.log(1 + len(self.entries) / count) for word, count in seen.items()}
        self.triggers = frozenset[str]().union(*(entry.triggers for entry in self.entries))

    def score(self, entry: Entry, said: Iterable[str]) -> float:
        """The weight of the request's words that lead to this action."""
        weights = dict.fromkeys(entry.announced, IN_PARAMETER) | entry.words
        return sum(weights[word] * self.idf[word] for word in sorted({stem(one) for one in said}) if word in weights)

    def provoked(self, entry: Entry, said: Iterable[str]) -> bool:
        """Do these words ask for the action? All words of its name, its summary or one of its phrases, or its verb.

        For an action that needs no value, a verb that another action is named by is not enough: "restart" alone
        is no wish for a reboot, although people say "restart the machine".
        """
        stems = {stem(word) for word in said}
        others = {stem(one.action.name.split("_")[0]) for one in self.entries if one is not entry}
        tied = bool(entry.action.required)
        return any(words <= stems and (tied or not words <= others) for words in entry.evidence)

    def candidates(self, request: str, k: int) -> list[ActionView]:
        """The `k` actions that the request's words lead to, best first; padded with the rest of the catalog."""
        said = content(tokens(request))
        ranked = sorted(self.entries, key=lambda entry: -self.score(entry, said))
        return [entry.action for entry in ranked[:k]]

    def entry(self, name: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.action.name == name), None)

    def _entry(self, action: ActionView) -> Entry:
        name = action.name.split("_")
        summary = [token.low for token in tokens(action.summary)]
        known = {stem(word) for word in [*name, *summary]}
        phrases = [self._phrase(phrase, action, known) for phrase in action.phrases]
        triggers = {stem(name[0])} | {stem(word) for word in summary[:1]}
        triggers |= {stem(verb) for verb in map(_verb, action.phrases) if verb and verb not in self.names}
        weights = {stem(word): IN_SUMMARY for word in summary if word not in _GRAMMAR}
        weights |= {stem(word): IN_PHRASE for phrase in phrases for word in phrase}
        chosen = {stem(str(one)) for schema in action.properties.values() for one in schema.get("enum", [])}
        weights = {word: weight for word, weight in weights.items() if word not in chosen}  # these are values
        weights |= {stem(word): IN_NAME for word in name if word not in _GRAMMAR}
        bare = [word for word in summary if word not in _GRAMMAR | HOST_NOUNS]
        announced = {stem(word) for parameter in action.properties for word in parameter.split("_")}
        spoken = {token.low for phrase in action.phrases for token in tokens(phrase)} | set(summary)
        return Entry(
            action=action,
            triggers=frozenset(triggers - {stem(word) for word in VETO}),
            words=weights,
            announced=frozenset(announced - weights.keys()),
            links=frozenset(spoken & PREPOSITIONS),
            evidence=tuple(_evidence(action, bare, phrases, chosen)),
        )

    def _phrase(self, phrase: str, action: ActionView, known: set[str]) -> list[str]:
        """The vocabulary of one phrase: without names, example values and grammar."""
        words = [token for token in tokens(phrase) if token.plain and token.low not in self.names]
        kept = [token.low for token in words if token.low not in _GRAMMAR and not any(map(str.isdigit, token.text))]
        if not any(is_open(schema) for schema in action.properties.values()):
            return kept
        return kept[:1] + [word for word in kept[1:] if stem(word) in known]


def is_open(schema: dict[str, object]) -> bool:
    """May this parameter be nearly any word? Then its place in the sentence must say that it is meant."""
    if schema.get("type") != "string" or "enum" in schema:
        return False
    pattern = schema.get("pattern")
    if not isinstance(pattern, str):
        return True
    try:
        return any(re.fullmatch(pattern, probe) for probe in _OPEN_PROBES)
    except re.error:
        return False


def content(said: Iterable[Token]) -> list[str]:
    """The words that carry the wish."""
    return [token.low for token in said if token.plain and token.low not in _GRAMMAR]


def hints(action: ActionView) -> dict[str, frozenset[str]]:
    """For each parameter the stems of the words that can announce its value: of its name, and of its description."""
    return {
        name: frozenset(
            stem(word)
            for word in [*name.split("_"), *_words(str(schema.get("description", "")))]
            if word not in _GRAMMAR or word == name
        )
        for name, schema in action.properties.items()
    }


def _evidence(
    action: ActionView, summary: list[str], phrases: list[list[str]], values: set[str]
) -> Iterator[frozenset[str]]:
    name = action.name.split("_")
    for words in [name[:1], name, summary, *phrases]:
        if stems := frozenset(map(stem, words)) - values:
            yield stems
    for phrase in phrases if action.required else ():  # "delete … bob" and `remove_user`: delete user
        yield frozenset(map(stem, [*phrase[:1], *name[1:]]))


def _words(text: str) -> list[str]:
    return [token.low for token in tokens(text) if token.plain and token.low.isalpha()]


def _verb(phrase: str) -> str | None:
    """The first word of a phrase after politeness, if the phrase is a command: "the disk is full" has none."""
    first = next((token for token in tokens(phrase) if token.low not in OPENING), None)
    passive = any(token.low in {"must", "needs", "should", "is"} for token in tokens(phrase))
    return first.low if first and first.plain and not passive and first.low not in _GRAMMAR else None
