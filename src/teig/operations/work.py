"""What the steps of an operation work with, and how a list of steps runs to its end or is undone.

An operation file holds its steps with their undo, and their bodies. Bodies are idempotent: after a crash the step that
was under way runs again. They take what they need from the database and the operation's parameters, never from one
another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from teig.fleet.driver import Claim, Fleet, Host, HostAddress
from teig.model.errors import InternalFault
from teig.model.image import Image
from teig.model.names import GuestId, OperationId
from teig.policy.placement import PlacementDecision, affirm
from teig.store import guests, hosts, images
from teig.store.database import Database
from teig.store.guests import StoredGuest
from teig.store.hosts import StoredHost

T = TypeVar("T")


@dataclass(frozen=True)
class Parts:
    """What the server is made of, as operations need it. `now` returns seconds since 1970; `pause` waits seconds."""

    db: Database
    fleet: Fleet
    image_dir: Path
    now: Callable[[], float]
    pause: Callable[[float], None]


@dataclass(frozen=True)
class Work:
    """One operation's view: its parts, its parameters and the guest that it has claimed."""

    parts: Parts
    operation: OperationId
    guest_id: GuestId
    params: dict[str, Any]

    @property
    def guest(self) -> StoredGuest:
        """The guest's row as it stands; InternalFault where it has gone, which no step may bring about but the last."""
        found = self.parts.db.read(lambda connection: guests.by_id(connection, self.guest_id))
        if found is None:
            raise InternalFault(f"Operation {self.operation} lost the row of its guest {self.guest_id}.")
        return found

    @property
    def claim(self) -> Claim:
        """The right to change the guest, with this operation's fencing number."""
        return Claim(self.guest_id, self.guest.fence)

    @property
    def host(self) -> Host:
        """The guest's host."""
        return self.parts.fleet.host(address_of(self._stored_host(lambda _connection, host: host)))

    @property
    def image(self) -> Image:
        """The guest's image; InternalFault where it is no longer registered."""
        wanted = self.guest.spec.image
        found = self.parts.db.read(lambda connection: images.by_id(connection, wanted))
        if found is None:
            raise InternalFault(f"The image {wanted[:12]} is not registered any more.", "Import it again.")
        return found

    def decision(self) -> PlacementDecision:
        """Return the leave to write the guest's bytes to its host, checked anew."""
        guest = self.guest
        return self._stored_host(
            lambda connection, host: affirm(guest.id, hosts.candidate(connection, host), guest.spec.site)
        )

    def write(self, change: Callable[[sa.Connection], None]) -> None:
        """Change the database in one transaction."""
        self.parts.db.write(change)

    def _stored_host(self, take: Callable[[sa.Connection, StoredHost], T]) -> T:
        guest = self.guest
        return self.parts.db.read(lambda connection: take(connection, hosts.by_id(connection, guest.host)))


@dataclass(frozen=True)
class Step:
    """One step: what it does and what takes it back, which must also work when it was done half or not at all."""

    name: str
    do: Callable[[Work], None]
    undo: Callable[[Work], None] | None = None


@dataclass(frozen=True)
class Sequence:
    """An operation's kind, its steps in order, and what closes the books after success or after the undo."""

    kind: str
    steps: tuple[Step, ...]
    done: Callable[[sa.Connection, Work], None]
    undone: Callable[[sa.Connection, Work], None]


def address_of(host: StoredHost) -> HostAddress:
    """Return how a stored host is reached."""
    return HostAddress(host.id, host.name, host.address, host.port, host.host_key)
