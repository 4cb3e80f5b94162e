"""Reading a model's answer: whole and strictly, or not at all. Knows nothing of any model library."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from gate.intent import Intent
from planner.catalog import ActionView, CatalogView
from planner.plan import MAX_STEPS, CannotDo, Reason
from planner.validate import make_intent, problems
from planner.vocabulary import Entry, Vocabulary, content
from planner.words import tokens

MAX_ANSWER = 64 * 1024
_FROZEN = ConfigDict(frozen=True, extra="forbid", strict=True)
_FENCE = re.compile(r"```(?:json)?\s*(\{.*\})\s*```", re.DOTALL)


class Wrong(Exception):  # noqa: N818 - an answer that may be repaired
    """The answer cannot be taken; `problems` says why, for the model and for people."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class _Pair(BaseModel):
    model_config = _FROZEN
    name: str
    value: JsonValue


class _Step(BaseModel):
    model_config = _FROZEN
    action: str
    targets: list[str]
    parameters: list[_Pair]


class _Refusal(BaseModel):
    model_config = _FROZEN
    reason: str
    detail: str


class _Answer(BaseModel):
    model_config = _FROZEN
    steps: list[_Step] = Field(max_length=MAX_STEPS)
    cannot_do: _Refusal | None


def from_text(text: str) -> Any:
    """The JSON object in a text: all of it, or the one fenced block.

    Raises:
        Wrong: too long, no JSON, or a key twice.
    """
    if len(text) > MAX_ANSWER:
        raise Wrong([f"the answer is longer than {MAX_ANSWER} characters"])
    fenced = _FENCE.findall(text)
    try:
        return json.loads(fenced[0] if len(fenced) == 1 else text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise Wrong(["the answer is not one JSON object"]) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def read(raw: Any, request: str, catalog: CatalogView, offered: list[ActionView]) -> list[Intent] | CannotDo:
    """The intents of an answer, all of them checked, or the model's own refusal.

    Raises:
        Wrong: anything at all is wrong with any step.
    """
    try:
        answer = _Answer.model_validate(raw)
    except ValidationError as wrong:
        raise Wrong([_sentence(error) for error in wrong.errors()[:5]]) from None
    if bool(answer.steps) == (answer.cannot_do is not None):
        raise Wrong(["give either steps or cannot_do, not both and not neither"])
    if answer.cannot_do is not None:
        return _refusal(answer.cannot_do)
    return _intents(answer.steps, request, catalog, {action.name for action in offered})


def _sentence(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"]) or "the answer"
    return f"{place}: {error['msg']}"


def _refusal(said: _Refusal) -> CannotDo:
    allowed = {one.value for one in Reason if one is not Reason.PLANNER_FAILED}
    if said.reason not in allowed:
        raise Wrong([f"cannot_do.reason must be one of {', '.join(sorted(allowed))}"])
    printable = "".join(one for one in said.detail if one.isprintable())
    return CannotDo(reason=Reason(said.reason), detail=printable[:500])


def _intents(steps: list[_Step], request: str, catalog: CatalogView, offered: set[str]) -> list[Intent]:
    vocabulary, said = Vocabulary(catalog), content(tokens(request))
    intents, wrong = [], []
    for number, step in enumerate(steps, start=1):
        made = _intent(step, request, offered)
        found = [made] if isinstance(made, str) else problems(made, request, catalog)
        if not isinstance(made, str):
            found += _unprovoked(vocabulary.entry(made.action), said, vocabulary)
            intents.append(made)
        wrong += [f"step {number}: {why}" for why in found]
    if wrong:
        raise Wrong(wrong)
    return intents


def _intent(step: _Step, request: str, offered: set[str]) -> Intent | str:
    if step.action not in offered:
        return f"action {step.action!r} is not in the catalog given"
    names = [pair.name for pair in step.parameters]
    if len(set(names)) < len(names):
        return "a parameter is given twice"
    return make_intent(step.action, step.targets, {pair.name: pair.value for pair in step.parameters}, request[:500])


def _unprovoked(entry: Entry | None, said: list[str], vocabulary: Vocabulary) -> list[str]:
    # values must stand in the request, and that ties an action to it; one that needs no value is tied by words alone
    if entry is None or entry.action.required or vocabulary.provoked(entry, said):
        return []
    return [f"the request does not ask for {entry.action.name} in so many words"]
