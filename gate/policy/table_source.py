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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gate.policy.question import History, Host, Past, Question
from gate.policy.rule import Verdict
from gate.policy.source import Item, read_yaml
from gate.policy.tables import Case, Expected
from gate.policy.vocabulary import YES_NO
from gate.values.actor import Actor
from gate.values.clock import duration
from gate.values.errors import PolicyError

_ACTION = ("action", "catalog", "risk", "reversibility", "check", "certified", "timeout_s")
_GIVEN = (*_ACTION, "actor", "undo", "starting", "host", "hosts", "at", "history", "resets", "parameters", "sizes")
_HOST = ("name", "groups", "tags", "environment", "criticality", "copies")
_PAST = ("ago", "actor", "action", "hosts", "times", "state", "started", "finished", "failed", "environment", "groups")
_STATES = ("succeeded", "failed", "running", "waiting", "ready", "unknown", "undoing", "undone", "undo_failed")
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
    at = _time(given["at"])
    hosts = _hosts(item, own, defaults)
    return Case(
        name=own["case"].text("the name of a case"),
        place=f"{item.file}:{item.line}",
        question=_question(item, given, hosts, actions),
        history=_history(given, at),
        at=at,
        expected=_expected(own["expect"]),
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
            actor=_actor(given["actor"]),
            hosts=hosts,
            undo=_yes(given, "undo"),
            starting=_yes(given, "starting"),
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
        certified=_yes(given, "certified"),
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
    names = [name] if copies == 1 else [f"{name}-{number}" for number in range(1, copies + 1)]
    return [
        Host(
            name=one,
            groups=_names(keys, "groups"),
            tags=_names(keys, "tags"),
            environment=keys["environment"].text("`environment`") if "environment" in keys else "none",
            criticality=keys["criticality"].text("`criticality`") if "criticality" in keys else "none",
        )
        for one in names
    ]


def _history(given: Mapping[str, Item], at: datetime) -> History:
    changes: list[Past] = []
    for entry in given["history"].items("`history`") if "history" in given else ():
        keys = entry.entries("A past change", ("ago", "actor", "action", "hosts"), _PAST)
        times = keys["times"].number("`times`", 1, 10_000) if "times" in keys else 1
        changes += [_past(keys, at, f"past-{len(changes) + number}") for number in range(times)]
    resets = given["resets"].items("`resets`") if "resets" in given else ()
    return History(changes=tuple(changes), resets=dict(_reset(one, at) for one in resets))


def _past(keys: Mapping[str, Item], at: datetime, name: str) -> Past:
    hosts = tuple(one.text("the name of a host") for one in keys["hosts"].items("`hosts`"))
    state = keys["state"].choice("`state`", _STATES) if "state" in keys else "succeeded"
    where = keys["environment"].text("`environment`") if "environment" in keys else "none"
    groups = _names(keys, "groups")
    known = "environment" in keys or "groups" in keys
    return Past(
        id=name,
        at=at - _ago(keys["ago"]),
        actor=str(_actor(keys["actor"])),
        action=keys["action"].text("the name of an action"),
        hosts=hosts,
        state=state,
        started_at=at - _ago(keys["started"]) if "started" in keys else None,
        finished_at=at - _ago(keys["finished"]) if "finished" in keys else None,
        failed_at=at - _ago(keys["failed"]) if "failed" in keys else None,
        known={host: Host(name=host, groups=groups, environment=where) for host in hosts} if known else {},
    )


def _reset(item: Item, at: datetime) -> tuple[tuple[str, str], datetime]:
    keys = item.entries("A reset", ("limit", "key", "ago"))
    key = keys["key"].value
    return (keys["limit"].text("the name of a limit"), str(key)), at - _ago(keys["ago"])


def _expected(item: Item) -> Expected:
    keys = item.entries("`expect`", ("verdict",), ("rules", "silent", "approvals", "opens_at"))
    verdicts = [verdict.value for verdict in Verdict if verdict.value != "wait"]
    opens = keys.get("opens_at")
    return Expected(
        verdict=Verdict(keys["verdict"].choice("`verdict`", verdicts)),
        rules=_list(keys, "rules"),
        silent=_list(keys, "silent"),
        approvals=tuple(_approval(one) for one in keys["approvals"].items("`approvals`"))
        if "approvals" in keys
        else None,
        opens_at=None if opens is None else "never" if opens.value == "never" else _time(opens),
    )


def _approval(item: Item) -> Mapping[str, Any]:
    keys = item.entries("An approval", ("from",), ("count", "expires", "or", "escalate"))
    found: dict[str, Any] = {"group": keys["from"].text("the name of a group")}
    if "count" in keys:
        found["count"] = keys["count"].number("`count`", 1, 100)
    if "expires" in keys:
        found["expires_s"] = int(_ago(keys["expires"]).total_seconds())
    if "or" in keys:
        found["or"] = [
            {
                "group": one["from"].text("a group"),
                "count": one["count"].number("`count`", 1, 100) if "count" in one else 1,
            }
            for one in (entry.entries("An alternative", ("from",), ("count",)) for entry in keys["or"].items("`or`"))
        ]
    if "escalate" in keys:
        one = keys["escalate"].entries("`escalate`", ("after", "to"))
        found["escalate"] = {"after_s": int(_ago(one["after"]).total_seconds()), "to": one["to"].text("a group")}
    return found


def plain_value(item: Item) -> Any:
    """What was written, as plain Python data."""
    match item.value:
        case tuple() as many:
            return [plain_value(one) for one in many]
        case dict() as keys:
            return {key: plain_value(one) for key, one in keys.items()}
        case value:
            return value


def _list(keys: Mapping[str, Item], name: str) -> tuple[str, ...]:
    return tuple(one.text("the name of a rule") for one in keys[name].items(f"`{name}`")) if name in keys else ()


def _names(keys: Mapping[str, Item], name: str) -> frozenset[str]:
    if name not in keys:
        return frozenset()
    return frozenset(one.text(f"a name under `{name}`") for one in keys[name].items(f"`{name}`"))


def _yes(given: Mapping[str, Item], name: str) -> bool:
    return name in given and given[name].choice(f"`{name}`", YES_NO) == "yes"


def _actor(item: Item) -> Actor:
    try:
        return Actor.parse(item.text("`actor`"))
    except ValueError as wrong:
        raise item.error("This is no actor.", f"{wrong}.", "Write agent:planner, say, or human:ann.") from None


def _time(item: Item) -> datetime:
    try:
        found = datetime.fromisoformat(item.text("a time"))
    except ValueError:
        found = datetime.min  # noqa: DTZ901 - it has no zone, and so is refused
    if found.tzinfo is None:
        raise item.error(
            f"{item.value!r} is no time with a zone.", "A case is decided at one moment.", "Write 2026-11-23T12:00:00Z."
        )
    return found.astimezone(UTC)


def _ago(item: Item) -> timedelta:
    try:
        return duration(item.text("a duration"))
    except ValueError as wrong:
        raise item.error("This is no duration.", f"{wrong}.", "Write 10m, say.") from None
