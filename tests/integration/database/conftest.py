"""Databases on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest

from gate.database.engine import Database

UNIT = Path(__file__).parents[2] / "unit"


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
