"""Tells the name server which names addresses have, until it knows: it may be away, and servers may be started anew.

What is to be told is in the database. While the name server does not answer, it is asked after growing pauses; what it
refuses holds up no other name, and is tried again after growing pauses of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import structlog

from teig.control.services import Services
from teig.fleet.name_server import NameServer
from teig.model.errors import TeigError, Unreachable
from teig.store import reverse_names
from teig.store.reverse_names import Due

log = structlog.get_logger()
LOOK_S = 2.0
AWAY_S: Final = (5.0, 300.0)
"""How long a name server that does not answer is left alone, at first and at the most."""
AT_ONCE: Final = 50
CLOSE_S: Final = 2.0


@contextmanager
def telling(services: Services) -> Iterator[None]:
    """Tell the name server, if there is one, for as long as the block runs."""
    if services.name_server is None:
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=_run, args=(services, services.name_server, stop), name="teig-names", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(CLOSE_S)


def _run(services: Services, name_server: NameServer, stop: threading.Event) -> None:
    away_s = 0.0
    while not stop.wait(away_s or LOOK_S):
        try:
            while not stop.is_set() and tell_due(services, name_server):
                away_s = 0.0
        except Unreachable as error:
            if not away_s:
                log.warning("the name server does not answer", error=str(error))
            away_s = min(AWAY_S[1], 2 * away_s or AWAY_S[0])
        except Exception as error:  # noqa: BLE001 - whatever fails now, names must be told afterwards
            log.warning("names cannot be told now", error=str(error))


def tell_due(services: Services, name_server: NameServer) -> int:
    """Tell what is due now, and return how much that was; Unreachable where the name server does not answer."""
    found = services.db.read(partial(reverse_names.due, now=services.now(), most=AT_ONCE))
    for one in found:
        if services.db.update(partial(reverse_names.claim, one=one, now=services.now())):
            _tell(services, name_server, one)
    return len(found)


def _tell(services: Services, name_server: NameServer, one: Due) -> None:
    try:
        name_server.tell(one.address, one.name)
    except TeigError as error:
        away = isinstance(error, Unreachable)
        if not away and not one.tries:
            log.warning("the name server refuses a name", address=one.address, error=str(error))
        failed = partial(reverse_names.failed, one=one, error=error.message, now=services.now(), away=away)
        services.db.update(failed)
        if away:
            raise
    else:
        services.db.update(partial(reverse_names.told, one=one))
