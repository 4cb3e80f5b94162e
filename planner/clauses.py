"""Splitting a request into its steps, and finding the command in each.

A wish is a command: a verb of the catalog after nothing but politeness or a place ("on web-01, please restart
…"), or one of few passive forms ("… must be restarted", "… needs a restart"). "nginx restarted on web-01" is
news, "the restart of nginx" a thing and "is web-01 rebooted?" a question: none of them is a wish.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from planner.vocabulary import Entry, Vocabulary
from planner.words import OPENING, PASSIVE, Token, stem

Clause = tuple[Token, ...]

# all that may stand before a command; "we will …" and "you have …" are news
_COURTESY = re.compile(
    r"((hi|hello|hey|please|kindly|just|now|first|also|next|finally|and)( |$))*"
    r"(((can|could|would|will) you|(i|we) (want|need|would like)( you)? to|(i'd|we'd) like( you)? to"
    r"|you (must|need to|have to)|let's|lets|go ahead and)( |$))?"
    r"((please|kindly|just|now|also|go|ahead|and)( |$))*"
)

_POLITE_QUESTIONS = frozenset({"can", "could", "would", "will", "please", "hey", "hi", "hello"})


def clauses(said: Sequence[Token], vocabulary: Vocabulary) -> list[Clause]:
    """The steps of a request, in their order: split at "then", ";" and before a verb after "and" or a comma."""
    found: list[list[Token]] = [[]]
    for number, token in enumerate(said):
        if any(base_form(one, vocabulary.triggers) for one in found[-1]) and _splits(said, number, vocabulary):
            found.append([])
        if token.text != ";":
            found[-1].append(token)
    return [clause for clause in map(_trimmed, found) if clause]


def _splits(said: Sequence[Token], at: int, vocabulary: Vocabulary) -> bool:
    token = said[at]
    if not token.plain:
        return False
    if token.low in {"then", ";", "afterwards", "finally"}:
        return True
    after = next((one for one in said[at + 1 :] if one.low not in OPENING | {",", "then", "afterwards"}), None)
    return token.low in {"and", ","} and after is not None and after.plain and base_form(after, vocabulary.triggers)


def _trimmed(clause: list[Token]) -> Clause:
    edges = {"and", ",", "then", "afterwards", "finally", "first"}
    while clause and clause[0].plain and clause[0].low in edges:
        clause = clause[1:]
    while clause and clause[-1].plain and clause[-1].low in edges:
        clause = clause[:-1]
    return tuple(clause)


def base_form(token: Token, triggers: frozenset[str]) -> bool:
    """Whether this is a verb of `triggers` as in a command: `restart`, not `restarts`, `restarted`, `restarting`."""
    low = token.low
    return token.plain and stem(low) in triggers and not low.endswith(("ing", "ed", "s"))


def command(clause: Clause, entry: Entry, is_place: Callable[[int], bool]) -> frozenset[int] | None:
    """The positions of the verb and its grammar, or None if the clause does not command this action.

    `is_place` says whether the token at a position belongs to where it should happen.
    """
    for at, token in enumerate(clause):
        if base_form(token, entry.triggers):
            before = [number for number in range(at) if not is_place(number)]
            said = " ".join(clause[number].low for number in before if clause[number].low != ",")
            if all(clause[number].plain for number in before) and _COURTESY.fullmatch(said):
                return frozenset([*before, at])
    return _passive(clause, entry)


def _passive(clause: Clause, entry: Entry) -> frozenset[int] | None:
    for at, token in enumerate(clause):
        if not token.plain or stem(token.low) not in entry.triggers:
            continue
        start = at
        while start > 0 and clause[start - 1].plain and clause[start - 1].low in PASSIVE:
            start -= 1
        before = " ".join(one.low for one in clause[start:at])
        if before in _PASSIVES.get(_form(token.low), frozenset()):
            return frozenset(range(start, at + 1))
    return None


_PASSIVES = {
    "ed": frozenset({"must be", "needs to be", "has to be", "need to be"}),
    "ing": frozenset({"needs", "need"}),
    "base": frozenset({"needs a", "needs to"}),
}


def _form(word: str) -> str:
    return next((ending for ending in ("ing", "ed") if word.endswith(ending)), "base")


def is_question(request: str, said: Sequence[Token]) -> bool:
    """Does somebody ask rather than want? "Can you …?" is a wish."""
    return request.rstrip(" .!\"'").endswith("?") and not (said and said[0].low in _POLITE_QUESTIONS)
