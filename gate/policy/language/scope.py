"""`applies:` of a window or limit, read into a condition. The keys are ANDed, the values of one key ORed."""

from __future__ import annotations

from gate.policy.language.rule import All, AnyOf, Condition, Leaf
from gate.policy.language.source import Item
from gate.policy.language.vocabulary import Vocabulary, plain

_KEYS = {
    "environments": "environment",
    "actions": "action",
    "groups": "group",
    "criticalities": "criticality",
    "actor_kinds": "actor_kind",
}
_EVERYTHING = Leaf(fact="n_targets", op="ge", value=0)


def read_scope(item: Item | None, undo: Item | None) -> Condition:
    """What is covered: everything, if nothing is said. `undo: exempt` leaves undo out.

    Raises:
        PolicyError: an unknown key or value.
    """
    parts: list[Condition] = []
    for key, inner in (item.entries("`applies`", (), _KEYS) if item else {}).items():
        if names := list(dict.fromkeys(_name(key, value) for value in inner.items(f"`{key}`"))):
            parts.append(_any_of(_KEYS[key], names))
    if undo is not None and undo.choice("`undo`", ("counts", "exempt")) == "exempt":
        parts.append(Leaf(fact="undo", op="eq", value="no"))
    return All(tuple(parts)) if parts else _EVERYTHING


def _name(key: str, item: Item) -> str:
    name = item.text(f"A name under `{key}`")
    fact = Vocabulary().find(f"group.{name}" if key == "groups" else _KEYS[key])
    if fact is None:
        raise item.error(f"{name!r} is no name of a group.", "Letters, digits, _ and - are taken.", "Mend the name.")
    return item.choice(f"A name under `{key}`", fact.values) if key == "actor_kinds" else name


def _any_of(fact: str, names: list[str]) -> Condition:
    if fact == "group":
        return AnyOf(tuple(Leaf(fact=f"group.{name}", op="eq", value="yes") for name in names))
    return Leaf(fact=fact, op="in", value=tuple(plain(name) for name in names))
