"""No error of asyncssh reaches the layers above as itself."""

from __future__ import annotations

import asyncssh
import pytest

from teig.fleet.driver import HostAddress
from teig.fleet.ssh_errors import FOREIGN, TABLE, translated
from teig.model.errors import HostFault, HostUntrusted, TeigError, Unreachable
from teig.model.names import HostId

HOST = HostAddress(HostId("1"), "sv1", "192.0.2.1", 22, "ssh-ed25519 AAAA")
PUBLIC = sorted(
    (kind for kind in vars(asyncssh).values() if isinstance(kind, type) and issubclass(kind, Exception)),
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda kind: kind.__name__)
def test_every_error_of_asyncssh_is_translated(kind: type[Exception]) -> None:
    assert issubclass(kind, FOREIGN)
    if kind is not asyncssh.Error:
        assert any(parent in TABLE for parent in kind.__mro__), f"{kind.__name__} is not in TABLE"
    error = translated(HOST, kind.__new__(kind))
    assert isinstance(error, TeigError)
    assert "sv1" in error.message


def test_what_comes_of_the_common_ones() -> None:
    assert isinstance(translated(HOST, asyncssh.ConnectionLost("gone")), Unreachable)
    assert isinstance(translated(HOST, ConnectionRefusedError(111, "Connection refused")), Unreachable)
    assert isinstance(translated(HOST, asyncssh.HostKeyNotVerifiable("no")), HostUntrusted)
    denied = translated(HOST, asyncssh.PermissionDenied("no"))
    assert isinstance(denied, HostFault)
    assert denied.reason == "key_refused"
    own = Unreachable("x")
    assert translated(HOST, own) is own
