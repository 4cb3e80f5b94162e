"""Reads the folder of rules: every `*.yml` of it, strictly, into one rulebook.

Whatever could be read in two ways, or would quietly not count (an unknown key, a `.yaml` file, a folder inside the
folder), is refused with file, line, reason and mend.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import reduce
from operator import or_
from pathlib import Path

from gate.policy.language.conditions import read_condition
from gate.policy.language.predicate import Predicate
from gate.policy.language.rule import Leaf, Requirement, Rule, Verdict, leaves
from gate.policy.language.source import NAME, Item, read_yaml
from gate.policy.language.vocabulary import YES_NO, Fact, Vocabulary
from gate.policy.limits.limit import Limit, limit_rules
from gate.policy.limits.reading import read_limits
from gate.policy.question import Lookback
from gate.policy.risk.reading import read_recipe
from gate.policy.risk.recipe import Recipe
from gate.policy.windows.ics import Calendar
from gate.policy.windows.reading import read_windows
from gate.policy.windows.window import Window, window_rules
from gate.values.errors import PolicyError

_SPECIAL = ("windows.yml", "limits.yml", "risk.yml")
_GROUP = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_MOST_APPROVALS = 10
_LONGEST = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """Everything that decides: the rules by id (those made from windows and limits included) and their facts."""

    rules: Mapping[str, Rule]
    windows: tuple[Window, ...]
    limits: tuple[Limit, ...]
    facts: tuple[Fact, ...]
    asked: tuple[Predicate, ...] = ()
    risk: Recipe = field(default_factory=Recipe)

    @property
    def lookback(self) -> Lookback:
        """How far back a history has to reach, and for what."""
        return reduce(or_, (limit.lookback for limit in self.limits), self.risk.lookback)

    @property
    def horizon(self) -> timedelta:
        """How far back a history reaches that is long enough for everything but the breakers, which forget nothing."""
        back = self.lookback
        return max(back.actor, back.action, back.target, back.every, self.risk.lookback.failed_target)

    def members(self, family: str) -> tuple[str, ...]:
        """The names of a family (`group`, say) that some rule, window or limit asks for."""
        return tuple(fact.name.partition(".")[2] for fact in self.facts if fact.name.startswith(f"{family}."))


def read_rulebook(folder: Path) -> Rulebook:
    """The rulebook of a folder.

    Raises:
        PolicyError: with file, line, reason and mend.
    """
    files = _files(folder)
    windows = read_windows(folder / "windows.yml")
    limits, risk = read_limits(folder / "limits.yml"), read_recipe(folder / "risk.yml")
    _refuse_forgotten_calendars(folder, windows)
    timed = [window.name for window in windows if window.kind != "closed"]
    vocabulary = Vocabulary(timed, (limit.name for limit in limits))
    rules: dict[str, Rule] = {}
    for rule in _all_rules(files, vocabulary):
        if rule.id in rules:
            place, first = rule.place, rules[rule.id].place
            raise PolicyError(f"{place}: the rule {rule.id!r} is there twice.", f"It is at {first} too.", "Rename one.")
        rules[rule.id] = rule
    if not rules:
        raise PolicyError(
            f"{folder} has no rules.", "Without rules everything is denied.", "Write one, or `gate init`."
        )
    rules |= {rule.id: rule for rule in (*window_rules(windows), *limit_rules(limits))}
    used = [leaf for rule in rules.values() for leaf in leaves(rule.when)]
    used += [leaf for window in windows for leaf in leaves(window.scope)]
    asked = _asked(used)
    facts = (*vocabulary.all(leaf.fact for leaf in used), *map(asked_fact, asked))
    return Rulebook(rules=rules, windows=windows, limits=limits, facts=facts, asked=asked, risk=risk)


def asked_fact(asked: Predicate) -> Fact:
    """The fact that a predicate becomes."""
    return Fact(name=asked.name, kind=str, values=YES_NO, meaning=f"Whether {asked.text}.", origin="rules")


def _asked(used: Iterable[Leaf]) -> tuple[Predicate, ...]:
    """Every question that the engine never sees, once, in the order of their names."""
    found = {leaf.asks.name: leaf.asks for leaf in used if leaf.asks}
    return tuple(found[name] for name in sorted(found))


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise PolicyError(f"{folder} is no folder.", "The rules are read from it.", "Mend the path, or `gate init`.")
    visible = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    for path in visible:
        if path.suffix == ".yaml" or (path.is_dir() and path.name != "tests"):
            raise PolicyError(
                f"{path} would not be read.",
                "Rules are the *.yml files that lie directly in the folder; a rule that is overlooked denies nothing.",
                "Rename or move it.",
            )
    return [path for path in visible if path.suffix == ".yml" and path.name not in _SPECIAL]


def _refuse_forgotten_calendars(folder: Path, windows: tuple[Window, ...]) -> None:
    used = {window.openings.name for window in windows if isinstance(window.openings, Calendar)}
    for path in sorted(folder.glob("*.ics")):
        if path.name not in used:
            raise PolicyError(
                f"{path} would not be read.",
                "No window names it; a freeze that is overlooked denies nothing.",
                f"Write `ics: {path.name}` in a window of windows.yml, or move it.",
            )


def _all_rules(files: list[Path], vocabulary: Vocabulary) -> Iterator[Rule]:
    for path in files:
        item = read_yaml(path)
        for entry in item.items("A rules file") if item else ():
            yield _rule(entry, vocabulary)


def _rule(item: Item, vocabulary: Vocabulary) -> Rule:
    keys = item.entries("A rule", ("rule", "when", "then", "because"), ("mode",))
    verdict, requirement = _then(keys["then"])
    because = keys["because"].text("`because`")
    if not because.isprintable() or len(because) > 300:
        raise keys["because"].error(
            "`because` is not one short line.", "People read it.", "Use 300 characters at most."
        )
    return Rule(
        id=keys["rule"].text("the name of a rule", NAME),
        when=read_condition(keys["when"], vocabulary),
        verdict=verdict,
        requirement=requirement,
        because=because,
        place=f"{item.file}:{item.line}",
        shadow="mode" in keys and keys["mode"].choice("`mode`", ("enforce", "shadow")) == "shadow",
    )


def _then(item: Item) -> tuple[Verdict, Requirement | None]:
    if not isinstance(item.value, dict):
        return Verdict(item.choice("`then`", ("allow", "deny", "{needs_approval: {from: GROUP}}"))), None
    keys = item.entries("`then`", ("needs_approval",))["needs_approval"].entries(
        "`needs_approval`", ("from",), ("count", "expires", "or", "escalate")
    )
    expires = keys["expires"].duration(_LONGEST) if "expires" in keys else timedelta(hours=4)
    group, count = _of_group(keys)
    escalate = keys["escalate"].entries("`escalate`", ("after", "to")) if "escalate" in keys else {}
    return Verdict.NEEDS_APPROVAL, Requirement(
        group=group,
        count=count,
        expires_s=int(expires.total_seconds()),
        alternatives=tuple(
            _of_group(entry.entries("An alternative", ("from",), ("count",))) for entry in keys["or"].items("`or`")
        )
        if "or" in keys
        else (),
        escalate_after_s=int(escalate["after"].duration(expires).total_seconds()) if escalate else None,
        escalate_to=escalate["to"].text("the name of a group", _GROUP) if escalate else None,
    )


def _of_group(keys: Mapping[str, Item]) -> tuple[str, int]:
    count = keys["count"].number("`count`", 1, _MOST_APPROVALS) if "count" in keys else 1
    return keys["from"].text("the name of a group", _GROUP), count
