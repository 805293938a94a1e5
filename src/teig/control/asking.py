"""Asking a host in a request's own thread, for what is shown live.

Few are asked at a time: those that do not answer would take all the threads that there are for requests. Who finds no
place is shown what was last seen.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from teig.model.names import HostId

MOST: Final = 20
"""At all hosts together: half of the threads that the API has."""
MOST_AT_ONE: Final = 4

_lock: Final = threading.Lock()
_asked: Final[Counter[HostId]] = Counter()


@contextmanager
def place(host: HostId) -> Iterator[bool]:
    """Say whether a host may be asked now; it is counted as being asked for as long as the block runs."""
    with _lock:
        free = _asked[host] < MOST_AT_ONE and _asked.total() < MOST
        _asked[host] += free
    try:
        yield free
    finally:
        with _lock:
            _asked[host] -= free
            if not _asked[host]:
                del _asked[host]
