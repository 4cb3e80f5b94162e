"""Reads `rules/tests/*.yml`: tables of cases for the rules beside them.

```yaml
defaults: {action: restart, risk: 20, reversibility: full, check: full, actor: agent:planner,
  at: 2026-11-23T12:00:00Z, host: {name: web-01, environment: prod}}
cases:
  - case: production asks one SRE
    expect: {verdict: needs_approval, rules: [production-needs-sre], approvals: [{from: sre, count: 1}]}
```
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gate.policy.language.source import Item, read_yaml
from gate.policy.question import Host, Question
from gate.policy.tables.expected import read_expected
from gate.policy.tables.history import read_history
from gate.policy.tables.tables import Case
from gate.policy.tables.values import actor, moment, names, plain_value, yes
from gate.values.errors import PolicyError

_ACTION = ("action", "catalog", "risk", "reversibility", "check", "certified", "timeout_s")
_GIVEN = (*_ACTION, "actor", "undo", "starting", "host", "hosts", "at", "history", "resets", "parameters", "sizes")
_HOST = ("name", "groups", "tags", "environment", "criticality", "copies")
_HOW_FAR = ("full", "partial", "none")
_MOST_COPIES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFacts:
    """What the catalog says about an action, as far as a decision asks."""

    risk: int
    reversibility: str
    check: str
    certified: bool = False
    timeout_s: int = 0


Actions = Callable[[str], ActionFacts | None]


def read_tables(folder: Path, actions: Actions | None = None) -> tuple[Case, ...]:
    """The cases of all tables in the folder; none if there is no folder. `actions` answers for `catalog: NAME`.

    Raises:
        PolicyError: with file, line, reason and mend.
    """
    if not folder.is_dir():
        return ()
    found: dict[str, Case] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".yaml":
            raise PolicyError(f"{path} would not be read.", "Tables are *.yml files.", "Rename it.")
        if path.suffix == ".yml" and not path.name.startswith("."):
            for case in _table(path, actions):
                if case.name in found:
                    first = found[case.name].place
                    raise PolicyError(
                        f"{case.place}: the case {case.name!r} is there twice.", f"It is at {first} too.", "Rename one."
                    )
                found[case.name] = case
    return tuple(found.values())


def _table(path: Path, actions: Actions | None) -> list[Case]:
    item = read_yaml(path)
    if item is None:
        return []
    keys = item.entries("A table", ("cases",), ("defaults",))
    defaults = keys["defaults"].entries("`defaults`", (), _GIVEN) if "defaults" in keys else {}
    return [_case(entry, defaults, actions) for entry in keys["cases"].items("`cases`")]


def _case(item: Item, defaults: dict[str, Item], actions: Actions | None) -> Case:
    own = item.entries("A case", ("case", "expect"), _GIVEN)
    given = defaults | own
    if "catalog" in own and "action" not in own:
        given = {key: value for key, value in given.items() if key in own or key not in _ACTION}
    for key in ("actor", "at"):
        if key not in given:
            raise item.error(f"The case has no {key!r}.", "It is needed to decide.", f"Add `{key}:`, or a default.")
    at = moment(given["at"])
    hosts = _hosts(item, own, defaults)
    return Case(
        name=own["case"].text("the name of a case"),
        place=f"{item.file}:{item.line}",
        question=_question(item, given, hosts, actions),
        history=read_history(given, at),
        at=at,
        expected=read_expected(own["expect"]),
    )


def _question(item: Item, given: Mapping[str, Item], hosts: tuple[Host, ...], actions: Actions | None) -> Question:
    name, facts = _action(item, given, actions)
    sizes = given["sizes"].entries("`sizes`", (), given["sizes"].value) if "sizes" in given else {}  # type: ignore[arg-type]
    parameters = plain_value(given["parameters"]) if "parameters" in given else {}
    try:
        return Question(
            action=name,
            risk=facts.risk,
            reversibility=facts.reversibility,
            check=facts.check,
            certified=facts.certified,
            timeout_s=facts.timeout_s,
            actor=actor(given["actor"]),
            hosts=hosts,
            undo=yes(given, "undo"),
            starting=yes(given, "starting"),
            parameters=parameters,
            sizes={key: value.number("A size", 0, 1_000_000) for key, value in sizes.items()},
        )
    except ValueError as wrong:
        raise item.error("The case cannot be asked.", f"{wrong}.", "Name each host once.") from None


def _action(item: Item, given: Mapping[str, Item], actions: Actions | None) -> tuple[str, ActionFacts]:
    if "catalog" in given and "action" not in given:
        name = given["catalog"].text("the name of an action")
        known = actions(name) if actions else None
        if known is None:
            why = "The catalog does not have it." if actions else "No catalog is at hand here."
            raise given["catalog"].error(f"There is no action {name!r}.", why, "Write `action`, `risk` and so on.")
        return name, known
    for key in ("action", "risk", "reversibility", "check"):
        if key not in given:
            raise item.error(f"The case has no {key!r}.", "It is needed to decide.", f"Add `{key}:`, or a default.")
    facts = ActionFacts(
        risk=given["risk"].number("`risk`", 0, 100),
        reversibility=given["reversibility"].choice("`reversibility`", _HOW_FAR),
        check=given["check"].choice("`check`", _HOW_FAR),
        certified=yes(given, "certified"),
        timeout_s=given["timeout_s"].number("`timeout_s`", 0, 10**7) if "timeout_s" in given else 0,
    )
    return given["action"].text("the name of an action"), facts


def _hosts(item: Item, own: Mapping[str, Item], defaults: Mapping[str, Item]) -> tuple[Host, ...]:
    base: dict[str, Item] = {}
    for level in (defaults, own):
        if "host" in level:
            base |= level["host"].entries("`host`", (), _HOST)
    many = own.get("hosts") or (defaults.get("hosts") if "host" not in own else None)
    each = [base | one.entries("A host", (), _HOST) for one in many.items("`hosts`")] if many else [base]
    return tuple(host for keys in each for host in _copies(item, keys))


def _copies(item: Item, keys: Mapping[str, Item]) -> list[Host]:
    if "name" not in keys:
        raise item.error("A host has no name.", "A decision is about named hosts.", "Add `name:` to the host.")
    name = keys["name"].text("the name of a host")
    copies = keys["copies"].number("`copies`", 1, _MOST_COPIES) if "copies" in keys else 1
    numbered = [name] if copies == 1 else [f"{name}-{number}" for number in range(1, copies + 1)]
    return [
        Host(
            name=one,
            groups=names(keys, "groups"),
            tags=names(keys, "tags"),
            environment=keys["environment"].text("`environment`") if "environment" in keys else "none",
            criticality=keys["criticality"].text("`criticality`") if "criticality" in keys else "none",
        )
        for one in numbered
    ]
