"""What a host may tell of itself and of a job."""

from __future__ import annotations

import pytest

from teig.fleet.simulated import SimulatedHost
from teig.model.errors import InvalidRequest
from teig.model.host import GuestOnHost, HostFacts, Inventory, VolumeGroup
from teig.model.job import Job
from teig.record import dump, load
from tests.model.test_model import SPEC


@pytest.mark.parametrize(
    "told",
    [
        {"verb": "guest_stop", "state": "failed"},
        {"verb": "guest_stop", "state": "done", "error": {"kind": "conflict"}},
        {"verb": "guest_stop", "state": "running", "done_bytes": -1},
    ],
)
def test_what_cannot_be_is_refused(told: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        load(Job, told)


@pytest.mark.parametrize(
    ("field", "value"),
    [("cores", -5), ("xen_memory_mib", 10**300), ("free_memory_mib", -1), ("keeper_beat", float("nan"))],
)
def test_a_host_s_figures_are_figures(field: str, value: object) -> None:
    with pytest.raises(InvalidRequest, match=field):
        load(HostFacts, {**dump(SimulatedHost("a").facts()), field: value})


def test_an_extent_has_some_bytes() -> None:
    with pytest.raises(InvalidRequest, match="extent_bytes"):
        VolumeGroup(**{**vars(SimulatedHost("a").facts().volume_groups[0]), "extent_bytes": 0})


def test_a_moment_fits_64_bits() -> None:
    with pytest.raises(InvalidRequest, match="uptime_ns"):
        load(Inventory, {"guests": [], "foreign": [], "boot": "b", "uptime_ns": 10**30})


def test_a_domain_that_is_being_made_has_no_maximum_yet() -> None:
    """As agents of earlier releases tell of it."""
    live = {**dict.fromkeys(vars(SPEC.entitled), 0), "maxmem_mib": -1}
    told = {"id": SPEC.id, "fence": 1, "spec": None, "domid": 3, "state": "running", "live": live, "volumes": []}
    assert load(GuestOnHost, told).live is not None


@pytest.mark.parametrize(("field", "value"), [("state", "running" * 3), ("domid", 2**31), ("boot", "b" * 65)])
def test_what_is_told_of_a_guest_fits_where_it_is_kept(field: str, value: object) -> None:
    """PostgreSQL would refuse the whole look at its host."""
    with pytest.raises(InvalidRequest, match=field):
        load(GuestOnHost, {**dump(GuestOnHost(SPEC.id, 1, SPEC, 7, "running", SPEC.entitled, (0,))), field: value})
