"""Connections to the site's database: an SQLite file, or PostgreSQL. One writer at a time, and every commit on disk.

The write lock is taken at the start of a transaction: SQLite's `BEGIN IMMEDIATE`, on PostgreSQL an advisory lock. So a
transaction that reads first and writes later sees nobody else's writes in between, and is not refused half-way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gate.values.errors import DatabaseError

HEAD = "0004"  # the newest migration; a test compares it with the migrations folder
BUSY_TIMEOUT_MS = 30_000
POSTGRESQL = "postgresql+psycopg"
_LOCK = 0x67617465  # "gate": what a writer of this database holds on PostgreSQL


class Database:
    """One database. `write()` is a transaction, `read()` a consistent snapshot.

    `place` is the path of an SQLite file, or the URL of a PostgreSQL database; `name` is how to call it, without its
    password.
    """

    def __init__(self, place: Path | str) -> None:
        self.path = place
        url = _url(place)
        self.name = str(place) if isinstance(place, Path) else url.render_as_string(hide_password=True)
        self._engine = _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url, self.name)

    @classmethod
    def open(cls, place: Path | str) -> Database:
        """Opens the database, and creates (a file) or migrates it where needed.

        Raises:
            DatabaseError: not a database, of a newer version, or unreachable.
        """
        database = cls(place)
        try:
            version = database.version()
            if version != HEAD:
                _migrate(database, version)
        except DatabaseError:
            database.close()
            raise
        return database

    def version(self) -> str | None:
        """The migration that the database is at; None for a new one."""
        with self.read() as connection:
            if not inspect(connection).has_table("alembic_version"):
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
        except (DBAPIError, PoolTimeoutError) as wrong:
            raise DatabaseError(
                "The database could not be written; nothing was changed.",
                _why(wrong),
                "Check that it can be reached, its free space and its rights, then try again.",
            ) from wrong

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent snapshot; it blocks nobody and must not write.

        Raises:
            DatabaseError: the database could not be read.
        """
        try:
            with self._engine.connect() as connection:
                connection.execution_options(gate_read=True)
                yield connection
        except (DBAPIError, PoolTimeoutError) as wrong:
            raise DatabaseError(
                f"The database {self.name} cannot be used.",
                _why(wrong),
                "Check that it is there and may be used; `gate doctor` says more. Restore it from a backup if needed.",
            ) from wrong

    def close(self) -> None:
        self._engine.dispose()


def _url(place: Path | str) -> URL:
    if isinstance(place, Path):
        return URL.create("sqlite", database=str(place))
    try:
        url = make_url(place)
        backend = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError):
        backend = "of an unknown kind"
    if backend in ("sqlite", "postgresql"):
        return url if backend == "sqlite" else url.set(drivername=POSTGRESQL)
    raise DatabaseError(
        "This is no database that the gate can use.",
        f"It is {backend}; the gate keeps its records in an SQLite file or in PostgreSQL.",
        f"Leave `database` out of gate.toml, or write {POSTGRESQL}://USER@HOST/NAME.",
    )


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if _reading(connection) else "BEGIN IMMEDIATE")

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """SQLite waits for a writer everywhere but here: while somebody else makes the same new file WAL, it gives up."""
    give_up = monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as wrong:
            if wrong.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > give_up:
                raise
            sleep(0.01)
        else:
            return


def _postgresql(url: URL, name: str) -> Engine:
    # whatever the server's defaults are: a commit is on disk, and nobody waits for the lock without end
    settings = {"options": f"-c synchronous_commit=on -c lock_timeout={BUSY_TIMEOUT_MS}"}
    try:
        engine = create_engine(url, isolation_level="READ COMMITTED", pool_pre_ping=True, connect_args=settings)
    except ModuleNotFoundError:
        raise DatabaseError(
            f"The database {name} needs a driver.", "psycopg is not installed.", "pip install 'ansible-gate[postgres]'"
        ) from None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if _reading(connection):
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        else:
            # each statement after this one sees what the writer before committed, since it is READ COMMITTED
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")

    return engine


def _reading(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("gate_read", False))


def _migrate(database: Database, version: str | None) -> None:
    from gate.database.migrate import known_versions, upgrade

    if version is not None and version not in known_versions():
        raise DatabaseError(
            f"The database {database.name} is of version {version}, which this gate does not know.",
            f"It was written by a newer ansible-gate; this one knows up to {HEAD}.",
            "Install the newer version: pip install --upgrade ansible-gate. Nothing was changed.",
        )
    upgrade(database.path)


def _why(wrong: Exception) -> str:
    """What the driver says, in one line."""
    said = str(wrong.orig if isinstance(wrong, DBAPIError) else wrong)
    return " ".join(said.split()).rstrip(".") + "."
