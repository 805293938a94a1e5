"""What guests transfer in each month, and how much of what their hosts count is in it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Go forwards; there is no way back. Servers of the release before know nothing of these tables and work on."""
    ways = ("sent_bytes", "received_bytes")
    op.create_table(
        "transfers",
        sa.Column("guest", sa.String(length=36), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        *(sa.Column(way, sa.BigInteger(), nullable=False) for way in ways),
        sa.PrimaryKeyConstraint("guest", "month", name=op.f("pk_transfers")),
    )
    op.create_index(op.f("ix_transfers_name"), "transfers", ["name"])
    op.create_table(
        "transfer_counts",
        sa.Column("guest", sa.String(length=36), nullable=False),
        sa.Column("count", sa.String(length=36), nullable=False),
        *(sa.Column(way, sa.BigInteger(), nullable=False) for way in ways),
        sa.PrimaryKeyConstraint("guest", "count", name=op.f("pk_transfer_counts")),
    )
