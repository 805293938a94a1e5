"""What happens to guests that come near the amount of transfer that their plans have for a month, and past it.

Each server looks once a minute at what is stored. An event is written at 80 and at 100 per cent, once a month for each;
who is past the amount is slowed down or cut off, where its plan says so, and freed when a month begins: by operations
on the guest as people ask for them, of which there is only one at a time, whichever servers look.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa
import structlog

from teig.control import guests
from teig.control.services import Services
from teig.model.errors import TeigError
from teig.model.plan import PastTransfer
from teig.model.transfer import TransferAmount, month_of
from teig.model.units import show_size
from teig.store import events, transfer_amounts
from teig.store.events import Event

EVERY_S: Final = 60.0
AGAIN_S: Final = 600.0
"""How long after one that failed another operation is begun that holds a guest to its amount, or frees it."""
MARKS: Final = (80, 100)
"""Parts of the amount that are told of, in per cent."""
_CLOSE_S: Final = 5.0

log = structlog.get_logger()


@contextmanager
def watching(services: Services) -> Iterator[None]:
    """Look once a minute, for as long as the block runs."""
    ends = threading.Event()

    def run() -> None:
        while not ends.wait(EVERY_S):
            try:
                look(services)
            except Exception as error:  # noqa: BLE001 - whatever fails now, it must be looked afterwards
                log.warning("amounts of transfer cannot be looked at now", error=str(error))

    thread = threading.Thread(target=run, name="teig-transfer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join(_CLOSE_S)


def look(services: Services) -> None:
    """Write the events that are due, and begin to limit or free whoever is not as the amount of this month says."""
    month = month_of(services.now())
    if services.db.read(lambda connection: _due(connection, month, services.now())):
        for event in services.db.update(lambda connection: _written(connection, month, services.now())):
            log.info("event", guest=event.name, kind=event.kind, text=event.text)
    since = services.now() - AGAIN_S
    for guest in services.db.read(lambda connection: transfer_amounts.wrongly_held(connection, month, since)):
        try:
            guests.limit(services, guest, month)
        except TeigError as error:
            log.info("a guest cannot be held to its amount of transfer now", guest=guest, error=str(error))


def _due(connection: sa.Connection, month: str, now: float) -> list[Event]:
    """Return the events that are due and not written."""
    found = []
    for percent in MARKS:
        kind = f"transfer_{percent}"
        for reached in transfer_amounts.reached(connection, month, percent, kind):
            text = _text(month, percent, reached.amount)
            found.append(Event(reached.guest, reached.name, kind, now, text))
    return found


def _written(connection: sa.Connection, month: str, now: float) -> list[Event]:
    return [event for event in _due(connection, month, now) if events.add_once(connection, event, month)]


def _text(month: str, percent: int, amount: TransferAmount) -> str:
    size = show_size(amount.amount_bytes)
    if percent < 100:
        return f"It has sent and received {percent} % of the {size} that its plan has for {month}."
    slow = f"{amount.past_kbit / 1000:g} Mbit/s"
    what = {
        PastTransfer.NOTHING: "goes on as before",
        PastTransfer.SLOW: f"is to send and receive no more than {slow} until the month ends",
        PastTransfer.CUT: "is to be cut off until the month ends",
    }[amount.past]
    return f"It has sent and received the {size} that its plan has for {month}, and {what}."
