"""An intent: a wish for one catalog action on named targets. Data, nothing else.

- Strict: unknown keys and wrong types are refused; nothing is converted.
- Closed: targets are plain names; texts carry no template marks and no control characters.
- Anonymous: who wishes it is said by the credential that brought it, never by the intent.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from gate.intent.targets import check_targets
from gate.intent.text import refuse_hostile
from gate.values.errors import IntentError

MAX_BYTES = 64 * 1024
MAX_DEPTH = 8


class Intent(BaseModel):
    """What somebody wants: `action` on `targets` with `parameters`, because of `reason`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    action: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}\z", description="Name of a catalog action.")
    targets: tuple[str, ...] = Field(min_length=1, description="Names of hosts and groups of the inventory.")
    parameters: dict[str, JsonValue] = Field(default_factory=dict, description="The action's parameters.")
    reason: str = Field(default="", max_length=500, description="Why, in one line, for the people who decide.")

    @classmethod
    def parse(cls, raw: Any) -> Intent:
        """An intent from untrusted JSON-like data.

        Raises:
            IntentError: with the place and the mend.
        """
        _refuse_deep(raw, MAX_DEPTH)
        try:
            made = cls.model_validate(_lists_as_tuples(raw))
        except ValidationError as wrong:
            raise IntentError(*_sentences(wrong)) from None
        refuse_hostile(made.parameters, "parameters")
        refuse_hostile(made.reason, "reason")
        return made.model_copy(update={"targets": check_targets(made.targets)})

    @classmethod
    def of(cls, action: str, targets: list[str], parameters: dict[str, Any] | None = None, reason: str = "") -> Intent:
        """An intent from Python values, checked as one from outside is."""
        return cls.parse({"action": action, "targets": targets, "parameters": parameters or {}, "reason": reason})

    def as_json(self) -> dict[str, Any]:
        """Plain JSON data, fit for `canonical`."""
        return self.model_dump(mode="json")


def _lists_as_tuples(raw: Any) -> Any:
    # strict pydantic takes no list for a tuple outside its JSON mode
    if isinstance(raw, dict) and isinstance(raw.get("targets"), list):
        return {**raw, "targets": tuple(raw["targets"])}
    return raw


def _refuse_deep(raw: Any, left: int) -> None:
    if left == 0:
        raise IntentError(
            "The intent is nested too deeply.", f"At most {MAX_DEPTH} levels are taken.", "Flatten the parameters."
        )
    if isinstance(raw, dict | list | tuple):
        for inner in raw.values() if isinstance(raw, dict) else raw:
            _refuse_deep(inner, left - 1)


def _sentences(wrong: ValidationError) -> tuple[str, str, str]:
    first = wrong.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the intent"
    return (
        f"The intent is not well-formed at {place}.",
        f"{first['msg']}.",
        'Send {"action": ..., "targets": [...], "parameters": {...}, "reason": ...}; '
        "`gate catalog show ACTION` prints the parameters.",
    )
