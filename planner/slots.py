"""Filling an action's parameters from one clause. Each value is a token of the request, as it was written.

In this order, from the surest to the least sure: `name=value`; a value beside a word that announces it ("port
8080", "nginx service"); a value that by its look fits one parameter only (a path, a version, a digest); a value
after "to"; and at last the object of the verb. What fits two places is put in none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from planner.catalog import ActionView
from planner.clauses import Clause, base_form
from planner.validate import has_ending, schema_problems
from planner.vocabulary import Entry, Vocabulary, hints, is_open
from planner.words import AND, EMPTY, HOST_NOUNS, LINKS, ON, PREPOSITIONS, VETO, Kind, Token, host_like, stem

_KEYS = ("option", "key", "setting", "directive", "variable", "name")
_TO = frozenset({"to", "as", "at", "=", "version"})
_AFTER_TO = ("value", "version")
_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Filling:
    """The work on one action and one clause: `values` found, and the positions `used` for them."""

    def __init__(self, clause: Clause, entry: Entry, vocabulary: Vocabulary, used: frozenset[int], verb: int) -> None:
        self.clause, self.entry, self.vocabulary, self.verb = clause, entry, vocabulary, verb
        self.action: ActionView = entry.action
        self.hints = hints(entry.action)
        self.hint_words = frozenset[str]().union(*self.hints.values())
        self.used = set(used)
        self.values: dict[str, Any] = {}
        for pass_ in (
            self._pairs,
            self._announced,
            self._by_look,
            self._by_ending,
            self._after_to,
            self._object,
            self._defaults,
        ):
            pass_()

    def missing(self) -> list[str]:
        """The required parameters that got no value."""
        return [name for name in self.action.required if name not in self.values]

    def leftover(self) -> list[int]:
        """The positions that nothing explains.

        A parameter's own name without a value for it is one: somebody wanted to say something with it.
        """
        unsaid = {stem(word) for name in self._open_names() for word in name.split("_")} - self.entry.triggers
        return [
            at for at, token in enumerate(self.clause) if at not in self.used and not self._explained(token, unsaid)
        ]

    def _explained(self, token: Token, unsaid: set[str]) -> bool:
        if not token.plain or stem(token.low) in unsaid:
            return False
        return token.low in EMPTY | {","} or self.entry.explains(token.low)

    # --- the passes, surest first

    def _pairs(self) -> None:
        for at, token in enumerate(self.clause):
            if token.kind is not Kind.PAIR or at in self.used:
                continue
            mark = min(place for place in (token.text.find("="), token.text.find(":")) if place > 0)
            left, right = token.text[:mark], token.text[mark + 1 :].strip("\"'`")
            if left.casefold() in self._open_names():
                self._put(left.casefold(), right, at)
                self._use_link(at)
            elif token.text[mark] == "=":
                self._option_pair(left, right, at)

    def _option_pair(self, left: str, right: str, at: int) -> None:
        key = next((name for name in _KEYS if name in self._open_names()), None)
        if key and "value" in self._open_names() and self._fits(key, left) and self._fits("value", right):
            self._put(key, left, at)
            self._put("value", right, at)

    def _announced(self) -> None:
        for name in self._open_names():
            said = [at for at, token in enumerate(self.clause) if token.plain and stem(token.low) in self.hints[name]]
            own = [at for at in said if stem(self.clause[at].low) in {stem(word) for word in name.split("_")}]
            # a word of the description is enough for what must be said: "in 60 seconds" says nothing of `wait`
            places = own + [at for at in said if at not in own and name in self.action.required]
            for at in places:
                if at in self.used or at == self.verb or name in self.values:
                    continue
                near = self._near(name, at, by_name=at in own)
                if near is not None and self._put(name, self.clause[near].text, near):
                    low, high = sorted((at, near))
                    self.used.update(range(low, high + 1))
                    self._use_link(low)
                    self._use_unit(high, name)

    def _by_look(self) -> None:
        telling = [at for at in self._free() if self._tells(self.clause[at])]
        for at in telling:
            takers = [name for name in self._open_names() if self._special(name) and self._takes(name, at)]
            if not takers and self.clause[at].kind is Kind.VERSION and "version" in self._open_names():
                takers = ["version"]
            if (
                len(takers) == 1
                and not self._rivals(takers[0], at, telling)
                and self._put(takers[0], self.clause[at].text, at)
            ):
                self._use_link(at)

    def _rivals(self, name: str, at: int, telling: list[int]) -> list[int]:
        """Other values of the same look that would fit as well."""
        others = [other for other in telling if other != at and self._takes(name, other)]
        return [other for other in others if not self.clause[other].plain or self.clause[at].plain]

    def _by_ending(self) -> None:
        """A required choice that the ending of the one path makes: "/etc/app.ini" is an ini file."""
        paths = [token.text for token in self.clause if token.kind is Kind.PATH]
        for name in self.missing():
            chosen = self.action.properties.get(name, {}).get("enum", [])
            fitting = [one for one in chosen if isinstance(one, str) and len(paths) == 1 and has_ending(paths[0], one)]
            if len(fitting) == 1:
                self.values[name] = fitting[0]

    def _after_to(self) -> None:
        for name in _AFTER_TO:
            places = [at for at in self._free() if at > 0 and self.clause[at - 1].low in _TO and self._takes(name, at)]
            if (
                name in self._open_names()
                and len(places) == 1
                and self._put(name, self.clause[places[0]].text, places[0])
            ):
                self.used.add(places[0] - 1)

    def _object(self) -> None:
        wanted = [name for name in self.action.required if name in self._open_names() and name not in _AFTER_TO]
        wanted = [name for name in wanted if is_open(self.action.properties[name])]
        at = self._object_place()
        if len(wanted) == 1 and self._takes(wanted[0], at):
            self._put(wanted[0], self.clause[at].text, at)

    def _defaults(self) -> None:
        for name in self.missing():
            schema = self.action.properties.get(name, {})
            if "default" in schema:
                self.values[name] = schema["default"]

    # --- what the passes ask

    def _open_names(self) -> list[str]:
        return [name for name in self.action.properties if name not in self.values]

    def _free(self) -> list[int]:
        return [at for at in range(len(self.clause)) if self._stands_free(at)]

    def _stands_free(self, at: int) -> bool:
        """Can this be a value? Grammar, a verb of the catalog and a host's name are none unless quoted."""
        if not 0 <= at < len(self.clause) or at in self.used or self.clause[at].kind is Kind.PAIR:
            return False
        token = self.clause[at]
        if not token.plain:
            return True
        grammar = EMPTY | PREPOSITIONS | VETO | HOST_NOUNS | {",", "and", "&"}
        known = base_form(token, self.vocabulary.triggers) or token.low in self.vocabulary.names
        return token.low not in grammar and not known and not self.entry.explains(token.low)

    def _near(self, name: str, at: int, *, by_name: bool) -> int | None:
        """The value after the announcing word, or else before it."""
        after = self._after(at, LINKS)
        if self._takes(name, after) or (by_name and self._named(name, after)):
            return after
        return at - 1 if self._takes(name, at - 1) else None

    def _named(self, name: str, at: int) -> bool:
        """After the parameter's own name even a word with another sense is a value: "section server"."""
        if not 0 <= at < len(self.clause) or at in self.used:
            return False
        return self.clause[at].low not in EMPTY | PREPOSITIONS | VETO | AND and self._fits(name, self.clause[at].text)

    def _takes(self, name: str, at: int) -> bool:
        if not self._stands_free(at) or name not in self.action.properties:
            return self._enumerated(name, at)
        return self._fits(name, self.clause[at].text)

    def _enumerated(self, name: str, at: int) -> bool:
        """A word of a closed list may be vocabulary too ("open a tcp port")."""
        chosen = self.action.properties.get(name, {}).get("enum", [])
        return 0 <= at < len(self.clause) and at not in self.used and self.clause[at].text in chosen

    def _special(self, name: str) -> bool:
        """Is a look enough? For a number only if the parameter must be given: "8080" may be anything."""
        schema = self.action.properties[name]
        if schema.get("type") in {"integer", "number"}:
            return name in self.action.required
        return not is_open(schema)

    def _tells(self, token: Token) -> bool:
        return not (token.plain and host_like(token))

    def _fits(self, name: str, text: str) -> bool:
        return next(self._values(name, text), None) is not None

    def _values(self, name: str, text: str) -> Iterator[Any]:
        schema = self.action.properties[name]
        for value in _readings(text, schema.get("type")):
            if not schema_problems(value, schema):
                yield value

    def _put(self, name: str, text: str, at: int) -> bool:
        value = next(self._values(name, text), None)
        if value is None:
            return False
        self.values[name] = value
        self.used.add(at)
        return True

    def _after(self, at: int, skipped: frozenset[str]) -> int:
        at += 1
        while at < len(self.clause) and self.clause[at].plain and self.clause[at].low in skipped | EMPTY:
            at += 1
        return at

    def _object_place(self) -> int:
        """After the verb and nouns of the action ("restart the service nginx"), or after "of", or first if passive."""
        at = self._after(self.verb, EMPTY)
        while at < len(self.clause) and not self._stands_free(at) and self._is_noun(at):
            at = self._after(at, EMPTY)
        after_of = [place + 1 for place, token in enumerate(self.clause) if token.plain and token.low == "of"]
        places = [at, *after_of, *range(min(self.verb, 2))]
        return next((place for place in places if self._stands_free(place)), -1)

    def _is_noun(self, at: int) -> bool:
        low = self.clause[at].low
        particle = low in PREPOSITIONS - ON and at == self.verb + 1  # "roll out shop"
        return self.clause[at].plain and self.entry.explains(low) and (particle or low not in PREPOSITIONS)

    def _use_unit(self, at: int, name: str) -> None:
        """A word after the value that the parameter's description has too ("60 seconds") belongs to it."""
        if (
            at + 1 < len(self.clause)
            and self.clause[at + 1].plain
            and stem(self.clause[at + 1].low) in self.hints[name]
        ):
            self.used.add(at + 1)

    def _use_link(self, at: int) -> None:
        """The preposition before a value ("in /etc/x.conf", "and wait 60") belongs to it."""
        before = at - 1
        while before > 0 and self.clause[before].plain and self.clause[before].low in EMPTY:
            before -= 1
        if before >= 0 and self.clause[before].plain and self.clause[before].low in PREPOSITIONS | AND:
            self.used.add(before)


def _readings(text: str, kind: Any) -> Iterator[Any]:
    """The JSON values that a token can be read as, for one type."""
    match kind:
        case "string":
            yield text
        case "integer" | "number" if text.lstrip("-").isascii() and text.lstrip("-").isdigit():
            yield int(text)
        case "boolean" if text.casefold() in _TRUTH:
            yield _TRUTH[text.casefold()]
        case "array":
            yield [text]
