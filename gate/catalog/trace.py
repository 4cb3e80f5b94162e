"""Where a parameter goes: the names in template expressions, and the variables made from them. Pure.

Simple on purpose, and it errs on the side of refusing: a name counts wherever it stands in an expression, in a string
too; every variable made from one that counts, counts as well. `vars` and `hostvars` reach every parameter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

_STRINGS = r"""(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^'"])*?"""
_BLOCK = re.compile(r"\{\{" + _STRINGS + r"\}\}|\{%" + _STRINGS + r"%\}", re.DOTALL)
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_CODE = re.compile(r"(?<![\w.])(?:lookup|query|q)\s*\(|\{%-?\s*(?:include|import|from|extends)\b")
_ASKS = re.compile(r"""(?<![\w.])(?:lookup|query|q)\b(?:\s*\(\s*(?P<quote>['"])(?P<name>[\w.]+)(?P=quote)\s*[,)])?""")
# with these, Ansible reads the value itself as an expression, without braces
BARE = ("when", "until", "changed_when", "failed_when", "that", "var", "break_when")
REACH_ALL = frozenset({"vars", "hostvars", "varnames", "evidence"})


def expressions(value: Any) -> Iterator[str]:
    """The template expressions in all texts (keys too) of `value`.

    Where braces do not pair, or a header redefines them, the whole text is taken for one.
    """
    for text in _texts(value):
        found = _BLOCK.findall(text)
        rest = _BLOCK.sub("", text)
        yield from found
        if "{{" in rest or "{%" in rest or text.lstrip().startswith("#jinja2:"):
            yield text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(key)
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def is_template(value: Any) -> bool:
    """Whether any text in `value` is a template."""
    return any(True for _ in expressions(value))


def names_in(value: Any) -> set[str]:
    """The variables that the template expressions in `value` could name."""
    return {name for expression in expressions(value) for name in _NAME.findall(expression)}


def bare_names_in(value: Any) -> set[str]:
    """The same where the texts themselves are expressions, without braces."""
    return {name for text in _texts(value) for name in _NAME.findall(text)}


def code_with(value: Any, tainted: frozenset[str]) -> set[str]:
    """The tainted names in expressions of `value` that call a lookup or take in another template."""
    return {name for text in expressions(value) if _CODE.search(text) for name in _NAME.findall(text)} & tainted


def bare_code_with(value: Any, tainted: frozenset[str]) -> set[str]:
    """As `code_with`, where the texts themselves are expressions."""
    return {name for text in _texts(value) if _CODE.search(text) for name in _NAME.findall(text)} & tainted


def lookups_in(value: Any) -> set[str]:
    """The lookups that expressions in `value` call, an empty name for those whose name does not stand there."""
    return {found["name"] or "" for text in _code(value) for found in _ASKS.finditer(text)}


def _code(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from expressions(key)
            yield from _texts(inner) if key in BARE else _code(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _code(inner)
    else:
        yield from expressions(value)


def spread(start: Iterable[str], made_from: Iterable[tuple[str, set[str]]]) -> frozenset[str]:
    """`start` and every variable that is made, over any number of steps, from a name that counts."""
    tainted, pairs = set(start) | REACH_ALL, list(made_from)
    while more := {name for name, sources in pairs if sources & tainted} - tainted:
        tainted |= more
    return frozenset(tainted)
