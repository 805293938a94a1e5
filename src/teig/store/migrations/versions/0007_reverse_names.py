"""Names of addresses, and whether the name server was told of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Go forwards; there is no way back. Servers of the release before work on: they leave names as they are."""
    op.create_table(
        "reverse_names",
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("leads", sa.String(length=49), nullable=False),
        sa.Column("name", sa.String(length=253), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try", sa.Float(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_reverse_names")),
    )
    op.create_index("ix_reverse_names_leads", "reverse_names", ["site", "leads"])
    op.create_index("ix_reverse_names_due", "reverse_names", ["sent", "next_try"])
