"""What the steps of an operation work with, and how a list of steps runs to its end or is undone.

An operation file holds its steps with their undo, and their bodies. Bodies are idempotent: after a crash the step that
was under way runs again. They take what they need from the database and the operation's parameters, never from one
another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from teig.fleet.driver import Claim, Fleet, Host, HostAddress
from teig.model.errors import Conflict, Fenced, InternalFault
from teig.model.image import Image
from teig.model.names import GuestId, OperationId
from teig.policy.placement import PlacementDecision, affirm
from teig.store import guests, hosts, images, operations
from teig.store.database import Database
from teig.store.guests import StoredGuest
from teig.store.hosts import StoredHost
from teig.store.operations import Held, Turn

T = TypeVar("T")
CANCELLED: Final = Conflict("It was cancelled, and everything that it had done was undone.", code="cancelled")


class Dropped(BaseException):
    """This run of an operation stops here and records nothing: another has it now, or the same goes on later.

    Not an Exception, which DBOS would take for the operation's outcome.
    """


@dataclass(frozen=True)
class Parts:
    """What the server is made of, as operations need it. `now` returns seconds since 1970; `pause` waits seconds."""

    db: Database
    fleet: Fleet
    image_dir: Path
    now: Callable[[], float]
    pause: Callable[[float], None]


@dataclass(frozen=True)
class Run:
    """One run of an operation under one turn. Once another run has the turn, this one can change nothing."""

    parts: Parts
    turn: Turn

    @property
    def operation(self) -> OperationId:
        """The operation's id."""
        return self.turn.operation.id

    def write(self, change: Callable[[sa.Connection, Held], T]) -> T:
        """Change the database in one transaction; Dropped where this run has lost its turn."""

        def held(connection: sa.Connection) -> T:
            return change(connection, operations.hold(connection, self.turn))

        try:
            return self.parts.db.note(held)
        except Fenced as error:
            raise Dropped from error

    def look(self, connection: sa.Connection) -> Work:
        """Return what a step works with, as it is now.

        InternalFault where the guest's row has gone, which no step may bring about but the last.
        """
        guest = guests.by_id(connection, self.turn.guest)
        if guest is None:
            raise InternalFault(f"Operation {self.operation} lost the row of its guest {self.turn.guest}.")
        return Work(self, guest, hosts.by_id(connection, guest.host))


@dataclass(frozen=True)
class Work:
    """One step's view of its operation: the guest that it has claimed and the host, as they were when it began."""

    run: Run
    guest: StoredGuest
    stored_host: StoredHost

    @property
    def parts(self) -> Parts:
        """What the server is made of."""
        return self.run.parts

    @property
    def guest_id(self) -> GuestId:
        """The guest that the operation has claimed."""
        return self.guest.id

    @property
    def params(self) -> dict[str, Any]:
        """The operation's parameters."""
        return self.run.turn.params

    @property
    def claim(self) -> Claim:
        """The right to change the guest, with this turn's fencing number and no later one."""
        return Claim(self.guest_id, self.run.turn.fence)

    @property
    def host(self) -> Host:
        """The guest's host."""
        return self.parts.fleet.host(address_of(self.stored_host))

    @property
    def image(self) -> Image:
        """The guest's image; InternalFault where it is no longer registered."""
        wanted = self.guest.spec.image
        found = self.parts.db.read(lambda connection: images.by_id(connection, wanted))
        if found is None:
            raise InternalFault(f"The image {wanted[:12]} is not registered any more.", "Import it again.")
        return found

    def decision(self) -> PlacementDecision:
        """Return the leave to write the guest's bytes to its host, checked anew in each step."""
        return affirm(self.guest.id, self.stored_host, self.guest.spec.site)

    def write(self, change: Callable[[sa.Connection], None]) -> None:
        """Change the database in one transaction."""
        self.run.write(lambda connection, _held: change(connection))


@dataclass(frozen=True)
class Step:
    """One step: what it does and what takes it back, which must also work when it was done half or not at all."""

    name: str
    do: Callable[[Work], None]
    undo: Callable[[Work], None] | None = None


@dataclass(frozen=True)
class Sequence:
    """An operation's kind, its steps in order, and what closes the books after success or after the undo.

    An `irrevocable` one cannot be cancelled once it has begun.
    """

    kind: str
    steps: tuple[Step, ...]
    done: Callable[[sa.Connection, Work], None]
    undone: Callable[[sa.Connection, Work], None]
    irrevocable: bool = False


def address_of(host: StoredHost) -> HostAddress:
    """Return how a stored host is reached."""
    return HostAddress(host.id, host.name, host.address, host.port, host.host_key)
