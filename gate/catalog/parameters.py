"""Parameters: one schema, written in Ansible's words, becomes a strict check and a JSON Schema.

- Closed: unknown parameters, missing ones and conversions are refused (`True` and `5.0` and `"5"` are no int).
- Whole: a pattern must match all of a text, ASCII classes only; a trailing line break never passes.
- No option: text that starts with `-` is refused everywhere, because a program could take it for a flag.
- Complete: what comes out names every parameter; defaults are filled in here, not by Ansible.
- Without secrets: of a parameter with `no_log` only the name of a secret is taken, one of those that the site lists.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.json_schema import GenerateJsonSchema

from gate.intent.text import refuse_hostile
from gate.values.errors import IntentError

MAX_ELEMENTS = 100
MAX_INTEGER = 2**53 - 1  # beyond it JSON readers disagree
_A_NAME = "The name of a secret of the site, never its value."
_NUMBERS: dict[str, Any] = {"int": int, "float": float}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One parameter as the argument specification has it. On a list the bounds are those of each element."""

    type: str
    description: str = ""
    required: bool = False
    default: Any = None
    choices: tuple[Any, ...] = ()
    pattern: str | None = None
    max_length: int | None = None
    min: float | None = None
    max: float | None = None
    elements: str | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    no_log: bool = False  # it names a secret; `choices` are the names that the site allows


@dataclass(frozen=True)
class ParameterSchema:
    """The parameters of one action."""

    action: str
    options: Mapping[str, Option]

    @cached_property
    def model(self) -> type[BaseModel]:
        """The strict pydantic model, made when it is first needed; fields are reached by alias."""
        return compile_model(self.action, self.options)

    def validate(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Every parameter with its value, in the order of the specification.

        Raises:
            IntentError: naming the parameter, why it is refused and what would be taken.
        """
        refuse_hostile(raw, "parameters")
        try:
            made = self.model.model_validate(raw)
        except ValidationError as wrong:
            raise IntentError(*_sentences(self, wrong)) from None
        return made.model_dump(by_alias=True)

    def with_secrets(self, names: tuple[str, ...]) -> ParameterSchema:
        """The same, with the secrets that the site allows this action as the choices of its parameters with no_log."""
        options = {
            key: replace(option, choices=names) if option.no_log else option for key, option in self.options.items()
        }
        return ParameterSchema(self.action, options)

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema (2020-12) for models and forms; no key is allowed beyond those it names."""
        made = self.model.model_json_schema(schema_generator=_Untitled)
        made.pop("title", None)
        return made


class _Untitled(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False

    def encode_default(self, dft: Any) -> Any:
        return json.loads(json.dumps(dft))  # from YAML, so plain; pydantic knows no kind of map but dict


def compile_model(name: str, options: Mapping[str, Option]) -> type[BaseModel]:
    """A strict, closed, frozen model. The fields are numbered, so that no parameter can shadow one of pydantic's."""
    fields: dict[str, Any] = {
        f"p{number}": (_optional(_annotation(key, option), option), _field(key, option))
        for number, (key, option) in enumerate(options.items())
    }
    config = ConfigDict(strict=True, extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)
    return create_model(name, __config__=config, **fields)


def _field(key: str, option: Option) -> Any:
    described = " ".join(filter(None, [option.description, _A_NAME if option.no_log else ""])) or None
    if option.required:
        return Field(alias=key, description=described)
    return Field(default=option.default, alias=key, description=described)


def _optional(annotation: Any, option: Option) -> Any:
    return annotation if option.required or option.default is not None else annotation | None


def _annotation(key: str, option: Option) -> Any:
    if option.type == "list":
        element = _single(key, option.elements or "", option)
        return Annotated[list[element], Field(max_length=MAX_ELEMENTS)]  # type: ignore[valid-type]
    return _single(key, option.type, option)


def _single(key: str, kind: str, option: Option) -> Any:
    if kind == "dict":
        return compile_model(key, option.options)
    if kind == "str":
        return _text(option)
    if kind == "bool":
        return bool
    low, high = option.min, option.max
    if kind == "int":
        low, high = (-MAX_INTEGER if low is None else low), (MAX_INTEGER if high is None else high)
    number: Any = Annotated[_NUMBERS[kind], Field(ge=low, le=high)]
    return _one_of(number, option.choices) if option.choices else number


def _text(option: Option) -> Any:
    if option.no_log:
        return Annotated[
            str, AfterValidator(_secret_of(option.choices)), Field(json_schema_extra={"enum": [*option.choices]})
        ]
    shown: dict[str, Any] = {"pattern": f"^(?:{option.pattern})$"} if option.pattern else {}
    text: Any = Annotated[str, Field(max_length=option.max_length, json_schema_extra=shown), AfterValidator(_no_flag)]
    if option.pattern:
        text = Annotated[text, AfterValidator(_whole(option.pattern))]
    return _one_of(text, option.choices) if option.choices else text


def _whole(pattern: str) -> Callable[[str], str]:
    compiled = re.compile(pattern, re.ASCII)

    def matches(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise ValueError(f"{_short(value)} does not match {pattern} as a whole")
        return value

    return matches


def _one_of(typed: Any, choices: tuple[Any, ...]) -> Any:
    # no Literal: to it True is 1 and 5.0 is 5; here the strict type has spoken before
    def chosen(value: Any) -> Any:
        if value not in choices:
            raise ValueError(f"{_short(str(value))} is none of {', '.join(map(str, choices))}")
        return value

    return Annotated[typed, AfterValidator(chosen), Field(json_schema_extra={"enum": list(choices)})]


def _secret_of(names: tuple[str, ...]) -> Callable[[str], str]:
    def named(value: str) -> str:
        if value not in names:  # what was sent instead may be the secret itself: it is not repeated
            raise ValueError(f"it names none of the secrets that this action is given ({', '.join(names) or 'none'})")
        return value

    return named


def _no_flag(value: str) -> str:
    if value.startswith("-"):
        raise ValueError(f"{_short(value)} starts with '-', which programs take for an option")
    return value


def _short(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:57] + "...")


def _sentences(schema: ParameterSchema, wrong: ValidationError) -> tuple[str, str, str]:
    # a misspelt name is both unknown and missing: say the former, which can tell what was meant
    errors = sorted(wrong.errors(include_url=False), key=lambda error: error["type"] != "extra_forbidden")
    first, others = errors[0], {_place(error["loc"]) for error in errors[1:]} - {_place(errors[0]["loc"])}
    place = _place(first["loc"])
    more = f" Also wrong: {', '.join(sorted(others)[:10])}." if others else ""
    shown = "`gate catalog show " + schema.action + "` prints the parameters."
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(first["loc"][-1]), list(schema.options), 1)
        mean = f"Did you mean {near[0]}? " if near else ""
        return f"{schema.action} has no parameter {place}.", f"Unknown parameters are refused.{more}", mean + shown
    if first["type"] == "missing":
        return f"{schema.action} lacks the parameter {place}.", f"It is required.{more}", f"Give {place}; {shown}"
    why = first["msg"].removeprefix("Value error, ")
    return f"The parameter {place} of {schema.action} is refused.", f"{why}.{more}", f"Send another value; {shown}"


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc)
