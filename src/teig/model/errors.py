"""Every error that Teig raises on purpose, split by who must act.

    TeigError
    ├── CallerError            the caller must ask for something else
    │   ├── InvalidRequest     a value is impossible            exit 2
    │   ├── TooLarge           it is more than anybody sends    exit 2
    │   ├── NotFound           it names nothing                 exit 1
    │   ├── Conflict           it is taken, or in the wrong state  exit 1
    │   └── Refused            policy says no (admission, residency, access)  exit 4
    ├── RetryError             the same call may work later
    │   ├── Unreachable        nothing answered                 exit 3
    │   ├── Busy               something else holds it          exit 1
    │   └── Fenced             a newer owner has taken over     exit 1
    └── OperatorError          a person must mend something
        ├── HostFault          the host could not do it         exit 1
        ├── HostUntrusted      the host is not who it was       exit 3
        ├── DatabaseFault      the server's database fails it   exit 1
        │   └── DatabaseDown   it does not answer               exit 3
        ├── ImageCorrupt       the bytes are not the promised ones  exit 1
        ├── MissingProgram     something must be installed      exit 1
        ├── LabFault           the lab could not do it          exit 1
        └── InternalFault      Teig itself is at fault          exit 1

An error says what happened to what and why (`message`) and what to do (`todo`). `code` names the case for programs and
never changes. Errors of other libraries and of the agent are translated where they enter.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from teig.agent.contract.arguments import NO_TEXT

MOST_TEXT: Final = 4096
"""Characters of an error's message that are kept."""


class TeigError(Exception):
    """What happened, to what, why, and what to do."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, todo: str = "", *, code: str | None = None) -> None:
        """Take one whole sentence of what happened, one of what to do, and a narrower code than the class's own."""
        super().__init__(message)
        self.message = message
        self.todo = todo
        self.reason = code or self.code

    def __str__(self) -> str:
        """Return the sentence for a person, with what to do behind it."""
        return f"{self.message} {self.todo}".strip()

    def as_record(self) -> dict[str, Any]:
        """Return the error as plain values, to be stored or sent; `from_record` is the way back."""
        return {"kind": self.code, "code": self.reason, "message": self.message, "todo": self.todo}


class CallerError(TeigError):
    """The caller must ask for something else."""


class InvalidRequest(CallerError):
    """A value is impossible, whatever the state of the world."""

    code = "invalid"
    exit_code = 2
    http_status = 422


class TooLarge(CallerError):
    """It is more than anybody means to send."""

    code = "too_large"
    exit_code = 2
    http_status = 413


class NotFound(CallerError):
    """The name stands for nothing."""

    code = "not_found"
    http_status = 404


class Conflict(CallerError):
    """The name is taken, or the thing is in a state that does not allow it."""

    code = "conflict"
    http_status = 409


class Refused(CallerError):
    """Policy says no: admission, residency or access."""

    code = "refused"
    exit_code = 4
    http_status = 403


class RetryError(TeigError):
    """The same call may work later."""


class Unreachable(RetryError):
    """Nothing answered at the other end."""

    code = "unreachable"
    exit_code = 3
    http_status = 502


class Busy(RetryError):
    """Another operation holds what this one needs."""

    code = "busy"
    http_status = 409


class Fenced(RetryError):
    """A newer owner has taken over; this one must not act any more."""

    code = "fenced"
    http_status = 409


class OperatorError(TeigError):
    """A person must mend something."""


class HostFault(OperatorError):
    """The host could not do what it was asked to."""

    code = "host_fault"


class HostUntrusted(OperatorError):
    """The host did not prove that it is the one that was enrolled."""

    code = "host_untrusted"
    exit_code = 3
    http_status = 502


class DatabaseFault(OperatorError):
    """The server's own database does not answer, or cannot write."""

    code = "database"
    http_status = 503


class DatabaseDown(DatabaseFault):
    """The server's own database does not answer."""

    code = "database_down"
    exit_code = 3


class ImageCorrupt(OperatorError):
    """An image's bytes are not the ones its checksum promises."""

    code = "image_corrupt"


class MissingProgram(OperatorError):
    """A program or package that is needed is not installed."""

    code = "missing_program"


class LabFault(OperatorError):
    """The lab could not build, boot or stop what it was asked to."""

    code = "lab_fault"


class InternalFault(OperatorError):
    """Teig did something it must not; the log tells more."""

    code = "internal"


_KINDS: Final[dict[str, type[TeigError]]] = {
    kind.code: kind
    for kind in (
        InvalidRequest, TooLarge, NotFound, Conflict, Refused, Unreachable, Busy, Fenced,
        HostFault, HostUntrusted, DatabaseFault, DatabaseDown, ImageCorrupt, MissingProgram, LabFault, InternalFault,
    )
}  # fmt: skip


def from_record(record: dict[str, Any]) -> TeigError:
    """Return the error that `as_record` wrote down; an unknown kind becomes an InternalFault with the same words."""
    kind = _KINDS.get(str(record.get("kind")), InternalFault)
    message, todo, code = (_plain(record.get(field)) for field in ("message", "todo", "code"))
    return kind(message, todo, code=code or None)


def _plain(untrusted: object) -> str:
    """Return a text that can be stored and shown wherever it comes from: hosts say what programs there have said."""
    text = "" if untrusted is None else str(untrusted)[:MOST_TEXT]
    return NO_TEXT.sub(lambda found: found[0] if found[0] in "\n\t" else "?", text)
