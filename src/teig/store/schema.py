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
    sa.Column("project", sa.String(63), nullable=True),
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
)

# What was last seen of each host. Everything that is not about one guest reads this and asks no host.
observations = sa.Table(
    "observations",
    metadata,
    sa.Column("host", sa.ForeignKey("hosts.id"), primary_key=True),
    # When it answered last: seconds since 1970 at the server that asked, and the host's own clock (boot, time since).
    sa.Column("seen_at", sa.Float, nullable=False),
    sa.Column("boot", sa.String(64), nullable=False),
    sa.Column("uptime_ns", sa.BigInteger, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("capacity", sa.JSON, nullable=False),
    sa.Column("memory_mib", sa.BigInteger, nullable=False),  # of its capacity, less what nobody claims: to choose by
    sa.Column("drift", sa.JSON, nullable=False),
    sa.Column("differs", sa.Boolean, nullable=False),  # whether there is any drift
    # Why it did not answer when it was last asked, and since when; null where it did.
    sa.Column("error", sa.JSON, nullable=True),
    sa.Column("silent_since", sa.Float, nullable=True),
    # Hosts are ranked by it alone: the rows are long.
    sa.Index("ix_observations_rank", "host", "seen_at", "silent_since", "memory_mib"),
)

# Addresses of guests that run there and that nobody claims: they are in use.
observed_addresses = sa.Table(
    "observed_addresses",
    metadata,
    sa.Column("host", sa.ForeignKey("hosts.id"), primary_key=True),
    sa.Column("address", sa.String(49), primary_key=True),  # of a card; with its prefix length what else leads to it
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
    sa.Column("together", sa.Boolean, nullable=False),
)

images = sa.Table(
    "images",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(63), nullable=False, index=True),
    sa.Column("manifest", sa.JSON, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("project", sa.String(63), nullable=True),
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
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("attention", sa.Text, nullable=True),
    sa.Column("project", sa.String(63), nullable=True),
)

# What of a host is kept for a guest. A row grows when more is promised; only an operation that has read the host
# lowers it.
reservations = sa.Table(
    "reservations",
    metadata,
    sa.Column("guest", sa.ForeignKey("guests.id"), primary_key=True),
    sa.Column("host", sa.ForeignKey("hosts.id"), primary_key=True),
    sa.Column("pool", sa.String(127), primary_key=True),
    sa.Column("memory_mib", sa.BigInteger, nullable=False),  # with Xen's overhead
    sa.Column("millicores", sa.BigInteger, nullable=False),
    sa.Column("disk_bytes", sa.BigInteger, nullable=False),
    sa.Column("read_iops", sa.BigInteger, nullable=False),
    sa.Column("write_iops", sa.BigInteger, nullable=False),
    sa.Column("read_bps", sa.BigInteger, nullable=False),
    sa.Column("write_bps", sa.BigInteger, nullable=False),
    sa.Index("ix_reservations_host", "host", "memory_mib"),
)

# What was last seen of each guest, by the same host's clock; `fence`: under which an operation has read it, if one has.
observed_guests = sa.Table(
    "observed_guests",
    metadata,
    sa.Column("guest", sa.String(36), primary_key=True),
    sa.Column("host", sa.ForeignKey("hosts.id"), primary_key=True, index=True),
    sa.Column("boot", sa.String(64), nullable=False),
    sa.Column("uptime_ns", sa.BigInteger, nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("domid", sa.Integer, nullable=True),
    sa.Column("answers", sa.Boolean, nullable=True),
    sa.Column("started_s", sa.Float, nullable=True),  # seconds after the host's boot
    sa.Column("record", sa.JSON, nullable=False),
)

nics = sa.Table(
    "nics",
    metadata,
    sa.Column("mac", sa.String(17), primary_key=True),
    sa.Column("guest", sa.ForeignKey("guests.id"), nullable=False, index=True),
    sa.Column("site", sa.ForeignKey("sites.name"), nullable=False),
    sa.Column("address", sa.String(15), nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),  # the address as a number: free ones are found by it
    sa.UniqueConstraint("site", "address"),
    sa.Index("ix_nics_site_number", "site", "number"),
)

# What guests can get beside the addresses of their cards. What a site's own record says is its first range.
ranges = sa.Table(
    "ranges",
    metadata,
    sa.Column("network", sa.String(49), primary_key=True),
    sa.Column("site", sa.ForeignKey("sites.name"), nullable=False),
    sa.Column("record", sa.JSON, nullable=False),
)

# Addresses and networks that lead to a guest beside its cards' own, and those of either kind that rest.
addresses = sa.Table(
    "addresses",
    metadata,
    sa.Column("site", sa.ForeignKey("sites.name"), primary_key=True),
    sa.Column("address", sa.String(49), primary_key=True),  # with its prefix length
    # Its range's network, "" for a card's, and its place there; null where no range has it (a host was adopted).
    sa.Column("range", sa.String(49), nullable=True),
    sa.Column("number", sa.BigInteger, nullable=True),
    sa.Column("guest", sa.ForeignKey("guests.id", ondelete="SET NULL"), nullable=True, index=True),
    sa.Column("next", sa.String(36), nullable=True),  # the guest that gets it when this one was seen to have let go
    sa.Column("left_on", sa.String(36), nullable=True, index=True),  # a guest that lost it by force, and may use it
    sa.Column("last", sa.String(36), nullable=True),  # the guest that had it, where nobody has it now
    sa.Column("free_at", sa.Float, nullable=True),  # until then it rests
    sa.Index("ix_addresses_number", "site", "range", "number"),
)

# The names of addresses, as a name server is to be told them.
reverse_names = sa.Table(
    "reverse_names",
    metadata,
    sa.Column("address", sa.String(45), primary_key=True),
    sa.Column("site", sa.String(63), nullable=False),
    sa.Column("leads", sa.String(49), nullable=False),  # what leads to its guest: itself, or a network, with its prefix
    sa.Column("name", sa.String(253), nullable=True),  # null: none any more, which is still to be told
    sa.Column("version", sa.BigInteger, nullable=False),  # rises with each name that the address gets
    sa.Column("sent", sa.Boolean, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("next_try", sa.Float, nullable=False),
    sa.Column("error", sa.Text, nullable=True),
    sa.Index("ix_reverse_names_leads", "site", "leads"),
    sa.Index("ix_reverse_names_due", "sent", "next_try"),
)

# What guests transferred in each calendar month (UTC), those that were deleted too.
transfers = sa.Table(
    "transfers",
    metadata,
    sa.Column("guest", sa.String(36), primary_key=True),
    sa.Column("month", sa.String(7), primary_key=True),
    sa.Column("name", sa.String(63), nullable=False, index=True),
    sa.Column("sent_bytes", sa.BigInteger, nullable=False),
    sa.Column("received_bytes", sa.BigInteger, nullable=False),
)

# How much of what a host has counted for a guest is in these months: a row for each counting.
transfer_counts = sa.Table(
    "transfer_counts",
    metadata,
    sa.Column("guest", sa.String(36), primary_key=True),
    sa.Column("count", sa.String(36), primary_key=True),
    sa.Column("sent_bytes", sa.BigInteger, nullable=False),
    sa.Column("received_bytes", sa.BigInteger, nullable=False),
)

# What a guest may transfer in a month, as its plan said when it was made or resized last; where it is `limited`, its
# spec has other rates than those that are here. Servers of an earlier release delete guests and know nothing of it.
transfer_amounts = sa.Table(
    "transfer_amounts",
    metadata,
    sa.Column("guest", sa.String(36), primary_key=True),
    sa.Column("amount_bytes", sa.BigInteger, nullable=False),
    sa.Column("past", sa.String(16), nullable=False),
    sa.Column("past_kbit", sa.BigInteger, nullable=False),
    sa.Column("out_kbit", sa.BigInteger, nullable=False),
    sa.Column("in_kbit", sa.BigInteger, nullable=False),
    sa.Column("limited", sa.Boolean, nullable=False),
)

# What has happened to guests by itself, those that were deleted too: once in each period, such as a month.
events = sa.Table(
    "events",
    metadata,
    sa.Column("guest", sa.String(36), primary_key=True),
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("period", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(63), nullable=False, index=True),
    sa.Column("at", sa.Float, nullable=False, index=True),
    sa.Column("text", sa.Text, nullable=False),
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
    # Whether it only waits, for its guest or its host. Servers of an earlier release know nothing of it.
    sa.Column("waits", sa.Boolean, nullable=False, server_default=sa.false()),
)

_OPEN = operations.c.ended.is_(None)

sa.Index(  # an operation that has not ended is the lock of its guest
    "uq_operations_guest_open", operations.c.guest, unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN
)
sa.Index("ix_operations_host_open", operations.c.host, sqlite_where=_OPEN, postgresql_where=_OPEN)
sa.Index("ix_operations_created_open", operations.c.created, sqlite_where=_OPEN, postgresql_where=_OPEN)
