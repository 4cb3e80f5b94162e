"""Patterns for texts: a small part of regular expressions, and globs, matched in linear time.

No text and no pattern can make a match slow: all ways through a pattern are followed at once, none is tried again.
What would need more than that (references back, looking around) is refused, and so is what people read in two ways
(lazy repeats, anchors: a pattern is always about the whole text).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MAX_PATTERN = 200  # characters
MAX_STEPS = 2000  # of the program, once repeats are written out
MAX_TEXT = 4096
_ESCAPES = "dDwWsS"
_COUNT = re.compile(r"\{([0-9]{1,3})(?:(,)([0-9]{1,3})?)?\}")
_ANY = r"[\s\S]"


@dataclass(frozen=True, slots=True)
class _Atom:
    """One character of some kind."""

    test: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class _Row:
    of: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    of: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    """At least `low` times, and at most `high`; None: without end."""

    of: _Node
    low: int
    high: int | None


_Node = _Atom | _Row | _Choice | _Repeat
_Step = re.Pattern[str] | tuple[int, ...]  # take a character, or go on at all of these steps


@dataclass(slots=True)
class Pattern:
    """A compiled pattern. `fits` says whether all of a text is as it says."""

    steps: list[_Step] = field(default_factory=list)
    _known: dict[tuple[frozenset[int], str], frozenset[int]] = field(default_factory=dict)

    def fits(self, text: str) -> bool:
        """Whether the whole text fits.

        Raises:
            ValueError: the text is too long to be looked at.
        """
        if len(text) > MAX_TEXT:
            raise ValueError(f"a text of {len(text)} characters is too long for a pattern; {MAX_TEXT} are the most")
        at = self._reach([0])
        for character in text:
            at = self._onward(at, character)
        return len(self.steps) in at

    def _onward(self, at: frozenset[int], character: str) -> frozenset[int]:
        known = self._known.get((at, character))
        if known is None:
            known = self._reach([step + 1 for step in at if self._takes(step, character)])
            if len(self._known) > MAX_TEXT:
                self._known.clear()  # a cache, no more
            self._known[at, character] = known
        return known

    def _takes(self, step: int, character: str) -> bool:
        test = self.steps[step] if step < len(self.steps) else ()
        return isinstance(test, re.Pattern) and test.fullmatch(character) is not None

    def _reach(self, begin: list[int]) -> frozenset[int]:
        """The steps that take a character, and the end, as far as they can be reached without one."""
        seen: set[int] = set()
        while begin:
            step = begin.pop()
            if step not in seen:
                seen.add(step)
                onward = self.steps[step] if step < len(self.steps) else ()
                begin += onward if isinstance(onward, tuple) else ()
        return frozenset(step for step in seen if step == len(self.steps) or not isinstance(self.steps[step], tuple))

    def write(self, node: _Node) -> None:
        """Adds the steps of `node`."""
        if len(self.steps) > MAX_STEPS:
            raise ValueError(f"it repeats too much; written out it has more than {MAX_STEPS} steps")
        match node:
            case _Atom(test):
                self.steps.append(test)
            case _Row(()):
                self.steps.append((len(self.steps) + 1,))  # so that repeating nothing counts, too
            case _Row(of):
                for inner in of:
                    self.write(inner)
            case _Choice(of):
                self._choose(of)
            case _Repeat():
                self._repeat(node)

    def _choose(self, of: tuple[_Node, ...]) -> None:
        fork, ends = self._later(), []
        starts = []
        for inner in of:
            starts.append(len(self.steps))
            self.write(inner)
            ends.append(self._later())
        self.steps[fork] = tuple(starts)
        for end in ends:
            self.steps[end] = (len(self.steps),)

    def _repeat(self, node: _Repeat) -> None:
        for _ in range(node.low):
            self.write(node.of)
        if node.high is None:
            fork = self._later()
            self.write(node.of)
            self.steps.append((fork,))
            self.steps[fork] = (fork + 1, len(self.steps))
            return
        for _ in range(node.high - node.low):
            fork = self._later()
            self.write(node.of)
            self.steps[fork] = (fork + 1, len(self.steps))

    def _later(self) -> int:
        self.steps.append(())
        return len(self.steps) - 1


def regex(text: str) -> Pattern:
    """The pattern that a regular expression means: characters, `.`, classes, groups, `|` and greedy repeats.

    Raises:
        ValueError: with the reason.
    """
    reader = _Reader(text)
    node = reader.choice()
    if reader.left:
        raise ValueError("a ) has no (")
    return _compiled(node, text)


def glob(text: str) -> Pattern:
    """`*` is any run of characters without `/`, `**` any run, `?` one character but `/`, `[abc]` and `[!abc]` one of.

    Raises:
        ValueError: with the reason.
    """
    meaning = {"**": f"{_ANY}*", "*": "[^/]*", "?": "[^/]"}
    parts = re.findall(r"\*\*|\*|\?|\[!?[^\]]+\]|[\s\S]", text)
    reader = _Reader("".join(meaning.get(part) or _glob_part(part) for part in parts))
    return _compiled(reader.choice(), text)


def _glob_part(part: str) -> str:
    if len(part) > 1:
        return "[^" + part[2:] if part.startswith("[!") else part
    return re.escape(part)


def _compiled(node: _Node, text: str) -> Pattern:
    if len(text) > MAX_PATTERN:
        raise ValueError(f"it has {len(text)} characters; {MAX_PATTERN} are the most")
    made = Pattern()
    made.write(node)
    return made


class _Reader:
    """Reads an expression from left to right."""

    def __init__(self, text: str) -> None:
        self.left = text

    def choice(self, depth: int = 0) -> _Node:
        if depth > 8:
            raise ValueError("its groups are nested too deeply; 8 levels are the most")
        rows = [self._row(depth)]
        while self._take("|"):
            rows.append(self._row(depth))
        return rows[0] if len(rows) == 1 else _Choice(tuple(rows))

    def _row(self, depth: int) -> _Node:
        found: list[_Node] = []
        while self.left and self.left[0] not in "|)":
            found.append(self._repeated(self._atom(depth)))
        return _Row(tuple(found))

    def _repeated(self, node: _Node) -> _Node:
        for mark, low, high in (("*", 0, None), ("+", 1, None), ("?", 0, 1)):
            if self._take(mark):
                return self._once(_Repeat(node, low, high))
        if counted := _COUNT.match(self.left):
            self.left = self.left[counted.end() :]
            low = int(counted[1])
            high = low if counted[2] is None else int(counted[3]) if counted[3] else None
            if high is not None and high < low:
                raise ValueError(f"{counted[0]} is no range")
            return self._once(_Repeat(node, low, high))
        return node

    def _once(self, node: _Node) -> _Node:
        if self.left[:1] in ("*", "+", "?") and self.left:
            raise ValueError("a repeat is repeated, or lazy; a group in ( ) says what is meant")
        return node

    def _atom(self, depth: int) -> _Node:
        if self._take("("):
            if self.left.startswith("?") and not self._take("?:"):
                raise ValueError(f"(?{self.left[1:2]} is not taken; ( ) and (?: ) are")
            inner = self.choice(depth + 1)
            if not self._take(")"):
                raise ValueError("a ( has no )")
            return inner
        if self.left[0] == "[":
            return self._class()
        character, self.left = self.left[0], self.left[1:]
        if character == "\\":
            return self._escape()
        if character in "^$*+?{":
            raise ValueError(f"{character} is not taken here; write \\{character} for the character itself")
        return _Atom(re.compile(character if character == "." else re.escape(character)))

    def _escape(self) -> _Node:
        character, self.left = self.left[:1], self.left[1:]
        if not character or (character.isalnum() and character not in _ESCAPES):
            raise ValueError(f"\\{character} is not taken; \\d \\w \\s, \\D \\W \\S are")
        return _Atom(re.compile(f"\\{character}", re.ASCII))

    def _class(self) -> _Node:
        found = re.match(r"\[\^?(?:\\[\s\S]|[^\[\]\\])+\]", self.left)
        if found is None:
            raise ValueError("a [ has no ], or there is a [ inside; write \\[ or \\] for the character itself")
        self.left = self.left[found.end() :]
        if any(twice in found[0] for twice in ("--", "&&", "||", "~~")):
            raise ValueError(f"{found[0]} has a sign twice; once is enough")
        try:
            return _Atom(re.compile(found[0], re.ASCII))
        except re.error as wrong:
            raise ValueError(f"{found[0]} is no class of characters: {wrong}") from None

    def _take(self, mark: str) -> bool:
        if not self.left.startswith(mark):
            return False
        self.left = self.left[len(mark) :]
        return True
