"""Whether a look at a host tells anything new: most do not, and are only stamped, not judged again.

Judging is most of what a large fleet costs a server: it reads and checks every guest of the host. It depends on what
the host tells but for figures that pass, and on a few rows. So a digest of both is remembered. It is good as long as
the host's row has the stamp of the look that it belongs to: whoever has stored another one since, which may have been
another server, the next look is judged. In memory, for another release judges in another way.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from typing import Any, Final, NamedTuple

from teig.model.host import HostFacts
from teig.record import text
from teig.store.basis import Basis
from teig.store.hosts import StoredHost
from teig.store.observations import PASSING, Seen, Stamp

JUDGED_S: Final = 600.0
"""How long a host is not judged again at most (at least half of it): so what somebody has damaged is put right."""
_PASSING: Final[Any] = {"uptime_ns": True, "guests": {"__all__": PASSING}}


class Looks:
    """What the last looks of this server were judged by, for each host. Times: seconds since 1970."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._judged: dict[str, _Judged] = {}
        self._lock = threading.Lock()
        """For what changes; who only reads finds what was there before or after."""

    def digest(self, host: StoredHost, seen: Seen, basis: Basis) -> bytes:
        """Return a digest of all that a look is judged by."""
        parts = [text(_lasting(seen.facts)), text(seen.inventory, _PASSING), repr(host).encode()]
        parts += [part.encode() for part in basis.texts()]
        found = hashlib.blake2b(digest_size=16)
        for part in parts:
            found.update(len(part).to_bytes(8, "big") + part)
        return found.digest()

    def is_known(self, host: StoredHost, digest: bytes, stored: Stamp | None, seen: Seen) -> bool:
        """Return whether what is `stored` of a host was judged here, by the same, and lately enough."""
        judged = self._judged.get(host.id)
        if stored is None or judged is None or judged.seen_at > seen.seen_at or seen.seen_at >= judged.until:
            return False
        return (judged.digest, judged.stamp) == (digest, stored)

    def judged(self, host: StoredHost, before: bytes, after: bytes, seen: Seen) -> None:
        """Remember a look that was judged, if that has changed nothing that it was judged by.

        It counts when it is stored, so this may come before the commit.
        """
        now = seen.seen_at
        with self._lock:
            self._judged = {ident: known for ident, known in self._judged.items() if now < known.until}
            if before == after:
                apart = JUDGED_S * (1 - before[0] / 512)  # so that hosts which were seen at once are not judged at once
                self._judged[host.id] = _Judged(before, Stamp.of(seen), now, now + apart)

    def stamped(self, host: StoredHost, seen: Seen) -> None:
        """Remember that another look was the same; it is stored in the same transaction."""
        with self._lock:
            known = self._judged.get(host.id)
            if known is not None:
                self._judged[host.id] = known._replace(stamp=Stamp.of(seen))


class _Judged(NamedTuple):
    """What a look was judged by, the stamp of the newest one that was the same, and from when to when it is good."""

    digest: bytes
    stamp: Stamp
    seen_at: float
    until: float


def _lasting(facts: HostFacts) -> HostFacts:
    """Return facts without figures that pass and nothing is judged by."""
    return replace(facts, uptime_ns=0, free_memory_mib=0, keeper_beat=0.0 if facts.kept else facts.keeper_beat)
