"""Whether a look at a host tells anything new: most do not, and are only stamped, not judged again.

Judging is most of what a large fleet costs a server: it reads and checks every guest of the host. It depends on what
the host tells but for figures that pass, and on a few rows. So a digest of both is remembered. It is good as long as
the host's row has the stamp of the look that it belongs to: whoever has stored another one since, which may have been
another server, the next look is judged. In memory, for another release judges in another way.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any, Final

from teig.model.host import HostFacts
from teig.record import text
from teig.store.basis import Basis
from teig.store.hosts import StoredHost
from teig.store.observations import PASSING, Seen, Stamp

_PASSING: Final[Any] = {"uptime_ns": True, "guests": {"__all__": PASSING}}


class Looks:
    """What the last looks of this server were judged by, for each host."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._judged: dict[str, tuple[bytes, Stamp]] = {}

    def digest(self, host: StoredHost, seen: Seen, basis: Basis) -> bytes:
        """Return a digest of all that a look is judged by."""
        parts = [text(_lasting(seen.facts)), text(seen.inventory, _PASSING), repr(host).encode()]
        parts += [part.encode() for part in basis.texts()]
        found = hashlib.blake2b(digest_size=16)
        for part in parts:
            found.update(len(part).to_bytes(8, "big") + part)
        return found.digest()

    def is_known(self, host: StoredHost, digest: bytes, stored: Stamp | None) -> bool:
        """Return whether what is `stored` of a host was judged here, by the same."""
        return stored is not None and self._judged.get(host.id) == (digest, stored)

    def judged(self, host: StoredHost, digest: bytes, seen: Seen) -> None:
        """Remember what a look was judged by. It counts when it is stored, so this may come before the commit."""
        self._judged[host.id] = (digest, Stamp.of(seen))


def _lasting(facts: HostFacts) -> HostFacts:
    """Return facts without figures that pass and nothing is judged by."""
    return replace(facts, uptime_ns=0, free_memory_mib=0, keeper_beat=0.0 if facts.kept else facts.keeper_beat)
