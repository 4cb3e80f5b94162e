"""Rows of tokens. A token is shown once and stored as a hash; its text is random, so the hash needs no salt."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from gate.database.tables import tokens
from gate.identity.scopes import EVERY_GROUP, PLAIN, Identity, check_scopes
from gate.values.actor import Actor, ActorKind
from gate.values.clock import stamp
from gate.values.errors import IdentityError, NotFoundError
from gate.values.ids import new_id

PREFIX = "gate_"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """What may be shown of a token; never its text."""

    id: str
    actor: str
    scopes: str
    created_at: str
    expires_at: str
    revoked_at: str | None


def issue(
    connection: Connection, actor: Actor, scopes: Iterable[str], *, now: datetime, ttl: timedelta
) -> tuple[str, str]:
    """Makes a token; returns its id and its text, which cannot be had again.

    Raises:
        IdentityError: the actor cannot carry these scopes.
    """
    allowed = check_scopes(actor, scopes)
    text, token_id = PREFIX + secrets.token_urlsafe(32), new_id("tok", now)
    connection.execute(
        insert(tokens).values(
            id=token_id,
            secret_hash=_hash(text),
            actor=str(actor),
            scopes=" ".join(sorted(allowed)),
            created_at=stamp(now),
            expires_at=stamp(now + ttl),
        )
    )
    return token_id, text


def authenticate(connection: Connection, text: str, now: datetime) -> Identity:
    """Who this token stands for.

    Raises:
        IdentityError: unknown, expired or revoked; it is not said which.
    """
    row = connection.execute(
        select(tokens).where(
            tokens.c.secret_hash == _hash(text), tokens.c.revoked_at.is_(None), tokens.c.expires_at > stamp(now)
        )
    ).one_or_none()
    if row is None:
        raise IdentityError(
            "The token is not valid.", "It is unknown, expired or revoked.", "Get a new one: gate token new NAME"
        )
    actor = Actor.parse(row.actor)
    return Identity(actor=actor, scopes=check_scopes(actor, row.scopes.split()))


def revoke(connection: Connection, token_id: str, *, now: datetime) -> None:
    """Ends a token. Raises NotFoundError if there is none of this id that still lives."""
    done = connection.execute(
        update(tokens).where(tokens.c.id == token_id, tokens.c.revoked_at.is_(None)).values(revoked_at=stamp(now))
    )
    if done.rowcount != 1:
        raise NotFoundError(f"There is no living token {token_id!r}.", "No row has this id.", "gate token list")


def rows(connection: Connection) -> list[TokenRow]:
    """Every token, oldest first, without its text."""
    found = connection.execute(select(tokens).order_by(tokens.c.id))
    return [
        TokenRow(
            id=row.id,
            actor=row.actor,
            scopes=row.scopes,
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
        )
        for row in found
    ]


def os_identity() -> Identity:
    """The human behind this process, who can read and write the site's files and so needs no token."""
    return Identity(actor=os_user(), scopes=PLAIN | {EVERY_GROUP})


def os_user() -> Actor:
    """The user of the operating system, as the kernel knows it."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = f"uid{os.getuid()}"
    return Actor(ActorKind.HUMAN, re.sub(r"[^a-z0-9_.@-]", "_", name.lower())[:64])


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
