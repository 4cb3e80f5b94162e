"""What a token may be used for. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gate.values.actor import Actor, ActorKind
from gate.values.errors import IdentityError

PLAIN = frozenset({"propose", "read", "operate", "admin"})
_APPROVE = re.compile(r"approve:[a-z][a-z0-9_-]{0,62}")
FOR_AGENTS = frozenset({"propose", "read"})
EVERY_GROUP = "approve:*"  # the user of this machine; no token can carry it


@dataclass(frozen=True, slots=True)
class Identity:
    """An actor, and what the credential that it came with is good for."""

    actor: Actor
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Whether the credential carries `scope`."""
        return scope in self.scopes or (scope.startswith("approve:") and EVERY_GROUP in self.scopes)

    def require(self, scope: str) -> None:
        """Raises IdentityError unless the credential carries `scope`."""
        if not self.may(scope):
            raise IdentityError(
                f"{self.actor} may not do this.",
                f"It needs the scope {scope!r}; the token carries {', '.join(sorted(self.scopes)) or 'none'}.",
                "Ask an administrator for a token with this scope, if you should have it.",
            )


def check_scopes(actor: Actor, scopes: Iterable[str]) -> frozenset[str]:
    """The scopes, if they exist and an actor of this kind can ever carry them.

    Raises:
        IdentityError: an unknown scope, or one that only humans can carry.
    """
    wanted = frozenset(scopes)
    unknown = sorted(scope for scope in wanted if scope not in PLAIN and not _APPROVE.fullmatch(scope))
    if unknown or not wanted:
        raise IdentityError(
            f"{', '.join(unknown) or 'No scope at all'} cannot be put on a token.",
            "Scopes are propose, read, operate, admin and approve:<group>.",
            "gate token new NAME --scope propose --scope read",
        )
    if actor.kind is not ActorKind.HUMAN and not wanted <= FOR_AGENTS:
        raise IdentityError(
            f"{actor} cannot carry {', '.join(sorted(wanted - FOR_AGENTS))}.",
            "Only humans approve, operate and administer; no token of an agent can say otherwise.",
            "Give it propose and read.",
        )
    return wanted
