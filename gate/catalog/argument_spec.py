"""do.meta.yml: Ansible's play argument specification, read into a `ParameterSchema` or refused with every line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gate.catalog.finding import BrokenActionError, Finding, finding
from gate.catalog.names import refused_name
from gate.catalog.parameters import Option, ParameterSchema, compile_model
from gate.catalog.source import Map, read_yaml
from gate.intent.text import refuse_hostile
from gate.values.errors import IntentError

FILE_KEYS = ("short_description", "description", "argument_specs")
SPEC_KEYS = ("short_description", "description", "author", "options", "examples", "return")
OPTION_KEYS = (
    "type", "description", "required", "default", "choices", "pattern", "max_length", "min", "max", "elements",
    "options", "no_log",
)  # fmt: skip
SECRET_KEYS = frozenset({"type", "description", "required", "default", "no_log"})  # of an option with no_log
TYPES = ("str", "int", "float", "bool", "list", "dict")
MAX_SUMMARY = 120
_KINDS: dict[str, tuple[type, ...]] = {
    "type": (str,), "description": (str, list), "required": (bool,), "choices": (list,), "pattern": (str,),
    "max_length": (int,), "min": (int, float), "max": (int, float), "elements": (str,), "options": (dict,),
    "no_log": (bool,),
}  # fmt: skip
_FITS: dict[str, tuple[str, ...]] = {
    "pattern": ("str",), "max_length": ("str",), "min": ("int", "float"), "max": ("int", "float"),
    "choices": ("str", "int", "float"), "options": ("dict",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ArgumentSpec:
    """What do.meta.yml says: `summary` (one line), `description` and the parameters."""

    summary: str
    description: str
    parameters: ParameterSchema


def read_argument_spec(folder: Path, action: str | None = None) -> ArgumentSpec:
    """The specification of the action in `folder`, which has the folder's name if nothing else is said.

    Raises:
        BrokenActionError: with all findings.
    """
    file = folder / "do.meta.yml"
    reader = _Reader(file)
    made = reader.spec(read_yaml(file), action or folder.name)
    if reader.findings:
        raise BrokenActionError(reader.findings)
    return made


class _Reader:
    """Reads on after a finding, so that an author sees all of them at once."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.findings: list[Finding] = []

    def refuse(self, line: int, rule: str, what: str) -> None:
        self.findings.append(finding(self.file, line, rule, what))

    def spec(self, raw: Any, action: str) -> ArgumentSpec:
        top = self._map(raw, "the file", FILE_KEYS, 1)
        summary = top.get("short_description")
        if not isinstance(summary, str) or not 0 < len(summary) <= MAX_SUMMARY or "\n" in summary:
            self.refuse(
                top.at("short_description"), "meta-key", f"short_description is no line of 1-{MAX_SUMMARY} characters"
            )
        specs = self._map(top.get("argument_specs"), "argument_specs", (action,), top.at("argument_specs"))
        entry = self._map(specs.get(action), f"argument_specs.{action}", SPEC_KEYS, specs.at(action))
        options = entry.get("options")
        found = self.options(Map(entry.line) if options is None else options, entry.at("options"))
        schema = ParameterSchema(action, found)
        return ArgumentSpec(str(summary), _paragraphs(top.get("description")), schema)

    def options(self, raw: Any, line: int, *, top: bool = True) -> dict[str, Option]:
        made: dict[str, Option] = {}
        for name, value in self._map(raw, "options", None, line).items():
            at = raw.at(name)
            if why := refused_name(name):
                self.refuse(at, "parameter-name", f"{name!r} {why}")
            before = len(self.findings)
            described = self._map(value, f"the option {name}", OPTION_KEYS, at)
            option = self.option(name, described)
            if option.no_log and not (top and set(described) <= SECRET_KEYS and option.type == "str"):
                self.refuse(described.at("no_log"), "parameter-secret", f"{name} cannot name a secret")
            if len(self.findings) == before:
                made[name] = option
        return made

    def option(self, name: str, raw: Map) -> Option:
        for key, kinds in _KINDS.items():
            if key in raw and (not isinstance(raw[key], kinds) or (bool not in kinds and isinstance(raw[key], bool))):
                self.refuse(raw.at(key), "meta-key", f"{key} of {name} is no {' or '.join(k.__name__ for k in kinds)}")
                return Option(type="str")
        before = len(self.findings)
        kind = self._kind(name, raw)
        options = self.options(raw["options"], raw.at("options"), top=False) if "options" in raw else {}
        made = Option(
            type=raw.get("type", ""), description=_paragraphs(raw.get("description")),
            required=raw.get("required", False), default=raw.get("default"), choices=tuple(raw.get("choices", ())),
            pattern=raw.get("pattern"), max_length=raw.get("max_length"), min=raw.get("min"), max=raw.get("max"),
            elements=raw.get("elements"), options=options, no_log=raw.get("no_log", False),
        )  # fmt: skip
        self._check_bounds(name, raw, kind, made)
        if len(self.findings) == before:  # only what is well-formed can be compiled
            self._check_values(name, raw, made)
        return made

    def _kind(self, name: str, raw: Map) -> str:
        kind = raw.get("type", "")
        if kind not in TYPES:
            self.refuse(raw.at("type"), "parameter-type", f"{name} has the type {kind!r}")
        if (kind == "list") != ("elements" in raw):
            self.refuse(raw.at("type"), "parameter-type", f"{name}: elements belong to a list, and a list has them")
        if kind == "list":
            kind = raw.get("elements", "")
            if kind not in TYPES or kind == "list":
                self.refuse(raw.at("elements"), "parameter-type", f"{name} has elements of the type {kind!r}")
        if kind == "dict" and not raw.get("options"):
            self.refuse(raw.at("type"), "parameter-type", f"{name} is a dict without options")
        return str(kind)

    def _check_bounds(self, name: str, raw: Map, kind: str, option: Option) -> None:
        for key, kinds in _FITS.items():
            if key in raw and kind not in kinds:
                self.refuse(raw.at(key), "meta-key", f"{key} of {name} does not fit the type {kind!r}")
        if (
            kind == "str"
            and not option.choices
            and not option.no_log
            and (option.pattern is None or option.max_length is None)
        ):
            self.refuse(raw.line, "parameter-bound", f"{name} is free text without pattern and max_length, or choices")
        if option.pattern is not None:
            try:
                re.compile(option.pattern, re.ASCII)
            except re.error as wrong:
                self.refuse(raw.at("pattern"), "meta-key", f"pattern of {name} is no regular expression ({wrong})")
        if option.max_length is not None and option.max_length < 1:
            self.refuse(raw.at("max_length"), "meta-key", f"max_length of {name} is less than 1")
        if option.min is not None and option.max is not None and option.min > option.max:
            self.refuse(raw.at("min"), "meta-key", f"min of {name} is greater than max")

    def _check_values(self, name: str, raw: Map, option: Option) -> None:
        if option.required == ("default" in raw):
            self.refuse(raw.at("default"), "parameter-default", f"{name} has to be required or to have a default")
        if "choices" in raw and not option.choices:
            self.refuse(raw.at("choices"), "meta-key", f"choices of {name} are none")
        single = option.elements or option.type
        for choice in option.choices:
            if why := _refusal(Option(type=single, required=True), choice):
                self.refuse(
                    raw.at("choices"), "meta-key", f"the choice {choice!r} of {name} can never be taken ({why})"
                )
        if option.no_log and option.default is not None:
            self.refuse(raw.at("default"), "parameter-secret", f"{name} has a default: which secret, an agent says")
        elif option.default is not None and (why := _refusal(option, option.default)):
            self.refuse(raw.at("default"), "parameter-default", f"the default of {name} is refused ({why})")

    def _map(self, raw: Any, what: str, keys: tuple[str, ...] | None, line: int) -> Map:
        if not isinstance(raw, Map):
            self.refuse(line, "meta-key", f"{what} is no map")
            return Map(line)
        for key in raw:
            if keys is not None and key not in keys:
                self.refuse(raw.at(key), "meta-key", f"{what} has the unknown key {key!r} (known: {', '.join(keys)})")
        return raw


def _refusal(option: Option, value: Any) -> str:
    try:
        refuse_hostile(value, "it")
        compile_model("value", {"value": option}).model_validate({"value": value})
    except ValidationError as wrong:
        return wrong.errors(include_url=False)[0]["msg"]
    except IntentError as wrong:
        return wrong.what
    return ""


def _paragraphs(raw: Any) -> str:
    return "\n".join(str(line) for line in raw) if isinstance(raw, list) else str(raw or "").strip()
