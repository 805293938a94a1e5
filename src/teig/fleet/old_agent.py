"""Jobs on a host whose agent knows none: it does such work while its caller waits, as the first agents did.

What came of it is kept in memory for as long as the server runs, so that it can be asked after like a job. It cannot be
cancelled. This can go when no host has such an agent any more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from teig.fleet.driver import Claim
from teig.model.errors import NotFound, RetryError, TeigError
from teig.model.job import Job, JobState
from teig.model.names import GuestId

Ask = Callable[[str, dict[str, Any], float], dict[str, Any]]
"""Asks the agent for a verb with arguments, within a number of seconds."""

SHORT_S: Final = 60.0
START_S: Final = 420.0
STOP_S: Final = 240.0
SLOWEST_DISK: Final = 4 << 20
"""Bytes a second that a host's disks are expected to wipe at the least; deadlines follow from it."""
MOST_VOLUME: Final = 1 << 40
_UNKNOWN: Final = {"volume_create": {"pool"}}
"""Arguments that the first agents do not take: they put a volume into their largest volume group."""


class BlockingJobs:
    """The newest job of each guest of one host."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._newest: dict[GuestId, Job] = {}
        self._lock = threading.Lock()

    def begin(self, claim: Claim, verb: str, args: dict[str, Any], size_bytes: int | None = None) -> Job:
        """Do the work and return the job, which has ended. `size_bytes` is how much it writes, if that is known.

        Raises what a call raises that could not begin: Fenced, Busy, Unreachable. Then nothing is known of a job.
        """
        self._keep(claim.guest, Job(verb, JobState.RUNNING))
        known = {name: value for name, value in args.items() if name not in _UNKNOWN.get(verb, ())}
        job: Job | None = None
        timeout_s = _time_s(verb, args, size_bytes or MOST_VOLUME)
        try:
            result = self._ask(verb, {"guest": claim.guest, "fence": claim.fence, **known}, timeout_s)
            job = Job(verb, JobState.DONE, result=result)
        except RetryError:
            raise
        except TeigError as error:
            job = Job(verb, JobState.FAILED, error=error.as_record())
        finally:
            self._keep(claim.guest, job)
        return job

    def newest(self, guest: GuestId) -> Job:
        """Return the newest job of a guest; NotFound where this server began none."""
        with self._lock:
            job = self._newest.get(guest)
        if job is None:
            raise NotFound(f"Nobody knows of a job of guest {guest}.", code="no_job")
        return job

    def forget(self, guest: GuestId) -> None:
        """Forget a guest that is gone."""
        self._keep(guest, None)

    def _keep(self, guest: GuestId, job: Job | None) -> None:
        with self._lock:
            self._newest.pop(guest, None)
            if job is not None:
                self._newest[guest] = job


def _time_s(verb: str, args: dict[str, Any], size_bytes: int) -> float:
    """Return how long a verb may take, in seconds."""
    grace_s = float(args.get("grace_s", 0.0))
    return {
        "guest_start": START_S,
        "guest_stop": grace_s + STOP_S,
        "guest_reboot": grace_s + STOP_S + START_S,
    }.get(verb, SHORT_S + size_bytes / SLOWEST_DISK)
