"""Asking hosts in a request's own thread.

Few requests do so at a time: hosts that do not answer would take all the threads that there are for requests. Who finds
no place is shown what was last seen, or is told to try again.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from teig.model.errors import Busy

MOST: Final = 20
"""Of all together: half of the threads that the API has."""
MOST_AT_ONE: Final = 4

_lock: Final = threading.Lock()
_asked: Final[Counter[str]] = Counter()


@contextmanager
def place(what: str) -> Iterator[bool]:
    """Say whether a host (by its id) or several (by one word for them) may be asked now.

    It is counted as being asked for as long as the block runs.
    """
    with _lock:
        free = _asked[what] < MOST_AT_ONE and _asked.total() < MOST
        _asked[what] += free
    try:
        yield free
    finally:
        with _lock:
            _asked[what] -= free
            if not _asked[what]:
                del _asked[what]


@contextmanager
def needed(what: str, name: str) -> Iterator[None]:
    """Ask a host, or several, for what nothing stored can stand for; Busy where there is no place. `name` is shown."""
    with place(what) as free:
        if not free:
            of = name if _asked[what] >= MOST_AT_ONE else "hosts"
            raise Busy(f"Many requests wait for {of} to answer already.", "Try again later.", code="asked_enough")
        yield
