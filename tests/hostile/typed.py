"""One action with a parameter of every type that a catalog may have, and values that none of them may take."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from tests.hostile.texts import PLAIN, TEXTS

OPTIONS = """\
word: {type: str, default: a, description: A short word., pattern: '[a-z]+', max_length: 8}
colour: {type: str, default: red, description: One of two., choices: [red, green]}
count: {type: int, default: 1, description: A whole number., min: 1, max: 10}
level: {type: int, default: 1, description: One of three., choices: [1, 2, 3]}
share: {type: float, default: 0.5, description: A part., min: 0, max: 1}
switch: {type: bool, default: false, description: On or off.}
words: {type: list, elements: str, default: [], description: Short words., pattern: '[a-z]+', max_length: 8}
counts: {type: list, elements: int, default: [], description: Whole numbers., min: 1, max: 10}
shares: {type: list, elements: float, default: [], description: Parts., min: 0, max: 1}
switches: {type: list, elements: bool, default: [], description: On or off.}
entry:
  type: dict
  default: {size: 1, live: false, title: a}
  description: A map.
  options:
    size: {type: int, default: 1, description: A whole number., min: 1, max: 10}
    live: {type: bool, default: false, description: On or off.}
    title: {type: str, default: a, description: A short word., pattern: '[a-z]+', max_length: 8}
entries:
  type: list
  elements: dict
  default: []
  description: Maps.
  options:
    size: {type: int, default: 1, description: A whole number., min: 1, max: 10}
"""
# what each of them takes, at its edges
TAKEN: dict[str, list[Any]] = {
    "word": ["a", "abcdefgh"], "colour": ["red", "green"], "count": [1, 10], "level": [1, 3], "share": [0.0, 0.25, 1.0],
    "switch": [True, False], "words": [[], ["a"] * 100], "counts": [[], [1, 10]], "shares": [[0.5]],
    "switches": [[True, False]], "entry": [{"size": 10, "live": True, "title": "b"}], "entries": [[{"size": 2}]],
}  # fmt: skip
ALMOST: dict[str, list[Any]] = {
    "word": ["", "A", "a b", "abcdefghi", "a\n", "é", "\u0430", "-a", "a1", 1, True, None, ["a"], {"a": "b"}],
    "colour": ["", "Red", "red ", "blue", "red\n", "red,green", "\uff52ed", "-red", 0, True, None, ["red"], {"red": 1}],
    "count": [0, 11, -1, 1.0, 1.5, "1", "0x1", "1e0", " 1", "\u0661", True, None, [1], {"1": 1}, 2**63, -(2**63)],
    "level": [0, 4, 1.0, "1", "level", True, None, [1], {"level": 1}, 2**53],
    "share": [-0.1, 1.1, -1e308, 1e308, "0.5", "nan", ".5", "1/2", True, None, [0.5], {"share": 0.5}],
    "switch": ["yes", "true", "True", "on", "1", "", 0, 1, 1.0, None, [True], {"switch": True}],
    "words": ["a", [["a"]], ["a", ""], ["A"], [1], [None], [True], ["a"] * 101, {"0": "a"}, None, ["a", "-a"], ["a\n"]],
    "counts": [1, ["1"], [0], [11], [1.0], [True], [None], [[1]], [1] * 101, {"0": 1}, None, [1, 2**63], "1,2"],
    "shares": [0.5, ["0.5"], [1.1], [True], [None], [[0.5]], {"0": 0.5}, None, "0.5,0.6"],
    "switches": [True, ["yes"], [1], [0], [None], [[True]], {"0": True}, None, "yes"],
    "entry": ["a", 1, True, None, [], {"size": "1"}, {"size": 11}, {"live": "yes"}, {"live": 1}, {"title": "A"},
              {"more": 1}, {"Size": 1}, {"size": {"size": 1}}, {"__class__": "a"}, {"size ": 1}, {"": 1}],
    "entries": ["a", 1, True, None, {"size": 1}, [[]], ["a"], [{"size": "1"}], [{"more": 1}], [{"size": 1}] * 101,
                [{"size": {}}], [None]],
}  # fmt: skip
NOT_IN_JSON: dict[str, list[Any]] = {"share": [math.nan, math.inf, -math.inf], "shares": [[math.nan], [math.inf]]}


def hostile() -> Iterator[tuple[str, str, Any]]:
    """A name, a parameter, and a value that it may not take."""
    for parameter, values in ALMOST.items():
        for number, value in enumerate(values):
            yield f"{parameter} number {number}: {str(value)[:40]!r}", parameter, value
    for parameter, place in PLACES.items():
        for name, text in (TEXTS | {name: text for name, text in PLAIN.items() if text not in FITS}).items():
            yield f"{name} in {parameter}", parameter, place(text)


FITS = ("yes", "")  # a word like any other; nothing
PLACES: dict[str, Any] = {
    "word": lambda text: text,
    "colour": lambda text: text,
    "count": lambda text: text,
    "switch": lambda text: text,
    "words": lambda text: ["a", text],
    "counts": lambda text: [1, text],
    "entry": lambda text: {"title": text},
    "entries": lambda text: [{"size": text}],
}
