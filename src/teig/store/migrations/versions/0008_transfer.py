"""What guests transfer in each month, how much of what their hosts count is in it, amounts for it, and events."""

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
    op.create_table(
        "transfer_amounts",
        sa.Column("guest", sa.String(length=36), nullable=False),
        sa.Column("amount_bytes", sa.BigInteger(), nullable=False),
        sa.Column("past", sa.String(length=16), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("past_kbit", "out_kbit", "in_kbit")),
        sa.Column("limited", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("guest", name=op.f("pk_transfer_amounts")),
    )
    op.create_table(
        "events",
        sa.Column("guest", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("period", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("guest", "kind", "period", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_name"), "events", ["name"])
    op.create_index(op.f("ix_events_at"), "events", ["at"])
