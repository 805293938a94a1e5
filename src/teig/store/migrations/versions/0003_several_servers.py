"""Several servers: who works on what; and the sums that admission needs."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

SUMS = ("memory_mib", "vcpus", "millicores", "disk_bytes", "read_iops", "write_iops", "read_bps", "write_bps")
RATES = ("read_iops", "write_iops", "read_bps", "write_bps")
PLANS = {
    "tiny": (500, 250, 16, 8, 50),
    "small": (1000, 500, 32, 16, 100),
    "medium": (3000, 1500, 96, 48, 250),
    "large": (8000, 4000, 256, 128, 500),
}
"""Reads and writes a second, MiB read and written a second, Mbit/s each way."""


def upgrade() -> None:
    """Go forwards; there is no way back."""
    op.create_table(
        "servers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("ssh_public_key", sa.Text(), nullable=False),
        sa.Column("beats", sa.BigInteger(), nullable=False),
        sa.Column("lost", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_servers")),
    )
    with op.batch_alter_table("operations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("server", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("fence", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("cancelled", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("operations", schema=None) as batch_op:
        batch_op.alter_column("fence", server_default=None)
        batch_op.alter_column("cancelled", server_default=None)
    with op.batch_alter_table("guests", schema=None) as batch_op:
        batch_op.alter_column("fence", type_=sa.BigInteger(), existing_type=sa.Integer(), existing_nullable=False)
        for name in SUMS:
            batch_op.add_column(sa.Column(name, sa.BigInteger(), nullable=True))
    _sum_up()
    with op.batch_alter_table("guests", schema=None) as batch_op:
        for name in SUMS:
            kind = sa.Integer() if name in SUMS[:3] else sa.BigInteger()
            batch_op.alter_column(name, type_=kind, existing_type=sa.BigInteger(), nullable=False)
    busy = sa.text("server IS NOT NULL AND ended IS NULL")
    op.create_index(
        "uq_operations_host_worked_on", "operations", ["host"], unique=True, sqlite_where=busy, postgresql_where=busy
    )


def _sum_up() -> None:
    columns = (sa.column("id"), sa.column("spec", sa.JSON), *(sa.column(name) for name in SUMS))
    guests = sa.table("guests", *columns)
    connection = op.get_bind()
    for row in connection.execute(sa.select(guests.c.id, guests.c.spec)).all():
        spec = json.loads(row.spec) if isinstance(row.spec, str) else row.spec
        if "disk_rate" not in spec:
            spec = {**spec, **_promised(spec["plan"])}
        values = {
            "spec": spec,
            "memory_mib": spec["memory_mib"],
            "vcpus": spec["vcpus"],
            "millicores": round(1000 * spec["share_cores"]),
            "disk_bytes": sum(disk["size_bytes"] for disk in spec["disks"]),
            **{name: spec["disk_rate"][name] for name in RATES},
        }
        connection.execute(sa.update(guests).where(guests.c.id == row.id).values(values))


def _promised(plan: str) -> dict[str, object]:
    """Return what a guest of the first release is promised, which knew no rates: what its plan said in the next one."""
    reads, writes, read_mib, write_mib, mbit = PLANS.get(plan, PLANS["tiny"])
    rates = dict(zip(RATES, (reads, writes, read_mib << 20, write_mib << 20), strict=True))
    return {"disk_rate": rates, "out_kbit": 1000 * mbit, "in_kbit": 1000 * mbit}
