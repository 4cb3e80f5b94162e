"""YAML with line numbers, for files that people write: small, plain and unambiguous, or refused.

Refused: more than 256 KiB, text that is not UTF-8, several documents, more than 64 levels, repeated keys, keys that
are not text, anchors and aliases, and tags (`!vault`, `!!python/...`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from gate.catalog.finding import broken

MAX_BYTES = 256 * 1024
MAX_DEPTH = 64


class Map(dict[str, Any]):
    """A YAML map that knows the line on which it starts and that of each key."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}

    def at(self, key: str) -> int:
        """The line of `key`, or of the map itself."""
        return self.lines.get(key, self.line)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Safe, and quick where libyaml is there."""


def _construct_map(loader: Any, node: yaml.MappingNode) -> Map:
    made = Map(node.start_mark.line + 1)
    for key_node, value_node in node.value:
        key, line = loader.construct_object(key_node, deep=True), key_node.start_mark.line + 1
        if not isinstance(key, str):
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is no text", key_node.start_mark)
        if key in made:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} is there twice (first on line {made.lines[key]})", key_node.start_mark
            )
        made.lines[key] = line
        made[key] = loader.construct_object(value_node, deep=True)
    return made


_Loader.add_constructor("tag:yaml.org,2002:map", _construct_map)


def read_yaml(file: Path) -> Any:
    """The only document of `file`: `Map`, list, str, int, float, bool, None or a date.

    Raises:
        BrokenActionError: rule `yaml`, with the line.
    """
    return parse_yaml(_text(file), file)


def parse_yaml(text: str, file: Path) -> Any:
    """As `read_yaml`, from text that came from `file`."""
    try:
        _refuse_unplain(text, file)
        return yaml.load(text, Loader=_Loader)  # noqa: S506  (a SafeLoader)
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        raise broken(file, mark.line + 1 if mark else 1, "yaml", _problem(wrong)) from None
    except ValueError as wrong:  # a date or a number that is none, as in 2024-99-99
        raise broken(file, 1, "yaml", f"a value cannot be read ({wrong})") from None


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise broken(file, 1, "yaml", f"the file has more than {MAX_BYTES // 1024} KiB")
        return content.decode("utf-8")
    except UnicodeDecodeError as wrong:
        line = content.count(b"\n", 0, wrong.start) + 1
        raise broken(file, line, "yaml", "the text is not UTF-8") from None
    except OSError as wrong:
        raise broken(file, 1, "yaml", f"the file cannot be read ({wrong.strerror})") from None


def _refuse_unplain(text: str, file: Path) -> None:
    # flat events first: aliases and depth are refused before anything is built from them
    depth = documents = 0
    event: Any
    for event in yaml.parse(text, Loader=_Loader):
        wrong = _unplain(event)
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if documents > 1:
            wrong = "there is a second document"
        elif depth > MAX_DEPTH:
            wrong = f"it is nested more than {MAX_DEPTH} levels deep"
        if wrong:
            raise broken(file, event.start_mark.line + 1, "yaml", wrong)


def _unplain(event: Any) -> str:
    if anchor := getattr(event, "anchor", None):
        return f"there is an anchor or alias ({anchor})"
    if tag := getattr(event, "tag", None):
        return f"there is a tag ({tag})"
    return ""


def _problem(wrong: yaml.YAMLError) -> str:
    return str(getattr(wrong, "problem", None) or wrong).splitlines()[0]
