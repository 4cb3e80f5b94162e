"""What a planner answers: steps, or the reason why there are none. Never both, never half of it.

A step is an intent with a place in the order. No value of one step is ever put into another: what a step
learns on a machine cannot choose what the next one does.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gate.intent import Intent

if TYPE_CHECKING:
    from planner.catalog import CatalogView

MAX_STEPS = 8
MAX_DETAIL = 500
MAX_REQUEST = 1000  # characters

_FROZEN = ConfigDict(frozen=True, extra="forbid", strict=True)


class Reason(StrEnum):
    """Why there is no plan."""

    NO_ACTION = "no_action"
    UNKNOWN_TARGET = "unknown_target"
    MISSING_PARAMETER = "missing_parameter"
    AMBIGUOUS = "ambiguous"
    UNSAFE_REQUEST = "unsafe_request"
    PLANNER_FAILED = "planner_failed"


class CannotDo(BaseModel):
    """A refusal: its kind, and one sentence for the person who asked."""

    model_config = _FROZEN

    reason: Reason
    detail: str = Field(max_length=MAX_DETAIL)


class Step(BaseModel):
    """One intent, and the ids of the steps that must have succeeded before it."""

    model_config = _FROZEN

    id: str = Field(pattern=r"^s[1-8]\z")
    intent: Intent
    after: tuple[str, ...] = ()


class Plan(BaseModel):
    """The answer to one request: at most 8 steps in order, or `cannot`. `planner` says who made it."""

    model_config = _FROZEN

    request: str
    planner: str
    steps: tuple[Step, ...] = Field(default=(), max_length=MAX_STEPS)
    cannot: CannotDo | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.steps) == (self.cannot is not None):
            raise ValueError("a plan has steps or a reason why it has none, and never both")
        for number, step in enumerate(self.steps, start=1):
            earlier = {before.id for before in self.steps[: number - 1]}
            if step.id != f"s{number}" or not earlier.issuperset(step.after):
                raise ValueError(f"step {number} must be called s{number} and come after earlier steps only")
        return self

    @classmethod
    def in_order(cls, request: str, planner: str, intents: list[Intent]) -> Plan:
        """A plan in which each step waits for the one before it.

        Raises:
            pydantic.ValidationError: no intent at all, or more than 8.
        """
        steps = tuple(
            Step(id=f"s{number}", intent=intent, after=() if number == 1 else (f"s{number - 1}",))
            for number, intent in enumerate(intents[: MAX_STEPS + 1], start=1)
        )
        return cls(request=request, planner=planner, steps=steps)

    @classmethod
    def refused(cls, request: str, planner: str, reason: Reason, detail: str) -> Plan:
        """A plan that says why there is none."""
        return cls(
            request=request[:MAX_REQUEST], planner=planner, cannot=CannotDo(reason=reason, detail=detail[:MAX_DETAIL])
        )


class Planner(Protocol):
    """Turns one sentence of a trusted person into a plan."""

    def plan(self, request: str, catalog: CatalogView) -> Plan:
        """The plan; a request that cannot be planned is a `Plan` with `cannot`, not an exception."""
        ...
