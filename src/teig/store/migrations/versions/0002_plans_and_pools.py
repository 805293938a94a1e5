"""Plans and pools."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Go forwards; there is no way back."""
    op.create_table(
        "plans",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_plans")),
    )
    op.create_table(
        "pools",
        sa.Column("host", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=127), nullable=False),
        sa.Column("capacity", sa.JSON(), nullable=False),
        sa.Column("how", sa.String(length=16), nullable=False),
        sa.Column("rated_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["host"], ["hosts.id"], name=op.f("fk_pools_host")),
        sa.PrimaryKeyConstraint("host", "name", name=op.f("pk_pools")),
    )
