"""Ranges of further addresses, who has which, and which rest after they were given back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Go forwards; there is no way back. Servers of the release before work on: what they free does not rest."""
    op.create_table(
        "ranges",
        sa.Column("network", sa.String(length=49), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_ranges_site")),
        sa.PrimaryKeyConstraint("network", name=op.f("pk_ranges")),
    )
    op.create_table(
        "addresses",
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("address", sa.String(length=49), nullable=False),
        sa.Column("range", sa.String(length=49), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("guest", sa.String(length=36), nullable=True),
        sa.Column("next", sa.String(length=36), nullable=True),
        sa.Column("left_on", sa.String(length=36), nullable=True),
        sa.Column("last", sa.String(length=36), nullable=True),
        sa.Column("free_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["guest"], ["guests.id"], name=op.f("fk_addresses_guest"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_addresses_site")),
        sa.PrimaryKeyConstraint("site", "address", name=op.f("pk_addresses")),
    )
    op.create_index("ix_addresses_guest", "addresses", ["guest"])
    op.create_index("ix_addresses_left_on", "addresses", ["left_on"])
    op.create_index("ix_addresses_number", "addresses", ["site", "range", "number"])
    with op.batch_alter_table("observed_addresses", schema=None) as batch_op:
        batch_op.alter_column("address", existing_type=sa.String(length=15), type_=sa.String(length=49))
