"""What the steps of an operation work with, and how a list of steps runs to its end or is undone.

An operation file holds its steps with their undo, and their bodies. Bodies are idempotent: after a crash the step that
was under way runs again. They take what they need from the database and the operation's parameters, never from one
another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
import structlog

from teig.fleet.driver import Claim, Fleet, Host, HostAddress
from teig.model.errors import Conflict, DatabaseFault, Fenced, InternalFault
from teig.model.image import Image
from teig.model.names import GuestId, OperationId
from teig.model.operation import OperationState, StepRecord
from teig.policy.placement import PlacementDecision, affirm
from teig.store import guests, hosts, images, operations
from teig.store.database import Database
from teig.store.guests import StoredGuest
from teig.store.hosts import StoredHost
from teig.store.operations import Turn

T = TypeVar("T")
log = structlog.get_logger()
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


class Run:
    """One run of an operation under one turn. Once another run has the turn, this one can change nothing."""

    def __init__(self, parts: Parts, turn: Turn) -> None:
        self.parts = parts
        self.turn = turn
        self._steps = turn.operation.steps

    @property
    def operation(self) -> OperationId:
        """The operation's id."""
        return self.turn.operation.id

    def write(self, change: Callable[[sa.Connection], T]) -> T:
        """Change the database in one transaction; Dropped where this run has lost its turn, or the database fails."""

        def held(connection: sa.Connection) -> T:
            operations.hold(connection, self.turn)
            return change(connection)

        return self._note(held)

    def begin(self, step: str, state: OperationState, *, heeds: bool) -> Work | None:
        """Note that a step begins, and so that the one before is done, and return what it works with.

        None where the operation was cancelled and `heeds` that. A step that began before a crash keeps its first time.
        After a power cut it may be forgotten that it began: so a later run that fails undoes all steps.
        """
        now = self.parts.now()
        steps = self._closed(now, but=step)
        if step not in {known.name for known in steps}:
            steps = (*steps, StepRecord(step, "running", now, None))

        def change(connection: sa.Connection) -> Work | None:
            wanted = operations.advance(connection, self.turn, state, steps, heeds=heeds)
            return self.look(connection) if wanted else None

        work = self._note(change, lasting=False)
        self._steps = steps if work else self._steps
        return work

    def failed(self, step: str, state: OperationState) -> None:
        """Note that a step has failed."""
        now = self.parts.now()
        self._steps = tuple(
            replace(known, state="failed", ended=now) if known.name == step else known for known in self._steps
        )
        self._note(
            lambda connection: operations.advance(connection, self.turn, state, self._steps, heeds=False), lasting=False
        )

    def end(
        self,
        state: OperationState,
        error: dict[str, Any] | None,
        close_books: Callable[[sa.Connection, Work], None] | None,
    ) -> None:
        """Note how the operation ended, and close the books in the same transaction."""

        def change(connection: sa.Connection) -> None:
            if close_books is not None:
                close_books(connection, self.look(connection))
            now = self.parts.now()
            operations.end(connection, self.turn, state, self._closed(now), error, now)

        self.write(change)

    def _closed(self, now: float, but: str = "") -> tuple[StepRecord, ...]:
        return tuple(
            replace(known, state="done", ended=now) if known.ended is None and known.name != but else known
            for known in self._steps
        )

    def _note(self, change: Callable[[sa.Connection], T], *, lasting: bool = True) -> T:
        try:
            return self.parts.db.note(change, lasting=lasting)
        except (Fenced, DatabaseFault) as error:
            log.warning("this run of an operation stops", operation=self.operation, why=str(error))
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
        self.run.write(change)


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
