"""Brings a database to the newest version, with alembic; imported only when there is something to do."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

FOLDER = Path(__file__).parent / "migrations"


def known_versions() -> set[str]:
    """Every version that this release has a migration for."""
    return {script.revision for script in ScriptDirectory(str(FOLDER)).walk_revisions()}


def upgrade(place: Path | str) -> None:
    """Runs the missing migrations, in one transaction: all of them or none."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["database"] = place
    command.upgrade(config, "head")
