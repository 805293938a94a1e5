"""The one check that every step passes which puts a guest's bytes somewhere.

Only this module can make a `PlacementDecision`, and the drivers in `teig.fleet` refuse to write a byte without one.
What is decided today: the host is at the site that was asked for and has room (`teig.policy.admission`). Residency
joins it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from teig.model.errors import InternalFault, Refused
from teig.model.names import GuestId, HostId
from teig.policy.admission import Candidate, Demand, memory_room, refusal

_SEAL: Final = object()
MOST_TOLD: Final = 8


class PlacementDecision:
    """That one guest's bytes may be written to one host. Made by `decide` and `affirm` only."""

    __slots__ = ("guest", "host", "site")

    def __init__(self, seal: object, guest: GuestId, host: HostId, site: str) -> None:
        """Refuse to exist without the seal that only this module holds."""
        if seal is not _SEAL:
            raise InternalFault("A placement decision can only be made by teig.policy.placement.")
        self.guest = guest
        self.host = host
        self.site = site


def no_host(site: str, wanted: str | None) -> Refused:
    """Return what is to be said where a site has no hosts, or not the one that is wanted."""
    if wanted:
        return Refused(f"Host {wanted} is not at site {site}.", "Look at: teig host list", code="no_host")
    todo = f"Add one with: teig host add root@ADDRESS --site {site}"
    return Refused(f"There is no host at site {site}.", todo, code="no_host")


def decide(guest: GuestId, demand: Demand, site: str, hosts: list[Candidate], wanted: str | None) -> PlacementDecision:
    """Return where the guest goes: of the hosts at `site` with room, the one with the most free memory.

    `wanted` names the one host that the caller insists on. Raises Refused, which names for each host what it lacks.
    """
    here = [host for host in hosts if host.site == site and wanted in {None, host.name}]
    if not here:
        raise no_host(site, wanted)
    refusals = {host.name: refusal(host, demand) for host in here}
    fit = [host for host in here if refusals[host.name] is None]
    if not fit:
        raise Refused(
            f"No host at site {site} takes it. {in_words(refusals)}.", "Choose another plan or host, or add a host.",
            code="no_room",
        )  # fmt: skip
    best = max(fit, key=lambda host: (memory_room(host), host.name))
    return PlacementDecision(_SEAL, guest, best.id, site)


def in_words(refusals: Mapping[str, str | None]) -> str:
    """Return why hosts, by their names, do not take a guest; of many, the first few."""
    told = [f"{name}: {why}" for name, why in sorted(refusals.items())]
    rest = f"; and {len(told) - MOST_TOLD} more hosts" if len(told) > MOST_TOLD else ""
    return "; ".join(told[:MOST_TOLD]) + rest


class Place(Protocol):
    """A host, as far as it is a place: a Candidate is one, and so is a host's row."""

    @property
    def id(self) -> HostId:
        """The host's id."""

    @property
    def name(self) -> str:
        """The host's name."""

    @property
    def site(self) -> str:
        """The name of the site where it stands."""


def affirm(guest: GuestId, placed_on: Place, site: str) -> PlacementDecision:
    """Return the decision for a guest that holds its place already, after checking the place anew.

    Raises Refused where the host has since been moved to another site: no further byte goes there.
    """
    if placed_on.site != site:
        raise Refused(
            f"Host {placed_on.name} is at site {placed_on.site} now, and the guest was promised {site}.",
            "Move the host back, or move the guest.",
            code="wrong_site",
        )
    return PlacementDecision(_SEAL, guest, placed_on.id, site)
