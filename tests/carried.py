"""A host whose jobs are waited for: each call returns when its work has ended, and raises what it failed with."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from teig.fleet.driver import Claim, Host
from teig.model.errors import HostFault, from_record
from teig.model.image import Image
from teig.model.job import Job, JobState
from teig.model.names import GuestId
from teig.policy.placement import PlacementDecision

POOL = "vg0"
JOB_S = 600.0
GONE_S = 60.0
"""How long no domain is seen of a guest before it counts as gone: one that reboots is made anew by an emulated xl."""
LOOK_S = 1.0
"""How often an emulated host is asked: each question takes of the time in which it could go on."""


class CarriedHost:
    """The driver's calls, with jobs carried to their end; volumes are made in the lab's only group."""

    def __init__(self, host: Host) -> None:
        self.driver = host

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.driver, name)

        def carried(*args: Any, **kwargs: Any) -> Any:
            more = (POOL,) if name == "volume_create" else ()
            found = call(*args, *more, **kwargs)
            return self.carry(args[0], found) if isinstance(found, Job) else found

        return carried

    def image_put(self, decision: PlacementDecision, image: Image, folder: Path) -> None:
        self.driver.image_put(decision, image, folder, lambda: None)

    def carry(self, claim: Claim, job: Job) -> Any:
        deadline = time.monotonic() + JOB_S
        while job.state is JobState.RUNNING:
            assert time.monotonic() < deadline, f"the job has not ended: {job}"
            time.sleep(LOOK_S)
            job = self.driver.job(claim)
        if job.error is not None:
            raise from_record(job.error)
        return job.result.get("domid")

    def guest_wait_ready(self, guest: GuestId, port: int, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        last_seen = time.monotonic()
        while not (found := self.driver.guest(guest)).answers:
            now = time.monotonic()
            last_seen = now if found.domid is not None else last_seen
            if now - last_seen > GONE_S:
                raise HostFault(f"Guest {guest} stopped before it answered.", code="guest_died")
            if now > deadline:
                raise HostFault(f"Guest {guest} does not answer on port {port}.", code="guest_not_ready")
            time.sleep(2 * LOOK_S)
