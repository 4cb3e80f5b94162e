"""Reads the folder of rules: every `*.yml` of it, strictly, into one rulebook.

Whatever could be read in two ways, or would quietly not count (an unknown key, a `.yaml` file, a folder inside the
folder), is refused with file, line, reason and mend.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gate.policy.conditions import read_condition
from gate.policy.limits import Limit, limit_rules, read_limits
from gate.policy.rule import Requirement, Rule, Verdict, leaves
from gate.policy.source import Item, read_yaml
from gate.policy.vocabulary import Fact, Vocabulary
from gate.policy.windows import NAME, Window, read_duration, read_windows, window_rules
from gate.values.errors import PolicyError

_SPECIAL = ("windows.yml", "limits.yml")
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

    @property
    def horizon(self) -> timedelta:
        """How far back a history has to reach."""
        return max((limit.per for limit in self.limits), default=timedelta(0))

    @property
    def groups(self) -> tuple[str, ...]:
        """The inventory groups that some rule names."""
        return tuple(fact.name.partition(".")[2] for fact in self.facts if fact.name.startswith("group."))


def read_rulebook(folder: Path) -> Rulebook:
    """The rulebook of a folder.

    Raises:
        PolicyError: with file, line, reason and mend.
    """
    files = _files(folder)
    windows = read_windows(folder / "windows.yml")
    limits = read_limits(folder / "limits.yml")
    vocabulary = Vocabulary((window.name for window in windows), (limit.name for limit in limits))
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
    used = {leaf.fact for rule in rules.values() for leaf in leaves(rule.when)}
    used |= {leaf.fact for window in windows for leaf in leaves(window.scope)}
    groups = {name.partition(".")[2] for name in used if name.startswith("group.")}
    return Rulebook(rules=rules, windows=windows, limits=limits, facts=vocabulary.all(groups))


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


def _all_rules(files: list[Path], vocabulary: Vocabulary) -> Iterator[Rule]:
    for path in files:
        item = read_yaml(path)
        for entry in item.items("A rules file") if item else ():
            yield _rule(entry, vocabulary)


def _rule(item: Item, vocabulary: Vocabulary) -> Rule:
    keys = item.entries("A rule", ("rule", "when", "then", "because"))
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
    )


def _then(item: Item) -> tuple[Verdict, Requirement | None]:
    if not isinstance(item.value, dict):
        return Verdict(item.choice("`then`", ("allow", "deny", "{needs_approval: {from: GROUP}}"))), None
    keys = item.entries("`then`", ("needs_approval",))["needs_approval"].entries(
        "`needs_approval`", ("from",), ("count", "expires", "or", "escalate")
    )
    expires = read_duration(keys["expires"], _LONGEST) if "expires" in keys else timedelta(hours=4)
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
        escalate_after_s=int(read_duration(escalate["after"], expires).total_seconds()) if escalate else None,
        escalate_to=escalate["to"].text("the name of a group", _GROUP) if escalate else None,
    )


def _of_group(keys: Mapping[str, Item]) -> tuple[str, int]:
    count = keys["count"].number("`count`", 1, _MOST_APPROVALS) if "count" in keys else 1
    return keys["from"].text("the name of a group", _GROUP), count
