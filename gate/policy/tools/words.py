"""The vocabulary for people and programs: every fact that a rule may ask for, with type, unit, origin and example.

`python -m gate.policy.tools.words` prints the table of docs/reference/vocabulary.md; a test keeps the two together.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gate.policy.language.predicate import Parameter
from gate.policy.language.vocabulary import FACTS, FAMILIES, Fact
from gate.policy.rules.lint import Parameters
from gate.policy.rules.rulebook import Rulebook

_TYPES = {"int": "number", "float": "number", "bool": "yes or no", "list": "list", "dict": "map"}
_OF_TEXT = "eq, ne, in, not_in"
_OF_NUMBERS = "eq, ne, in, not_in, lt, le, gt, ge"
_OF_LISTS = "has, every, count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One fact. `type` is text, number, yes or no, or list; `values` is empty where others are possible."""

    name: str
    type: str
    origin: str
    meaning: str
    unit: str = ""
    values: tuple[str, ...] = ()
    comparisons: str = _OF_TEXT
    example: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type,
            "unit": self.unit or None,
            "origin": self.origin,
            "values": list(self.values),
            "comparisons": self.comparisons.split(", "),
            "example": self.example,
            "meaning": self.meaning,
        }


PARAMETERS = (
    Word(
        name="param.NAME",
        type="as the action says",
        origin="intent",
        comparisons=f"{_OF_NUMBERS}, glob, matches, {_OF_LISTS}, absent",
        example="{param.path: {glob: /etc/app/*}}",
        meaning="The parameter NAME of the action, whatever action it is.",
    ),
    Word(
        name="param.ACTION.NAME",
        type="as the action says",
        origin="intent",
        comparisons=f"{_OF_NUMBERS}, glob, matches, {_OF_LISTS}, absent",
        example="{param.restart_service.wait: {gt: 60}}",
        meaning="The parameter NAME, if the action is ACTION; of any other action it is absent.",
    ),
)
LISTS = (
    Word(
        name="groups",
        type="list",
        origin="inventory",
        comparisons=_OF_LISTS,
        example='{groups: {has: {glob: "db-*"}}}',
        meaning="The inventory groups that the host is in.",
    ),
    Word(
        name="tags",
        type="list",
        origin="inventory",
        comparisons=_OF_LISTS,
        example="{tags: {has: pci}}",
        meaning="The tags that the host carries, by `gate_tags` in the inventory.",
    ),
)


def words(
    book: Rulebook | None = None,
    groups: Iterable[str] = (),
    tags: Iterable[str] = (),
    parameters: Parameters | None = None,
) -> list[Word]:
    """Every fact in general; with a site's rules, groups, tags and parameters, those of the site."""
    if book is None:
        return [*(_of_fact(fact) for fact in (*FACTS, *FAMILIES)), *LISTS, *PARAMETERS]
    found = [_of_fact(fact) for fact in book.facts if not fact.name.startswith(("group.", "tag.", "is."))]
    for family, names in (("group", groups), ("tag", tags)):
        kind = next(fact for fact in FAMILIES if fact.name == f"{family}.NAME")
        found += [_of_fact(kind, name) for name in sorted({*names, *book.members(family)})]
    return [*found, *LISTS, *_of_parameters(parameters or {})]


def _of_fact(fact: Fact, member: str = "NAME") -> Word:
    name, meaning = fact.name.replace("NAME", member), fact.meaning.replace("NAME", member)
    comparisons = _OF_NUMBERS if fact.kind is int else f"{_OF_TEXT}, glob, matches" if fact.is_free_text else _OF_TEXT
    bounds = (f"{fact.low} to {fact.high}",) if fact.low is not None and fact.high is not None else ()
    return Word(
        name=name,
        type="number" if fact.kind is int else "text",
        unit=fact.unit,
        origin=fact.origin,
        values=fact.values or bounds,
        comparisons=comparisons,
        example=f"{{{name}: {fact.example or (fact.values[0] if fact.values else '')}}}",
        meaning=meaning,
    )


def _of_parameters(parameters: Parameters) -> Iterator[Word]:
    for action, known in sorted(parameters.items()):
        for name, about in known.items():
            yield _of_parameter(f"param.{action}.{name}", about)


def _of_parameter(name: str, about: Parameter) -> Word:
    kind = _TYPES.get(about.kind, "text")
    comparisons = {"number": _OF_NUMBERS, "list": _OF_LISTS, "map": "absent"}.get(kind, f"{_OF_TEXT}, glob, matches")
    bounds = (f"{_bound(about.low)} to {_bound(about.high)}",) if (about.low, about.high) != (None, None) else ()
    return Word(
        name=name,
        type=kind,
        origin="intent",
        values=tuple(map(str, about.choices)) or bounds,
        comparisons=f"{comparisons}, absent" if kind != "map" else comparisons,
        example=f"{{{name}: {{absent: no}}}}",
        meaning=about.meaning,
    )


def _bound(value: float | None) -> str:
    return "any" if value is None else f"{value:g}"


def table() -> str:
    """The table of docs/reference/vocabulary.md."""
    headings = ("fact", "type", "from", "values", "comparisons", "example", "meaning")
    return "\n".join([f"| {' | '.join(headings)} |", "|---" * len(headings) + "|", *(_row(word) for word in words())])


def _row(word: Word) -> str:
    values = ", ".join(f"`{value}`" for value in word.values)
    kind = f"{word.type}, {word.unit}" if word.unit else word.type
    cells = (f"`{word.name}`", kind, word.origin, values, word.comparisons, f"`{word.example}`", word.meaning)
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
