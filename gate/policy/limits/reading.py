"""Reads `limits.yml`. What an entry counts is said by the one of its keys that names a kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path

from gate.policy.language.scope import read_scope
from gate.policy.language.source import NAME, Item, read_yaml
from gate.policy.language.vocabulary import Vocabulary
from gate.policy.limits.breaker import Breaker
from gate.policy.limits.counting import GROUP
from gate.policy.limits.kinds import Concurrent, Cooldown, Hosts, Rate
from gate.policy.limits.limit import Limit
from gate.policy.limits.usage import Kind

_KEYS: Mapping[str, tuple[str, ...]] = {  # what says which kind it is: the other keys of that kind
    "at_most": ("per", "by"),
    "concurrent": ("by",),
    "hosts": ("share", "of", "at", "at_least"),
    "share": ("hosts", "of", "at", "at_least"),
    "cooldown": ("by",),
    "breaker": ("by",),
}
_BY = ("actor", "action", "target", "environment", "group")
_LONGEST, _LONGEST_BREAKER = timedelta(days=366), timedelta(days=92)
_MOST = 1_000_000
_COMMON = ("applies", "undo", "because")
_NEEDS_BY = ("at_most", "cooldown", "breaker")


def read_limits(path: Path) -> tuple[Limit, ...]:
    """The limits of `limits.yml`; none if there is no such file.

    Raises:
        PolicyError: with file, line, reason and mend.
    """
    item = read_yaml(path) if path.exists() else None
    found: dict[str, Limit] = {}
    for entry in item.items("limits.yml") if item else ():
        limit = _limit(entry)
        if limit.name in found:
            raise entry.error(f"The limit {limit.name!r} is there twice.", "Names are unique.", "Rename one.")
        found[limit.name] = limit
    return tuple(found.values())


def _limit(item: Item) -> Limit:
    kind, keys = _kind(item)
    return Limit(
        name=keys["limit"].text("the name of a limit", NAME),
        kind=kind,
        scope=read_scope(keys.get("applies"), keys.get("undo")),
        because=keys["because"].text("`because`") if "because" in keys else "",
        place=f"{item.file}:{item.line}",
    )


def _kind(item: Item) -> tuple[Kind, dict[str, Item]]:
    given = item.value if isinstance(item.value, dict) else {}
    kinds = [name for name in _KEYS if name in given]
    if isinstance(item.value, dict) and (not kinds or not set(kinds[1:]) <= set(_KEYS[kinds[0]])):
        raise item.error(
            f"A limit is of one kind, and this is {' and '.join(kinds) or 'of none'}.",
            f"{', '.join(_KEYS)} say which kind it is.",
            "Write one of them; for two limits write two entries.",
        )
    kind = kinds[0] if kinds else "at_most"
    required = ["limit", kind, *(["per"] if kind == "at_most" else []), *(["by"] if kind in _NEEDS_BY else [])]
    keys = item.entries("A limit", required, [*(key for key in _KEYS[kind] if key not in required), *_COMMON])
    return _READERS[kind](keys), keys


def _rate(keys: Mapping[str, Item]) -> Kind:
    return Rate(
        at_most=keys["at_most"].number("`at_most`", 1, _MOST),
        per=keys["per"].duration(_LONGEST),
        by=_by(keys["by"], _BY),
    )


def _concurrent(keys: Mapping[str, Item]) -> Kind:
    by = _by(keys["by"], _BY) if "by" in keys else ()
    return Concurrent(most=keys["concurrent"].number("`concurrent`", 1, _MOST), by=by)


def _hosts(keys: Mapping[str, Item]) -> Kind:
    share = _percent(keys["share"]) if "share" in keys else None
    if "at_least" in keys and share is None:
        raise keys["at_least"].error("`at_least` needs a `share`.", "It softens a share.", "Take it out.")
    return Hosts(
        hosts=keys["hosts"].number("`hosts`", 1, _MOST) if "hosts" in keys else None,
        share=share,
        of=_of(keys["of"]) if "of" in keys else "",
        at="once" if "at" in keys and keys["at"].choice("`at`", ("change", "once")) == "once" else "change",
        at_least=keys["at_least"].number("`at_least`", 1, _MOST) if "at_least" in keys else 0,
    )


def _cooldown(keys: Mapping[str, Item]) -> Kind:
    by = _by(keys["by"], ("action", "target"))
    if "target" not in by:
        raise keys["by"].error("`by` has no `target`.", "A host is what cools down.", "Write [target].")
    return Cooldown(time=keys["cooldown"].duration(_LONGEST), by=by)


def _breaker(keys: Mapping[str, Item]) -> Kind:
    inner = keys["breaker"].entries("`breaker`", ("failures", "within"))
    return Breaker(
        failures=inner["failures"].number("`failures`", 1, 1000),
        time=inner["within"].duration(_LONGEST_BREAKER),
        by=_by(keys["by"], ("actor", "action", "target")),
    )


_READERS = {
    "at_most": _rate,
    "concurrent": _concurrent,
    "hosts": _hosts,
    "share": _hosts,
    "cooldown": _cooldown,
    "breaker": _breaker,
}


def _by(item: Item, allowed: Iterable[str]) -> tuple[str, ...]:
    by = {_name(entry, allowed) for entry in item.items("`by`")}
    if not by:
        raise item.error("`by` is empty.", "It says what is counted together.", f"Name some of {', '.join(allowed)}.")
    return tuple(sorted(by))


def _name(item: Item, allowed: Iterable[str]) -> str:
    if isinstance(item.value, str) and item.value.startswith(GROUP) and "group" in allowed:
        return GROUP + _group(item, item.value.removeprefix(GROUP))
    return item.choice("A name under `by`", allowed)


def _of(item: Item) -> str:
    name = item.text("`of`")
    return name if name == "environment" else _group(item, name)


def _group(item: Item, name: str) -> str:
    if Vocabulary().find(f"group.{name}") is None:
        raise item.error(f"{name!r} is no name of a group.", "Letters, digits, _ and - are taken.", "Mend the name.")
    return name


def _percent(item: Item) -> int:
    text = item.value if isinstance(item.value, str) else ""
    number = text.removesuffix("%")
    if text.endswith("%") and number.isascii() and number.isdigit() and 1 <= int(number) <= 100:
        return int(number)
    raise item.error("`share` is no percentage.", "It is a whole number from 1 to 100 and a `%`.", "Write 25%, say.")
