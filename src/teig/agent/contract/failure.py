"""The one error that the agent reports: the record that `teig.model.errors.from_record` reads at the other end."""

from __future__ import annotations

import errno

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What Linux says where a file system is full, or who writes has used up what it may."""


class Failure(Exception):
    """What happened, to what and why (`message`) and what to do (`todo`); `kind` and `code` are for programs.

    `kind` is one of teig.model.errors: invalid, not_found, conflict, busy, fenced, host_fault, image_corrupt, internal.
    """

    def __init__(self, kind: str, message: str, todo: str = "", *, code: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.todo = todo
        self.code = code or kind

    def as_record(self) -> dict[str, str]:
        """Return the error as it travels."""
        return {"kind": self.kind, "code": self.code, "message": self.message, "todo": self.todo}


def invalid(message: str, *, code: str = "") -> Failure:
    """Return the error of a request that can never be carried out."""
    return Failure("invalid", message, code=code)


def host_fault(code: str, message: str, todo: str = "") -> Failure:
    """Return the error of a host that could not do what it was asked to."""
    return Failure("host_fault", message, todo, code=code)


def failure_of(error: Exception) -> Failure:
    """Return the Failure that an error of any kind is reported as."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return Failure(
            "host_fault",
            f"The host could not do it: {error}.",
            "Make room there: df on the host shows its file systems, and lvs thin pools.",
            code="host_full",
        )
    if isinstance(error, OSError):
        return Failure("host_fault", f"The host could not do it: {error}.", code="host_os")
    return Failure(
        "internal", f"The agent failed: {type(error).__name__}: {error}.", "Report this to Teig's makers.", code="agent"
    )
