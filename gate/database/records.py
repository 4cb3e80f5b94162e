"""The files of the engines beside the gate's own database: DBOS's record of jobs, APScheduler's of due times.

What is ready stands in the table of changes, and what is scheduled in schedules.yml. So whoever has lost such a file
has lost nothing that would have to be restored: it is made anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from gate.values.errors import DatabaseError

JOBS, DUE_TIMES = "dispatch.db", "schedule.db"


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """Around what an engine does with its file.

    Raises:
        DatabaseError: the file cannot be used, for what the engine said.
    """
    try:
        yield
    except (sqlite3.Error, DBAPIError) as wrong:
        raise _useless(path, str(wrong.orig if isinstance(wrong, DBAPIError) else wrong)) from wrong


def check(path: Path) -> None:
    """Looks whether a file of SQLite is whole. Raises DatabaseError."""
    with usable(path), closing(sqlite3.connect(path)) as connection:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise _useless(path, found)


def _useless(path: Path, why: str) -> DatabaseError:
    return DatabaseError(
        f"The file {path} cannot be used.",
        " ".join(why.split()).rstrip(".") + ".",
        "Check the disk's space and the file's rights. If it is damaged: stop every gate of this site and move it away."
        " It is made anew; what is ready starts all the same.",
    )
