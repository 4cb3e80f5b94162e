"""The local check that every plan passes, whoever made it. Deterministic, strict, and closed.

- Types are exact: `true` is no integer, `5.0` is no integer, nothing is converted.
- A pattern must match the whole text; a text that starts with `-` is refused: a command could take it for an option.
- A keyword of JSON Schema that is not checked here makes the value wrong, not right.
- Grounding: each target and each value stands in the request, word for word, or is a declared default.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from gate.intent import Intent
from gate.values.errors import IntentError
from planner.catalog import ActionView, CatalogView

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}
_NOTES = {"$schema", "title", "description", "default", "examples", "deprecated"}
_CHECKED = {"type", "enum", "const", "pattern", "minLength", "maxLength", "minimum", "maximum"}
_NESTED = {"items", "minItems", "maxItems", "uniqueItems", "properties", "required", "additionalProperties"}


def problems(intent: Intent, request: str, catalog: CatalogView) -> list[str]:
    """Everything that is wrong with an intent as an answer to `request`; empty means that it may be proposed."""
    action = catalog.action(intent.action)
    if action is None:
        return [f"the catalog has no action {intent.action!r}"]
    found = [f"parameters{why}" for why in schema_problems(intent.parameters, object_schema(action))]
    found += target_problems(intent, action, catalog)
    found += [f"target {name!r} is not in the request" for name in intent.targets if not says(request, name)]
    found += [
        f"parameter {name!r}: {value!r} is neither in the request nor the default"
        for name, value in intent.parameters.items()
        if not _grounded(value, action.properties.get(name, {}), name, request)
    ]
    return found


def object_schema(action: ActionView) -> dict[str, Any]:
    """The action's parameter schema, closed to unknown names whatever it says itself."""
    return {
        "type": "object",
        "properties": action.properties,
        "required": list(action.required),
        "additionalProperties": False,
    }


def make_intent(action: str, targets: list[str], parameters: Mapping[str, Any], reason: str) -> Intent | str:
    """An intent, or the sentence that says why these values cannot be one."""
    try:
        return Intent.of(action, targets, dict(parameters), reason)
    except IntentError as wrong:
        return f"{wrong.what} {wrong.why}"


def target_problems(intent: Intent, action: ActionView, catalog: CatalogView) -> list[str]:
    """Unknown names, hosts outside the action's groups, and too many hosts at once."""
    known = {host.name for host in catalog.hosts} | set(catalog.groups)
    found = [f"target {name!r} is not in the inventory" for name in intent.targets if name not in known]
    hosts = frozenset[str]().union(*(catalog.members(name) for name in intent.targets))
    if not hosts and not found:
        found.append("the targets mean no host")
    allowed = action.targets.groups
    if allowed and "all" not in allowed:
        inside = frozenset[str]().union(*(catalog.members(group) for group in allowed))
        found += [f"{action.name} may not be used on {name}" for name in sorted(hosts - inside)]
    if action.targets.max_hosts is not None and len(hosts) > action.targets.max_hosts:
        found.append(f"{action.name} takes {action.targets.max_hosts} hosts at most, these are {len(hosts)}")
    return found


def schema_problems(value: Any, schema: Mapping[str, Any], where: str = "") -> list[str]:
    """What is wrong with `value` by the schema; each as `<place> <reason>`."""
    unchecked = set(schema) - _NOTES - _CHECKED - _NESTED
    if unchecked:
        return [f"{where} cannot be checked: the schema uses {', '.join(sorted(unchecked))}"]
    wrong = _type_problem(value, schema.get("type"))
    if wrong:
        return [f"{where} {wrong}"]
    found = [f"{where} {why}" for why in _scalar_problems(value, schema)]
    if isinstance(value, list):
        found += _list_problems(value, schema, where)
    if isinstance(value, dict):
        found += _object_problems(value, schema, where)
    return found


def _type_problem(value: Any, wanted: Any) -> str | None:
    names = wanted if isinstance(wanted, list) else [wanted]
    if any(_is(value, name) for name in names):
        return None
    return f"must be {' or '.join(str(name) for name in names)}, not {type(value).__name__}"


def _is(value: Any, name: Any) -> bool:
    if name == "null":
        return value is None
    kind = _TYPES.get(name) if isinstance(name, str) else None
    if kind is None or (isinstance(value, bool) and name != "boolean"):
        return False
    return isinstance(value, kind)


def _scalar_problems(value: Any, schema: Mapping[str, Any]) -> Iterator[str]:
    chosen = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if chosen is not None and not any(type(value) is type(one) and value == one for one in chosen):
        yield f"must be one of {json.dumps(chosen)}"
    elif isinstance(value, str) and chosen is None:
        yield from _text_problems(value, schema)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if "minimum" in schema and not value >= schema["minimum"]:
            yield f"must be {schema['minimum']} at least"
        if "maximum" in schema and not value <= schema["maximum"]:
            yield f"must be {schema['maximum']} at most"


def _text_problems(text: str, schema: Mapping[str, Any]) -> Iterator[str]:
    if text.startswith("-"):
        yield "must not start with '-'"
    if len(text) < schema.get("minLength", 0):
        yield f"must have {schema['minLength']} characters at least"
    if len(text) > schema.get("maxLength", 4096):
        yield f"must have {schema.get('maxLength', 4096)} characters at most"
    elif "pattern" in schema and not whole(schema["pattern"], text):
        yield f"must match {schema['pattern']!r} from its first to its last character"


def whole(pattern: str, text: str) -> bool:
    """Does the pattern match all of the text? A pattern that Python cannot read matches nothing."""
    try:
        return re.fullmatch(pattern.replace(r"\z", r"\Z"), text, re.ASCII) is not None
    except re.error:
        return False


def _list_problems(value: list[Any], schema: Mapping[str, Any], where: str) -> list[str]:
    found = [] if len(value) <= schema.get("maxItems", 100) else [f"{where} has too many items"]
    if len(value) < schema.get("minItems", 0):
        found.append(f"{where} has too few items")
    if schema.get("uniqueItems") and len({json.dumps(one, sort_keys=True) for one in value}) < len(value):
        found.append(f"{where} repeats an item")
    for number, one in enumerate(value):
        found += schema_problems(one, schema.get("items", {}), f"{where}[{number}]")
    return found


def _object_problems(value: dict[str, Any], schema: Mapping[str, Any], where: str) -> list[str]:
    known = schema.get("properties", {})
    found = [f"{where}.{name} is missing" for name in schema.get("required", []) if name not in value]
    for name, inner in value.items():
        if name in known:
            found += schema_problems(inner, known[name], f"{where}.{name}")
        elif schema.get("additionalProperties", False) is not True:
            found.append(f"{where}.{name} is not a parameter")
    return found


def says(request: str, text: str) -> bool:
    """Whether `text` stands in the request as a whole word, no part of a longer name or path. Case is ignored."""
    wanted = re.escape(text.casefold())
    # `/etc` is not in `/etc/shadow`, `web` not in `web-01`, `app` not in `app:1.2`, `5` not in `5.5`
    return re.search(rf"(?<![\w@/.-]){wanted}(?![\w@/-]|[.:]\w)", request.casefold()) is not None


def has_ending(request: str, text: str) -> bool:
    """Whether a path of the request ends in `.text`: "/etc/app.ini" says that the format is ini."""
    return re.search(rf"/\S*\.{re.escape(text)}(?![\w@/-]|[.:]\w)", request) is not None


def _grounded(value: Any, schema: Mapping[str, Any], name: str, request: str) -> bool:
    if "default" in schema and type(value) is type(schema["default"]) and value == schema["default"]:
        return True
    match value:
        case bool():
            return says(request, name) or says(request, name.replace("_", " "))
        case str() if value in schema.get("enum", ()) and has_ending(request, value):
            return True
        case str():
            # words that only differ in case are another value on a machine
            return bool(value) and value in request and says(request, value)
        case int() | float():
            return says(request, str(value))
        case list():
            return all(_grounded(one, schema.get("items", {}), name, request) for one in value)
        case dict():
            inner = schema.get("properties", {})
            return all(_grounded(one, inner.get(key, {}), key, request) for key, one in value.items())
    return False
