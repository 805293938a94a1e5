"""A fleet that fails where a test says: before a call reaches the host, or after the host has carried it out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from teig.fleet.driver import Fleet, HostAddress
from teig.model.errors import HostFault
from teig.model.names import HostId

STEPS = ("image_put", "volume_create", "volume_write_image", "guest_define", "guest_start")


class FaultyFleet:
    """The fleet `inner`, except that the call named `fail` raises, `when` it is "before" or "after" the real one."""

    def __init__(self, inner: Fleet) -> None:
        self.inner = inner
        self.fail: str | None = None
        self.when = "before"
        self.error: Callable[[], Exception] = lambda: HostFault("The test broke it.", "Nothing to do.")

    def host(self, address: HostAddress) -> Any:
        return _FaultyHost(self, self.inner.host(address))

    def forget(self, host: HostId) -> None:
        self.inner.forget(host)

    def close(self) -> None:
        self.inner.close()


class _FaultyHost:
    def __init__(self, fleet: FaultyFleet, inner: Any) -> None:
        self._fleet = fleet
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._inner, name)
        if name != self._fleet.fail:
            return call

        def faulty(*args: Any, **kwargs: Any) -> Any:
            if self._fleet.when == "after":
                call(*args, **kwargs)
            raise self._fleet.error()

        return faulty
