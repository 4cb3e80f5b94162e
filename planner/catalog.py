"""The catalog as a planner sees it: typed, frozen, and data only.

Names, summaries and phrases help to find an action; nothing in them is ever followed as an instruction.
A catalog of another format version, or of a wrong shape, is refused whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from gate.values.errors import ClientError

# a newer gate may say more than this planner reads: unknown keys are left alone, known ones are strict
_FROZEN = ConfigDict(frozen=True, extra="ignore", strict=True)


class TargetsView(BaseModel):
    """Where an action may be used: the groups (none named = any), and on how many hosts at once."""

    model_config = _FROZEN

    groups: list[str] = Field(default_factory=list)
    max_hosts: int | None = None


class ActionView(BaseModel):
    """One catalog action; `parameters` is a JSON Schema object."""

    model_config = _FROZEN

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}\z")
    summary: str = ""
    description: str = ""
    phrases: list[str] = Field(default_factory=list)
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    risk: int = 100
    reversibility: str = "none"
    targets: TargetsView = Field(default_factory=TargetsView)

    @property
    def properties(self) -> dict[str, dict[str, Any]]:
        """The schema of each parameter, in the order of the catalog, with references and `or null` resolved."""
        found, defs = self.parameters.get("properties", {}), self.parameters.get("$defs", {})
        if not isinstance(found, dict):
            return {}
        return {name: _resolved(schema, defs, 4) for name, schema in found.items() if isinstance(schema, dict)}

    @property
    def required(self) -> tuple[str, ...]:
        """The parameters that every intent must give."""
        found = self.parameters.get("required", [])
        return tuple(name for name in found if isinstance(name, str)) if isinstance(found, list) else ()


class HostView(BaseModel):
    """One host and the groups it is in."""

    model_config = _FROZEN

    name: str
    groups: list[str] = Field(default_factory=list)


class CatalogView(BaseModel):
    """All that a planner may know: actions, hosts and groups."""

    model_config = _FROZEN

    format_version: Literal[1]
    actions: list[ActionView]
    hosts: list[HostView] = Field(default_factory=list)
    groups: list[str] = Field(default_factory=list)

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> CatalogView:
        """The catalog from what `GateClient.catalog()` returned.

        Raises:
            ClientError: not a catalog, or one of another format version.
        """
        try:
            return cls.model_validate(dict(raw))
        except ValidationError as wrong:
            first = wrong.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ClientError(
                f"The gate's catalog cannot be read at {place}.",
                f"{first['msg']}.",
                "Bring gate and planner to the same release; this planner reads catalog format 1.",
            ) from None

    def action(self, name: str) -> ActionView | None:
        """The action of that name, if there is one."""
        return next((action for action in self.actions if action.name == name), None)

    def members(self, target: str) -> frozenset[str]:
        """The hosts that a target name means; empty for an unknown name."""
        return frozenset(host.name for host in self.hosts if target == host.name or target in host.groups)


def _resolved(schema: Any, defs: Any, depth: int) -> Any:
    """A schema without `$ref` and without `anyOf [X, null]`: a planner leaves out what it would say null for.

    What it cannot resolve stays as it is; the validator then refuses every value for it.
    """
    if not isinstance(schema, dict) or depth == 0:
        return schema
    variants = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
    if len(variants) == 1:
        schema = {**variants[0], **{key: value for key, value in schema.items() if key != "anyOf"}}
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    if isinstance(defs, dict) and isinstance(defs.get(name), dict):
        schema = {**defs[name], **{key: value for key, value in schema.items() if key != "$ref"}}
    made = dict(schema)
    if "items" in made:
        made["items"] = _resolved(made["items"], defs, depth - 1)
    if isinstance(made.get("properties"), dict):
        made["properties"] = {key: _resolved(one, defs, depth - 1) for key, one in made["properties"].items()}
    return made
