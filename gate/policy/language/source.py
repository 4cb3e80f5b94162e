"""YAML as plain values that know their file and line. The readers of rules are built on this.

Only text, whole numbers, lists and maps exist: `yes`, `on`, `1e3` and `2026-01-01` are text, so nothing is converted
behind anybody's back. Repeated keys, aliases, tags and a second document are refused.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import yaml

from gate.policy.language.vocabulary import LARGEST
from gate.values.clock import duration
from gate.values.errors import PolicyError

NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")  # of a rule, a window, a limit
MAX_BYTES = 4 * 1024 * 1024
_INT = "tag:yaml.org,2002:int"
_STR = "tag:yaml.org,2002:str"
_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class Item:
    """A value and where it stands."""

    value: str | int | tuple[Item, ...] | dict[str, Item]
    file: str
    line: int

    def error(self, what: str, why: str, fix: str) -> PolicyError:
        """A refusal of this value, with its place."""
        return PolicyError(f"{self.file}:{self.line}: {what}", why, fix)

    def text(self, what: str, pattern: re.Pattern[str] | None = None) -> str:
        """The text, if it is text (and fits the pattern)."""
        if not isinstance(self.value, str) or not self.value:
            raise self.error(f"{what} is {self.kind()}.", "Text is needed here.", f"Write {what} as text.")
        if pattern is not None and pattern.fullmatch(self.value) is None:
            raise self.error(
                f"{self.value!r} cannot be {what}.", f"It does not fit {pattern.pattern}.", "Choose another name."
            )
        return self.value

    def number(self, what: str, low: int, high: int) -> int:
        """The whole number, if it is one between `low` and `high`."""
        if isinstance(self.value, int) and low <= self.value <= high:
            return self.value
        shown = self.value if isinstance(self.value, int) else self.kind()
        raise self.error(f"{what} is {shown}.", f"A whole number from {low} to {high} is needed.", "Write one.")

    def duration(self, longest: timedelta) -> timedelta:
        """The duration, if it is one such as `4h`, up to `longest`."""
        try:
            found = duration(self.text("A duration"))
        except ValueError as wrong:
            raise self.error("This is no duration.", f"{wrong}.", "Write for example 4h.") from None
        if found > longest:
            raise self.error("This is too long.", f"{longest.days} days are the most.", "Write a shorter one.")
        return found

    def choice(self, what: str, allowed: Iterable[str]) -> str:
        """The text, if it is one of `allowed`."""
        names = list(allowed)
        if isinstance(self.value, str) and self.value in names:
            return self.value
        shown = repr(self.value) if isinstance(self.value, str | int) else self.kind()
        raise self.error(
            f"{what} is {shown}.", f"It can be {', '.join(names)}.", f"Write {did_you_mean(shown, names)}."
        )

    def items(self, what: str) -> tuple[Item, ...]:
        """The members, if it is a list."""
        if isinstance(self.value, tuple):
            return self.value
        raise self.error(f"{what} is {self.kind()}.", "A list is needed here.", f"Write {what} as a list.")

    def entries(self, what: str, required: Iterable[str], optional: Iterable[str] = ()) -> dict[str, Item]:
        """The map, if it has all `required` keys and none beyond `optional`."""
        if not isinstance(self.value, dict):
            raise self.error(
                f"{what} is {self.kind()}.", "A map is needed here.", f"Write {what} as `key: value` lines."
            )
        known = [*required, *optional]
        for key, inner in self.value.items():
            if key not in known:
                raise inner.error(
                    f"{what} has the unknown key {key!r}.",
                    f"It takes {', '.join(known)}.",
                    f"Take it out, or write {did_you_mean(key, known)}.",
                )
        for key in required:
            if key not in self.value:
                raise self.error(f"{what} has no {key!r}.", "It is required.", f"Add `{key}:`.")
        return self.value

    def kind(self) -> str:
        """What it is, for messages."""
        match self.value:
            case "":
                return "empty"
            case str():
                return "text"
            case int():
                return "a number"
            case tuple():
                return "a list"
            case _:
                return "a map"


def did_you_mean(wrong: str, known: list[str]) -> str:
    """The known word nearest to `wrong`, quoted; all of them if none is near."""
    close = difflib.get_close_matches(wrong.strip("'\""), known, n=1)
    return f"`{close[0]}`" if close else "one of them"


def read_yaml(path: Path) -> Item | None:
    """The one document of a YAML file; None if it holds nothing but comments.

    Raises:
        PolicyError: unreadable, too large, or YAML that could be read in two ways.
    """
    try:
        content = path.read_bytes()
        if len(content) > MAX_BYTES:
            raise PolicyError(f"{path}: larger than {MAX_BYTES} bytes.", "No rules file is.", "Split it.")
        node = yaml.compose(content.decode("utf-8"), Loader=_Loader)
        return None if node is None else _item(node, str(path), node.start_mark.line + 1)
    except OSError as wrong:
        raise PolicyError(f"{path} cannot be read.", f"{wrong.strerror}.", "Mend the path or its mode.") from None
    except UnicodeDecodeError as wrong:
        raise PolicyError(f"{path} is not UTF-8.", f"Byte {wrong.start} is not.", "Save it as UTF-8.") from None
    except RecursionError:
        raise PolicyError(f"{path} is nested too deeply.", "No rule is.", "Flatten it.") from None
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        why = str(getattr(wrong, "problem", None) or wrong).splitlines()[0]
        raise PolicyError(f"{place}: this is not the YAML of rules.", f"{why}.", "Mend the file.") from None


class _Loader(yaml.SafeLoader):
    """Composes nodes only; knows no type but text and number; takes no alias."""

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not taken, write the value out", mark)
        return super().compose_node(parent, index)  # type: ignore[arg-type, no-untyped-call, no-any-return, unused-ignore]


_Loader.yaml_implicit_resolvers = {first: [(_INT, re.compile(rf"(?:{_NUMBER.pattern})\Z"))] for first in "-0123456789"}


def _item(node: yaml.Node, file: str, line: int) -> Item:
    match node:
        case yaml.ScalarNode(tag="tag:yaml.org,2002:str"):
            return Item(node.value, file, line)
        case yaml.ScalarNode(tag="tag:yaml.org,2002:int") if _NUMBER.fullmatch(node.value):
            return _number(int(node.value), file, line)
        case yaml.SequenceNode(tag="tag:yaml.org,2002:seq"):
            return Item(tuple(_item(inner, file, inner.start_mark.line + 1) for inner in node.value), file, line)
        case yaml.MappingNode(tag="tag:yaml.org,2002:map"):
            return Item(_entries(node, file), file, line)
    raise PolicyError(
        f"{file}:{line}: the tag {node.tag} is not taken.", "Rules are text, numbers, lists and maps.", "Take it out."
    )


def _number(value: int, file: str, line: int) -> Item:
    if abs(value) > LARGEST:
        raise PolicyError(f"{file}:{line}: {value} is too large.", f"{LARGEST} is the most.", "Write a smaller number.")
    return Item(value, file, line)


def _entries(node: yaml.MappingNode, file: str) -> dict[str, Item]:
    found: dict[str, Item] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or key.tag != _STR:
            raise PolicyError(f"{file}:{line}: a key is no text.", "Keys are names.", "Write a name.")
        if key.value in found:
            raise PolicyError(
                f"{file}:{line}: the key {key.value!r} is there twice.",
                "One of the two would be ignored.",
                "Take one out; to ask for both, write `all: [..., ...]`.",
            )
        found[key.value] = _item(value, file, line)
    return found
