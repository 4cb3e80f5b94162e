"""What the HTTP door needs of the gate behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from gate.catalog.load import Catalog
from gate.changes.model import Change
from gate.dispatch.bells import Bells
from gate.flow.events import Told
from gate.identity.scopes import Identity
from gate.intent import Intent
from gate.inventory.model import Inventory


class Door(Protocol):
    """An open site."""

    @property
    def bells(self) -> Bells: ...
    def identify(self, token: str) -> Identity: ...
    def catalog(self) -> Catalog: ...
    def inventory(self) -> Inventory: ...
    def propose_for(
        self, identity: Identity, wish: Intent | Mapping[str, Any], *, key: str | None = None
    ) -> Change: ...
    def propose_plan_for(
        self, identity: Identity, wish: Sequence[Mapping[str, Any]], *, key: str | None = None
    ) -> list[Change]: ...
    def cancel_for(self, identity: Identity, change_id: str, *, reason: str = "", force: bool = False) -> Change: ...
    def change(self, change_id: str) -> Change: ...
    def events(self, change_id: str, after: int = 0, *, words: bool = True) -> Told: ...
