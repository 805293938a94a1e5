"""What lists show of guests, read in one query: no spec and no record of a host is parsed for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from teig.model.guest import GuestState
from teig.policy.guest_life import Phase
from teig.policy.guest_state import word
from teig.store.at_once import AtOnce
from teig.store.observations import is_fresh
from teig.store.schema import guests, hosts, images, observations, observed_guests


@dataclass(frozen=True)
class GuestLine:
    """A guest in a list. `seen_at` is when its host was last seen (seconds since 1970), None: never."""

    name: str
    id: str
    plan: str
    image: str
    host: str
    site: str
    type: str
    state: GuestState
    addresses: tuple[str, ...]
    attention: str | None
    seen_at: float | None


_SEEN = sa.and_(observed_guests.c.guest == guests.c.id, observed_guests.c.host == guests.c.host)
_LINES = (
    sa.select(
        guests.c.name,
        guests.c.id,
        guests.c.spec,
        guests.c.phase,
        guests.c.attention,
        guests.c.created,
        hosts.c.name.label("host_name"),
        images.c.name.label("image_name"),
        observations.c.seen_at,
        observations.c.boot.label("host_boot"),
        observations.c.uptime_ns,
        observed_guests.c.boot.label("seen_boot"),
        observed_guests.c.state,
        observed_guests.c.domid,
        observed_guests.c.answers,
        observed_guests.c.started_s,
    )
    .join(hosts, hosts.c.id == guests.c.host)
    .outerjoin(images, images.c.id == guests.c.spec["image"].as_string())
    .outerjoin(observations, observations.c.host == guests.c.host)
    .outerjoin(observed_guests, _SEEN)
    .where(guests.c.name > sa.bindparam("after"))
    .order_by(guests.c.name)
    .limit(sa.bindparam("most"))
)
_PAGE = AtOnce(_LINES)
_ALL: Final = 2**31


def listed(connection: sa.Connection, now: float, after: str = "", limit: int | None = None) -> list[GuestLine]:
    """Return guests by name: at most `limit` of those whose names follow `after`."""
    given = {"after": after, "most": _ALL if limit is None else limit}
    [found] = _PAGE.fetch(connection, given)
    return [_line(row, now) for row in found.rows()]


def _line(row: Any, now: float) -> GuestLine:
    spec = row.spec
    known = row.state is not None or row.created <= (row.seen_at or 0.0)
    fresh = known and is_fresh(row.seen_at, now)
    running = row.state != "stopped" if row.domid is not None else row.started_s is not None  # None: it reboots
    ran_s = None
    if running and row.started_s is not None and row.seen_boot == row.host_boot and row.uptime_ns:
        ran_s = row.uptime_ns / 1e9 - row.started_s
    return GuestLine(
        name=row.name,
        id=row.id,
        plan=spec["plan"],
        image=row.image_name or spec["image"][:12],
        host=row.host_name,
        site=spec["site"],
        type=spec["type"],
        state=word(
            Phase(row.phase), row.state or "stopped", running=running, answers=row.answers, ran_s=ran_s, fresh=fresh
        ),
        addresses=tuple(nic["address"].split("/", 1)[0] for nic in spec["nics"]),
        attention=row.attention,
        seen_at=row.seen_at or None,
    )
