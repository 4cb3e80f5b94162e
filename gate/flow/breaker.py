"""Breakers: how they stand, and a person who has looked resets one."""

from __future__ import annotations

from sqlalchemy import Connection

from gate.changes import past
from gate.flow.finish import sign_head
from gate.flow.history import failures
from gate.flow.ports import Site
from gate.flow.reason import check_reason
from gate.ledger import store as ledger
from gate.policy.limits.breaker import Breaker, Standing
from gate.values.actor import Actor, ActorKind
from gate.values.errors import IdentityError, NotFoundError, StateError


def breakers(site: Site) -> list[Standing]:
    """How each breaker stands, for every key of which something failed since it was reset."""
    with site.database.read() as connection:
        return _standings(site, connection)


def reset(site: Site, name: str, key: str, actor: Actor, *, reason: str) -> Standing:
    """Closes the breaker `name` for `key`: what failed before is forgotten. Returns how it stood.

    Raises:
        IdentityError: the actor is no human.
        NotFoundError: there is no such breaker.
        StateError: it is not open for this key.
        IntentError: the reason is no line of text.
    """
    check_reason(reason)
    if actor.kind is not ActorKind.HUMAN:
        raise IdentityError(f"{actor} cannot reset a breaker.", "A person has to look.", "Ask an operator.")
    _check_name(site, name)
    with site.database.write() as connection:
        open_ones = [one for one in _standings(site, connection) if one.breaker == name and one.open]
        found = next((one for one in open_ones if one.key == key), None)
        if found is None:
            raise StateError(
                f"The breaker {name} is not open for {key!r}.",
                f"It is open for {', '.join(one.key for one in open_ones) or 'nothing'}.",
                "`gate breaker list` shows how each stands.",
            )
        now = site.clock.now()  # with the write lock held: whatever fails from now on comes later
        past.reset(connection, name, key, now=now)
        data = {"breaker": name, "key": key, "reason": reason, "forgets": [one.id for one in found.failures]}
        ledger.append(connection, "breaker-reset", str(actor), data, now=now)
    sign_head(site)
    return found


def _standings(site: Site, connection: Connection) -> list[Standing]:
    history = failures(connection)
    return [
        standing
        for limit in site.policy.limits
        if isinstance(limit.kind, Breaker)
        for standing in limit.kind.standings(limit.name, limit.scope, history)
    ]


def _check_name(site: Site, name: str) -> None:
    names = [limit.name for limit in site.policy.limits if isinstance(limit.kind, Breaker)]
    if name not in names:
        raise NotFoundError(
            f"There is no breaker {name!r}.",
            f"rules/limits.yml has {', '.join(names) or 'none'}.",
            "`gate breaker list` shows those that something failed of.",
        )
