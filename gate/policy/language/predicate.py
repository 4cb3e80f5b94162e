"""Questions about what the engine never sees: parameters, patterns, lists. Each becomes one fact, `yes` or `no`.

The name of that fact is made of the question itself, so the same question has the same name in every rulebook, and a
recorded answer can be used again. Nothing is guessed: a parameter of another type than the rule thinks is an error, and
so a deny. A parameter that is not there makes every question `no`, except whether it is absent.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from gate.policy.language.pattern import Pattern, glob, regex
from gate.policy.language.vocabulary import Value
from gate.values.canonical import digest

PREFIX = "is."
COMPARE = ("eq", "ne", "in", "not_in", "lt", "le", "gt", "ge")
ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
PATTERNS: Mapping[str, Callable[[str], Pattern]] = {"glob": cache(glob), "matches": cache(regex)}
OF_MEMBERS = ("has", "every")
_TRUTH = {True: ("yes", "true"), False: ("no", "false")}
_WORDS = {"eq": "is", "ne": "is not", "in": "is one of", "not_in": "is none of", "lt": "<", "le": "<=", "gt": ">"}
_MORE_WORDS = {"ge": ">=", "glob": "fits", "matches": "matches", "has": "has one that", "every": "has only such as"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`op` and what it compares with: a value, several (`in`, `not_in`), or another one (`has`, `every`, `count`)."""

    op: str
    value: Value | tuple[Value, ...] | Comparison

    def as_json(self) -> dict[str, Any]:
        """As it would be written in YAML."""
        match self.value:
            case Comparison():
                return {self.op: self.value.as_json()}
            case tuple():
                return {self.op: list(self.value)}
            case _:
                return {self.op: self.value}

    def shown(self) -> str:
        """In words."""
        if isinstance(self.value, Comparison):
            return f"{({**_WORDS, **_MORE_WORDS}).get(self.op, self.op)} {self.value.shown()}"
        value = ", ".join(map(str, self.value)) if isinstance(self.value, tuple) else self.value
        return f"{({**_WORDS, **_MORE_WORDS})[self.op]} {value}"

    def holds(self, actual: Any) -> bool:
        """Whether it is true of a value that is there.

        Raises:
            TypeError: the value is of another type than the comparison is for.
            ValueError: the value is too long for a pattern.
        """
        if isinstance(self.value, Comparison):
            return self._of_list(actual, self.value)
        if self.op in PATTERNS:
            return PATTERNS[self.op](str(self.value)).fits(_text(actual))
        if self.op in ORDER:
            return ORDER[self.op](_number(actual), self.value)
        among = self.value if isinstance(self.value, tuple) else (self.value,)
        return any(_same(actual, one) for one in among) == (self.op in ("eq", "in"))

    def _of_list(self, actual: Any, inner: Comparison) -> bool:
        if not isinstance(actual, list | tuple):
            raise TypeError(f"it is {kind_of(actual)}, and `{self.op}` is for lists")
        if self.op == "count":
            return inner.holds(len(actual))
        answers = [inner.holds(member) for member in actual]
        return any(answers) if self.op == "has" else bool(answers) and all(answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicate:
    """A question about `subject`: `param.NAME`, `param.ACTION.NAME`, `groups`, `tags`, or a fact that is text."""

    subject: str
    test: Comparison

    @property
    def name(self) -> str:
        """The name of the fact that it becomes; the engine takes it."""
        return PREFIX + digest([self.subject, self.test.as_json()]).removeprefix("sha256:")[:16]

    @property
    def text(self) -> str:
        """What it asks, for people."""
        if self.test.op == "absent":
            return f"{self.subject} is {'absent' if self.test.value == 'yes' else 'there'}"
        return f"{self.subject} {self.test.shown()}"

    def holds(self, actual: Any) -> bool:
        """The answer; `actual` is None if the subject is not there.

        Raises:
            ValueError: the value is of another type than the question is for, or too long.
        """
        if self.test.op == "absent":
            return (actual is None) == (self.test.value == "yes")
        try:
            return actual is not None and self.test.holds(actual)
        except (TypeError, ValueError) as wrong:
            raise ValueError(f"a rule asks whether {self.text}, but {wrong}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """What is known of a parameter of an action: `kind` is as Ansible calls it; of a list `elements` and the bounds."""

    kind: str
    elements: str = ""
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    meaning: str = ""
    example: str = ""


def kind_of(value: Any) -> str:
    """The kind of a value, for messages."""
    if isinstance(value, bool):
        return "yes or no"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list | tuple) else "a map"


def _text(actual: Any) -> str:
    if isinstance(actual, str):
        return actual
    raise TypeError(f"it is {kind_of(actual)}, and patterns are for text")


def _number(actual: Any) -> int | float:
    if isinstance(actual, int | float) and not isinstance(actual, bool):
        return actual
    raise TypeError(f"it is {kind_of(actual)}, and an order is one of numbers")


def _same(actual: Any, wanted: Value) -> bool:
    if isinstance(actual, bool) and wanted in (*_TRUTH[True], *_TRUTH[False]):
        return wanted in _TRUTH[actual]
    if kind_of(actual) != kind_of(wanted):
        raise TypeError(f"it is {kind_of(actual)}, and {wanted!r} is {kind_of(wanted)}")
    return bool(actual == wanted)
