"""The tables. Times are seconds since 1970 (UTC); JSON columns hold `teig.record` dumps."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

sites = sa.Table(
    "sites",
    metadata,
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("record", sa.JSON, nullable=False),
)

hosts = sa.Table(
    "hosts",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(63), nullable=False, unique=True),
    sa.Column("machine_id", sa.String(64), nullable=False, unique=True),
    sa.Column("address", sa.String(255), nullable=False),
    sa.Column("port", sa.Integer, nullable=False),
    sa.Column("host_key", sa.Text, nullable=False),
    sa.Column("site", sa.ForeignKey("sites.name"), nullable=False),
    sa.Column("draining", sa.Boolean, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("facts_at", sa.Float, nullable=False),
)

plans = sa.Table(
    "plans",
    metadata,
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("record", sa.JSON, nullable=False),
)

pools = sa.Table(
    "pools",
    metadata,
    sa.Column("host", sa.ForeignKey("hosts.id"), primary_key=True),
    sa.Column("name", sa.String(127), primary_key=True),
    sa.Column("capacity", sa.JSON, nullable=False),
    sa.Column("how", sa.String(16), nullable=False),
    sa.Column("rated_at", sa.Float, nullable=False),
)

images = sa.Table(
    "images",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(63), nullable=False, index=True),
    sa.Column("manifest", sa.JSON, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
)

guests = sa.Table(
    "guests",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(63), nullable=False, unique=True),
    sa.Column("host", sa.ForeignKey("hosts.id"), nullable=False, index=True),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("phase", sa.String(16), nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("operation", sa.String(36), nullable=True),
    sa.Column("created", sa.Float, nullable=False),
    # What its spec promises, once more: admission sums these up and need not read the specs.
    sa.Column("memory_mib", sa.Integer, nullable=False),
    sa.Column("vcpus", sa.Integer, nullable=False),
    sa.Column("millicores", sa.Integer, nullable=False),
    sa.Column("disk_bytes", sa.BigInteger, nullable=False),
    sa.Column("read_iops", sa.BigInteger, nullable=False),
    sa.Column("write_iops", sa.BigInteger, nullable=False),
    sa.Column("read_bps", sa.BigInteger, nullable=False),
    sa.Column("write_bps", sa.BigInteger, nullable=False),
)

nics = sa.Table(
    "nics",
    metadata,
    sa.Column("mac", sa.String(17), primary_key=True),
    sa.Column("guest", sa.ForeignKey("guests.id"), nullable=False, index=True),
    sa.Column("site", sa.ForeignKey("sites.name"), nullable=False),
    sa.Column("address", sa.String(15), nullable=False),
    sa.UniqueConstraint("site", "address"),
)

servers = sa.Table(
    "servers",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("version", sa.String(32), nullable=False),
    sa.Column("ssh_public_key", sa.Text, nullable=False),
    sa.Column("beats", sa.BigInteger, nullable=False),
    sa.Column("lost", sa.Boolean, nullable=False),
)

operations = sa.Table(
    "operations",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("subject", sa.String(63), nullable=False),
    sa.Column("guest", sa.String(36), nullable=False),
    sa.Column("host", sa.String(36), nullable=False),
    sa.Column("params", sa.JSON, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("steps", sa.JSON, nullable=False),
    sa.Column("error", sa.JSON, nullable=True),
    sa.Column("created", sa.Float, nullable=False, index=True),
    sa.Column("ended", sa.Float, nullable=True),
    # Who works on it, with which fencing number; a server's id stays here when its row in `servers` has gone.
    sa.Column("server", sa.String(36), nullable=True),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("cancelled", sa.Boolean, nullable=False),
)

sa.Index(  # the work on a host is serial, whatever servers do
    "uq_operations_host_worked_on",
    operations.c.host,
    unique=True,
    sqlite_where=sa.and_(operations.c.server.is_not(None), operations.c.ended.is_(None)),
    postgresql_where=sa.and_(operations.c.server.is_not(None), operations.c.ended.is_(None)),
)
