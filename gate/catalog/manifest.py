"""action.yml: what Ansible has no word for. A closed list of keys, each with its type."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gate.catalog.finding import BrokenActionError, Finding, broken, finding
from gate.catalog.source import Map, read_yaml
from gate.values.clock import duration


def _a_duration(text: str) -> str:
    duration(text)
    return text


_Many = Field(strict=False, default=())  # YAML has lists, frozen values have tuples
_Phrase = Annotated[str, Field(min_length=1, max_length=200)]
_Group = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,252}\z")]
_Collection = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*\z")]


class _Closed(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ManifestTargets(_Closed):
    """On what: hosts of one of these groups (none named: of any), so many at once."""

    groups: tuple[_Group, ...] = _Many
    max_hosts: int = Field(ge=1, le=500)


class Requires(_Closed):
    """What has to be installed where the playbooks run."""

    collections: tuple[_Collection, ...] = _Many


class Manifest(_Closed):
    """action.yml, key by key."""

    risk: int = Field(ge=0, le=100)
    targets: ManifestTargets
    reversibility: Literal["full", "partial", "none"]
    reversibility_reason: str = Field(default="", max_length=500)
    check: Literal["full", "partial", "none"]
    on_failure: Literal["undo", "stop"]
    timeout_s: int = Field(ge=1, le=86_400)
    grace_s: int = Field(default=10, ge=1, le=600)  # how long it has to end, once it is asked to stop
    undo_window: Annotated[str, AfterValidator(_a_duration)] = "7d"
    requires: Requires = Requires()
    owner: str = Field(min_length=1, max_length=100)
    phrases: tuple[_Phrase, ...] = _Many

    @property
    def window(self) -> timedelta:
        """For how long after the change its evidence is honoured."""
        return duration(self.undo_window)


def read_manifest(folder: Path) -> Manifest:
    """action.yml of `folder`.

    Raises:
        BrokenActionError: with all findings.
    """
    file = folder / "action.yml"
    raw = read_yaml(file)
    if not isinstance(raw, Map):
        raise broken(file, 1, "action-key", "the file is no map")
    try:
        made = Manifest.model_validate(raw)
    except ValidationError as wrong:
        found = [_found(file, raw, error["loc"], error["msg"]) for error in wrong.errors(include_url=False)]
        raise BrokenActionError(found) from None
    if made.reversibility != "full" and not made.reversibility_reason.strip():
        raise broken(file, raw.at("reversibility"), "reversibility", f"{made.reversibility} is said without a reason")
    if made.reversibility == "none" and made.on_failure == "undo":
        raise broken(file, raw.at("on_failure"), "reversibility", "a failure is to be undone, but nothing can be")
    return made


def _found(file: Path, raw: Map, loc: tuple[int | str, ...], message: str) -> Finding:
    return finding(file, _line(raw, loc), "action-key", f"{'.'.join(map(str, loc))}: {message}")


def _line(raw: Map, loc: tuple[int | str, ...]) -> int:
    inner = raw.get(str(loc[0]))
    return _line(inner, loc[1:]) if isinstance(inner, Map) and loc[1:] else raw.at(str(loc[0]))
