"""The kill switch: a table of one row at most."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "halt",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, sa.CheckConstraint("actor LIKE 'human:%'"), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("force", sa.Integer, nullable=False),
    )
