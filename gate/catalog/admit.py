"""Admission: an intent becomes exact, or is refused: this action, these typed parameters, these hosts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from gate.catalog.action import Action
from gate.catalog.load import Catalog
from gate.intent import Intent
from gate.values.errors import IntentError


class Host(Protocol):
    """A machine of the inventory, as far as a decision needs to know it."""

    @property
    def name(self) -> str: ...
    @property
    def groups(self) -> frozenset[str]: ...
    @property
    def environment(self) -> str: ...
    @property
    def criticality(self) -> str: ...
    @property
    def tags(self) -> frozenset[str]: ...


class Hosts(Protocol):
    """The inventory, as far as admission needs it."""

    def resolve(self, names: Iterable[str]) -> tuple[Host, ...]:
        """The hosts that these names of hosts and groups mean; InventoryError for an unknown one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """An intent that can be decided on: `parameters` are complete and typed, `hosts` closed and sorted by name."""

    intent: Intent
    action: Action
    parameters: dict[str, Any]
    hosts: tuple[Host, ...]


def admit(intent: Intent, catalog: Catalog, inventory: Hosts) -> Admitted:
    """The intent, resolved against the catalog and the inventory.

    Raises:
        UnknownActionError: no such action.
        IntentError: a parameter, or a host that the action is not for, or too many hosts.
        InventoryError: no such host or group.
    """
    action = catalog.get(intent.action)
    parameters = action.parameters.validate(dict(intent.parameters))
    hosts = tuple(sorted(inventory.resolve(intent.targets), key=lambda host: host.name))
    _refuse_foreign(action, hosts)
    if not 0 < len(hosts) <= action.targets.max_hosts:
        raise IntentError(
            f"{action.name} is wanted on {len(hosts)} hosts.",
            f"It takes 1 to {action.targets.max_hosts} at once.",
            "Name fewer hosts, or split the work into several intents.",
        )
    return Admitted(intent=intent, action=action, parameters=parameters, hosts=hosts)


def _refuse_foreign(action: Action, hosts: tuple[Host, ...]) -> None:
    groups = action.targets.groups
    foreign = [host.name for host in hosts if groups and host.groups.isdisjoint(groups)]
    if foreign:
        shown = ", ".join(foreign[:5]) + (f" and {len(foreign) - 5} more" if foreign[5:] else "")
        raise IntentError(
            f"{action.name} is not for {shown}.",
            f"It is for hosts of {', '.join(groups)}.",
            "Name hosts of these groups: `gate inventory list` shows them.",
        )
