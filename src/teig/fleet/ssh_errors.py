"""What asyncssh and the operating system raise, as Teig's own errors: one table, and nothing falls through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import asyncssh

from teig.fleet.driver import HostAddress
from teig.model.errors import HostFault, HostUntrusted, InternalFault, TeigError, Unreachable

Translate = Callable[[HostAddress, BaseException], TeigError]


def _unreachable(host: HostAddress, error: BaseException) -> TeigError:
    return Unreachable(
        f"Host {host.name} does not answer at {host.address} port {host.port}: {_words(error)}.",
        "Look whether it runs and is reachable from the server.",
    )


def _untrusted(host: HostAddress, error: BaseException) -> TeigError:
    return HostUntrusted(
        f"Host {host.name} did not prove that it is the one that was added: {_words(error)}.",
        "Find out why. If it was set up anew, run `teig host add` for it again.",
    )


def _key_refused(host: HostAddress, error: BaseException) -> TeigError:
    return HostFault(
        f"Host {host.name} does not let the server in: {_words(error)}.",
        "Run `teig host add` for it again: that installs the agent and the server's key.",
        code="key_refused",
    )


def _no_ssh(host: HostAddress, error: BaseException) -> TeigError:
    return HostFault(
        f"Host {host.name} and the server have no way to talk SSH: {_words(error)}.",
        "Look at the algorithms that its sshd allows.",
        code="ssh_mismatch",
    )


def _fault(host: HostAddress, error: BaseException) -> TeigError:
    return InternalFault(f"The connection to host {host.name} was used wrongly: {type(error).__name__}: {error}.")


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError | asyncssh.TimeoutError) and not str(error):
        return "it is silent"
    return (str(error) or type(error).__name__).rstrip(".")


TABLE: Final[dict[type[BaseException], Translate]] = {
    asyncssh.HostKeyNotVerifiable: _untrusted,
    asyncssh.PermissionDenied: _key_refused,
    asyncssh.IllegalUserName: _key_refused,
    asyncssh.PasswordChangeRequired: _key_refused,
    asyncssh.KeyExchangeFailed: _no_ssh,
    asyncssh.ProtocolNotSupported: _no_ssh,
    asyncssh.ServiceNotAvailable: _no_ssh,
    asyncssh.ProtocolError: _unreachable,
    asyncssh.MACError: _unreachable,
    asyncssh.CompressionError: _unreachable,
    asyncssh.ConnectionLost: _unreachable,
    asyncssh.DisconnectError: _unreachable,
    asyncssh.ChannelOpenError: _unreachable,
    asyncssh.TimeoutError: _unreachable,
    asyncssh.ProcessError: _unreachable,
    asyncssh.SignalReceived: _unreachable,
    asyncssh.BreakReceived: _unreachable,
    asyncssh.TerminalSizeChanged: _fault,
    asyncssh.ChannelListenError: _fault,
    asyncssh.ConfigParseError: _fault,
    asyncssh.KeyImportError: _fault,
    asyncssh.KeyExportError: _fault,
    asyncssh.KeyEncryptionError: _fault,
    asyncssh.KeyGenerationError: _fault,
    asyncssh.SFTPError: _fault,
    EOFError: _unreachable,
    OSError: _unreachable,
    TimeoutError: _unreachable,
    UnicodeError: _unreachable,  # a name that DNS cannot have
}
FOREIGN: Final[tuple[type[BaseException], ...]] = (asyncssh.Error, *TABLE)
"""What `except` clauses at the border to asyncssh name."""


def translated(host: HostAddress, error: BaseException) -> TeigError:
    """Return the error of ours that stands for a foreign one."""
    if isinstance(error, TeigError):
        return error
    for kind in type(error).__mro__:
        if kind in TABLE:
            return TABLE[kind](host, error)
    return _fault(host, error)
