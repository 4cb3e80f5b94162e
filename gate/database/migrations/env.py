"""Alembic's entry: one connection, one transaction, made safe for two processes that start at once."""

from __future__ import annotations

from alembic import context

from gate.database.engine import Database
from gate.database.tables import metadata

database = Database(context.config.attributes["database"])
try:
    with database.write() as connection:
        # the write lock is held from here: a second process waits, and then finds nothing left to do
        context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=True)
        context.run_migrations()
finally:
    database.close()
