from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from gate.database.engine import Database
from gate.database.tables import tokens as table
from gate.identity import tokens
from gate.identity.scopes import Identity, check_scopes
from gate.values.actor import Actor, ActorKind
from gate.values.errors import DatabaseError, IdentityError, NotFoundError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALICE, AGENT = Actor(ActorKind.HUMAN, "alice"), Actor(ActorKind.AGENT, "planner")


def issue(database: Database, actor: Actor = AGENT, *scopes: str) -> tuple[str, str]:
    with database.write() as connection:
        return tokens.issue(connection, actor, scopes or ("propose",), now=NOW, ttl=HOUR)


def authenticate(database: Database, text: str, now: datetime = NOW) -> Identity:
    with database.read() as connection:
        return tokens.authenticate(connection, text, now)


def test_a_token_stands_for_its_actor_and_its_scopes(database: Database) -> None:
    _, text = issue(database, ALICE, "read", "approve:sre")
    assert authenticate(database, text) == Identity(actor=ALICE, scopes=frozenset({"read", "approve:sre"}))


def test_a_token_is_nowhere_in_the_database(database: Database, tmp_path: Path) -> None:
    _, text = issue(database)
    secret = text.removeprefix(tokens.PREFIX)
    assert len(secret) >= 40
    for path in tmp_path.iterdir():
        assert secret.encode() not in path.read_bytes()
    with database.read() as connection:
        assert text not in str(tokens.rows(connection))


def test_two_tokens_are_never_the_same(database: Database) -> None:
    assert len({issue(database)[1] for _ in range(20)}) == 20


def test_a_token_expires(database: Database) -> None:
    _, text = issue(database)
    authenticate(database, text, NOW + HOUR - timedelta(microseconds=1))
    with pytest.raises(IdentityError, match="not valid"):
        authenticate(database, text, NOW + HOUR)


def test_a_revoked_token_is_over_at_once_and_only_it(database: Database) -> None:
    token_id, text = issue(database)
    _, other = issue(database)
    with database.write() as connection:
        tokens.revoke(connection, token_id, now=NOW)
    with pytest.raises(IdentityError):
        authenticate(database, text)
    authenticate(database, other)
    with pytest.raises(NotFoundError), database.write() as connection:
        tokens.revoke(connection, token_id, now=NOW)


@pytest.mark.parametrize("text", ["", "gate_", "gate_x", "%", "' OR 1=1 --", "gate_\ud800", "ä"])
def test_an_unknown_token_is_refused_without_saying_why(database: Database, text: str) -> None:
    issue(database)
    with pytest.raises(IdentityError) as refused:
        authenticate(database, text)
    assert refused.value.why == "It is unknown, expired or revoked."


def test_the_hash_of_a_token_is_no_token(database: Database) -> None:
    issue(database)
    with database.read() as connection:
        stored = connection.execute(select(table.c.secret_hash)).scalar_one()
    with pytest.raises(IdentityError):
        authenticate(database, stored)


@pytest.mark.parametrize("actor", [AGENT, Actor(ActorKind.SCHEDULE, "nightly")])
@pytest.mark.parametrize("scope", ["approve:sre", "operate", "admin"])
def test_an_agent_is_never_given_more_than_propose_and_read(database: Database, actor: Actor, scope: str) -> None:
    with pytest.raises(IdentityError, match="cannot carry"):
        issue(database, actor, "propose", scope)


@pytest.mark.parametrize("scope", ["operate", "admin"])
def test_the_database_itself_gives_an_agent_no_more(database: Database, scope: str) -> None:
    _, text = issue(database)
    with pytest.raises(DatabaseError, match="only_humans_hold_approve"), database.write() as connection:
        connection.execute(update(table).values(scopes=f"propose {scope}"))
    assert authenticate(database, text).scopes == {"propose"}


@pytest.mark.parametrize(
    "scopes", [[], ["all"], ["approve"], ["approve:"], ["approve:*"], ["approve:SRE"], ["Read"], [""]]
)
def test_unknown_scopes_are_refused(scopes: list[str]) -> None:
    with pytest.raises(IdentityError, match="cannot be put on a token"):
        check_scopes(ALICE, scopes)


def test_a_missing_scope_is_refused_and_named() -> None:
    identity = Identity(actor=ALICE, scopes=frozenset({"read"}))
    identity.require("read")
    with pytest.raises(IdentityError, match="'propose'"):
        identity.require("propose")


def test_a_scope_for_one_group_is_none_for_another() -> None:
    with pytest.raises(IdentityError):
        Identity(actor=ALICE, scopes=frozenset({"approve:ops"})).require("approve:sre")


def test_the_user_of_this_machine_is_a_human() -> None:
    assert tokens.os_user().kind is ActorKind.HUMAN
