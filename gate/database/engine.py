"""Connections to the site's SQLite file: write-ahead log, full sync, one writer at a time.

`BEGIN IMMEDIATE` takes the write lock at once: a transaction that reads first and writes later can
not be told "database is locked" half-way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from gate.values.errors import DatabaseError

HEAD = "0001"  # the newest migration; a test compares it with the migrations folder
BUSY_TIMEOUT_MS = 30_000


class Database:
    """One SQLite file. `write()` is a transaction, `read()` a consistent snapshot."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = _engine(path)

    @classmethod
    def open(cls, path: Path) -> Database:
        """Opens the file, and creates or migrates it where needed.

        Raises:
            DatabaseError: not a database, of a newer version, or unreachable.
        """
        database = cls(path)
        try:
            version = database.version()
            if version != HEAD:
                _migrate(database, version)
        except DatabaseError:
            database.close()
            raise
        except (DBAPIError, sqlite3.Error) as wrong:
            database.close()
            raise DatabaseError(
                f"The database {path} cannot be used.",
                f"{wrong.orig if isinstance(wrong, DBAPIError) else wrong}.",
                "Check the file and its folder's rights; `gate doctor` says more. Restore it from a backup if needed.",
            ) from wrong
        return database

    def version(self) -> str | None:
        """The migration that the file is at; None for a new file."""
        with self._engine.connect() as connection:
            tables = connection.execute(text("SELECT name FROM sqlite_master WHERE name = 'alembic_version'")).all()
            if not tables:
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that holds the write lock from its start; all of it or nothing.

        Raises:
            DatabaseError: the database could not be written. Nothing of the transaction is kept.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as wrong:
            raise DatabaseError(
                "The database could not be written; nothing was changed.",
                f"{wrong.orig}.",
                "Check free space and rights of the state folder, then try again.",
            ) from wrong

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent snapshot; it blocks nobody and must not write."""
        with self._engine.connect() as connection:
            connection.execution_options(gate_read=True)
            yield connection

    def close(self) -> None:
        self._engine.dispose()


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("gate_read", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _migrate(database: Database, version: str | None) -> None:
    from gate.database.migrate import known_versions, upgrade

    if version is not None and version not in known_versions():
        raise DatabaseError(
            f"The database {database.path} is of version {version}, which this gate does not know.",
            f"It was written by a newer ansible-gate; this one knows up to {HEAD}.",
            "Install the newer version: pip install --upgrade ansible-gate. Nothing was changed.",
        )
    upgrade(database.path)
