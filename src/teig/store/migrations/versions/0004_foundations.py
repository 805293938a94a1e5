"""Reservations and observations in tables of their own; an open operation is its guest's lock."""

from __future__ import annotations

import ipaddress
import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

RATES = ("read_iops", "write_iops", "read_bps", "write_bps")
SUMS = ("memory_mib", "vcpus", "millicores", "disk_bytes", *RATES)


def upgrade() -> None:
    """Go forwards; there is no way back."""
    _make_tables()
    _reserve()
    _number_addresses()
    _one_operation_a_guest()
    op.drop_index("uq_operations_host_worked_on", table_name="operations")
    still_open = sa.text("ended IS NULL")
    for name, column, unique in (
        ("uq_operations_guest_open", "guest", True),
        ("ix_operations_host_open", "host", False),
        ("ix_operations_created_open", "created", False),
    ):
        op.create_index(
            name, "operations", [column], unique=unique, sqlite_where=still_open, postgresql_where=still_open
        )
    with op.batch_alter_table("guests", schema=None) as batch_op:
        batch_op.add_column(sa.Column("attention", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("project", sa.String(length=63), nullable=True))
        for name in ("operation", *SUMS):
            batch_op.drop_column(name)
    with op.batch_alter_table("hosts", schema=None) as batch_op:
        for name in ("draining", "facts", "facts_at"):
            batch_op.drop_column(name)
    for table in ("sites", "images"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("project", sa.String(length=63), nullable=True))
    with op.batch_alter_table("pools", schema=None) as batch_op:
        batch_op.add_column(sa.Column("together", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("pools", schema=None) as batch_op:
        batch_op.alter_column("together", server_default=None)


def _make_tables() -> None:
    op.create_table(
        "reservations",
        sa.Column("guest", sa.String(length=36), nullable=False),
        sa.Column("host", sa.String(length=36), nullable=False),
        sa.Column("pool", sa.String(length=127), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in SUMS if name != "vcpus"),
        sa.ForeignKeyConstraint(["guest"], ["guests.id"], name=op.f("fk_reservations_guest")),
        sa.ForeignKeyConstraint(["host"], ["hosts.id"], name=op.f("fk_reservations_host")),
        sa.PrimaryKeyConstraint("guest", "host", "pool", name=op.f("pk_reservations")),
    )
    op.create_index("ix_reservations_host", "reservations", ["host", "memory_mib"])
    op.create_table(
        "observations",
        sa.Column("host", sa.String(length=36), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.Column("boot", sa.String(length=64), nullable=False),
        sa.Column("uptime_ns", sa.BigInteger(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("capacity", sa.JSON(), nullable=False),
        sa.Column("memory_mib", sa.BigInteger(), nullable=False),
        sa.Column("drift", sa.JSON(), nullable=False),
        sa.Column("differs", sa.Boolean(), nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("silent_since", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["host"], ["hosts.id"], name=op.f("fk_observations_host")),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_observations")),
    )
    op.create_index("ix_observations_rank", "observations", ["host", "seen_at", "silent_since", "memory_mib"])
    op.create_table(
        "observed_addresses",
        sa.Column("host", sa.String(length=36), nullable=False),
        sa.Column("address", sa.String(length=15), nullable=False),
        sa.ForeignKeyConstraint(["host"], ["hosts.id"], name=op.f("fk_observed_addresses_host")),
        sa.PrimaryKeyConstraint("host", "address", name=op.f("pk_observed_addresses")),
    )
    op.create_table(
        "observed_guests",
        sa.Column("guest", sa.String(length=36), nullable=False),
        sa.Column("host", sa.String(length=36), nullable=False),
        sa.Column("boot", sa.String(length=64), nullable=False),
        sa.Column("uptime_ns", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("domid", sa.Integer(), nullable=True),
        sa.Column("answers", sa.Boolean(), nullable=True),
        sa.Column("started_s", sa.Float(), nullable=True),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["host"], ["hosts.id"], name=op.f("fk_observed_guests_host")),
        sa.PrimaryKeyConstraint("guest", "host", name=op.f("pk_observed_guests")),
    )
    op.create_index("ix_observed_guests_host", "observed_guests", ["host"])


def _reserve() -> None:
    """Reserve for each guest what its row promised, in the pool where its host made volumes: the largest group."""
    connection = op.get_bind()
    hosts = sa.table("hosts", sa.column("id"), sa.column("facts"))
    pools = {}
    for row in connection.execute(sa.select(hosts)).all():
        groups = _plain(row.facts).get("volume_groups", [])
        largest = sorted(groups, key=lambda group: (-group["size_bytes"], group["name"]))
        pools[row.id] = largest[0]["name"] if largest else ""
    guests = sa.table("guests", *(sa.column(name) for name in ("id", "host", "spec", *SUMS)))
    reservations = sa.table(
        "reservations", *(sa.column(name) for name in ("guest", "host", "pool", *SUMS) if name != "vcpus")
    )
    for row in connection.execute(sa.select(guests)).all():
        values = {name: getattr(row, name) for name in SUMS if name != "vcpus"}
        values["memory_mib"] += 4 + row.vcpus + -(-row.memory_mib // 128)
        values["disk_bytes"] += 4 << 20  # the volume with first-boot data
        connection.execute(
            sa.insert(reservations).values(guest=row.id, host=row.host, pool=pools.get(row.host, ""), **values)
        )


def _number_addresses() -> None:
    with op.batch_alter_table("nics", schema=None) as batch_op:
        batch_op.add_column(sa.Column("number", sa.BigInteger(), nullable=True))
    connection = op.get_bind()
    nics = sa.table("nics", sa.column("mac"), sa.column("address"), sa.column("number"))
    for row in connection.execute(sa.select(nics.c.mac, nics.c.address)).all():
        number = int(ipaddress.IPv4Address(row.address))
        connection.execute(sa.update(nics).where(nics.c.mac == row.mac).values(number=number))
    with op.batch_alter_table("nics", schema=None) as batch_op:
        batch_op.alter_column("number", existing_type=sa.BigInteger(), nullable=False)
    op.create_index("ix_nics_site_number", "nics", ["site", "number"])


def _one_operation_a_guest() -> None:
    """End what an earlier release may have left open beside another operation of the same guest."""
    columns = [sa.column(name) for name in ("id", "guest", "created", "ended", "state")]
    operations = sa.table("operations", *columns, sa.column("error", sa.JSON))
    connection = op.get_bind()
    seen = set()
    newest_first = sa.select(operations).where(operations.c.ended.is_(None)).order_by(operations.c.created.desc())
    for row in connection.execute(newest_first).all():
        if row.guest in seen:
            words = "A newer operation has its guest."
            error = {"kind": "conflict", "code": "superseded", "message": words, "todo": ""}
            change = sa.update(operations).where(operations.c.id == row.id)
            connection.execute(change.values(ended=row.created, state="stuck", error=error))
        seen.add(row.guest)


def _plain(value: object) -> dict:
    return json.loads(value) if isinstance(value, str) else dict(value or {})
