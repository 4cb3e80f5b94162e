"""Plans that failed and are to be taken back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "compensations",
        sa.Column("plan_id", sa.Text, primary_key=True),
        sa.Column("change_id", sa.Text, sa.ForeignKey("changes.id"), nullable=False),
        sa.Column("since", sa.Text, nullable=False),
    )
