"""Which operations only wait, for their guest or their host, and take no place of those that go on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Go forwards; there is no way back. Servers of the release before work on: they say nothing of the column."""
    op.add_column("operations", sa.Column("waits", sa.Boolean(), nullable=False, server_default=sa.false()))
