"""Guests: what people ask of them.

A request that changes something checks it, writes the promise and the operation in one transaction, and hands the
operation to the engine. Reading asks the guest's host: what is shown as live came from the hypervisor.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa

from teig.control import hosts as host_desk
from teig.control import images as image_desk
from teig.control import plans, sites
from teig.control.services import Services
from teig.fleet.driver import HostAddress
from teig.model.errors import Conflict, InvalidRequest, NotFound, Refused, TeigError
from teig.model.guest import MOST_NICS, Disk, GuestSpec, GuestState, GuestType, Nic, OnCrash, check_ssh_key
from teig.model.host import GuestOnHost
from teig.model.image import Image
from teig.model.names import GuestId, OperationId, check_name
from teig.model.operation import Operation, OperationState
from teig.model.plan import Plan
from teig.model.site import Site
from teig.model.units import MIB
from teig.operations.work import address_of
from teig.policy.admission import Demand, promised_to, refusal
from teig.policy.drift import figures
from teig.policy.placement import decide
from teig.record import dump
from teig.store import guests, hosts, operations
from teig.store.guests import Phase, StoredGuest
from teig.store.hosts import StoredHost
from teig.store.operations import Turn
from teig.xen.scheduler import cap_for, weight_for


@dataclass(frozen=True)
class Wish:
    """What somebody wants a new guest to be; `disks` are further disks in bytes.

    `nics` is the number of network cards, None for as many as the plan has addresses.
    """

    name: str
    plan: str
    image: str
    site: str | None
    host: str | None
    type: GuestType
    disks: tuple[int, ...]
    nics: int | None
    ssh_keys: tuple[str, ...]
    on_crash: OnCrash = OnCrash.RESTART


@dataclass(frozen=True)
class GuestView:
    """A guest, where it is, and what its host said of it (None: nothing, or no answer)."""

    guest: StoredGuest
    host: StoredHost
    on_host: GuestOnHost | None
    state: GuestState


def create(services: Services, wish: Wish) -> Operation:
    """Promise a guest and begin to make it. Raises what stands against it: bad values, names taken, no room."""
    check_name("guest", wish.name)
    plan = plans.named(services, wish.plan)
    image = image_desk.named(services, wish.image).image
    site = sites.chosen(services, wish.site)
    _check_fit(wish, plan, image)
    candidates = _reachable(services, site, wish)
    guest_id, operation_id = GuestId(_uuid(services)), _operation_id(services)
    disks = tuple(Disk(index, size) for index, size in enumerate((plan.disk_bytes, *wish.disks)))
    demand = _demand(plan, disks, wish.type)

    def reserve(connection: sa.Connection) -> Operation:
        there = hosts.candidates(connection, candidates)
        decision = decide(guest_id, demand, site.name, there, wish.host)
        nics = _nics(connection, services, site, wish.nics or plan.addresses)
        spec = _spec(guest_id, wish, plan, site, image, disks, nics)
        operation = _operation(operation_id, "guest_create", wish.name, decision.host, services.now())
        guests.add(connection, StoredGuest(decision.host, spec, Phase.CREATING, 1, operation_id, services.now()))
        operations.add(connection, operation, guest_id, {})
        return operation

    return _submitted(services, operation_id, reserve)


def start(services: Services, name: str) -> Operation:
    """Begin to start a guest; on one that runs already this does nothing."""
    return _begin(services, name, "guest_start", {})


def stop(services: Services, name: str, grace_s: float) -> Operation:
    """Begin to stop a guest: asked to shut down, and destroyed after `grace_s` seconds (0: at once)."""
    return _begin(services, name, "guest_stop", {"grace_s": grace_s})


def reboot(services: Services, name: str, grace_s: float) -> Operation:
    """Begin to reboot a guest, with the same grace."""
    return _begin(services, name, "guest_reboot", {"grace_s": grace_s})


def mend(services: Services, name: str) -> Operation:
    """Begin to make a guest on its host what it is entitled to again."""
    return _begin(services, name, "guest_mend", {})


def resize(services: Services, name: str, plan_name: str) -> Operation:
    """Begin to give a guest another plan on its host.

    Weight, cap and disk rates hold at once; memory, vCPUs, cores of its own and a larger first disk from the next
    start. A disk is never made smaller. Refused where the host has no room for the difference.
    """
    plan = plans.named(services, plan_name)
    operation_id = _operation_id(services)

    def work(connection: sa.Connection) -> Operation:
        guest = guests.named(connection, name)
        host = hosts.by_id(connection, guest.host)
        spec = _resized(guest.spec, plan)
        others = hosts.candidate(connection, host)
        others = replace(others, promised=others.promised - promised_to(guest.spec))
        why = refusal(others, _demand(plan, spec.disks, spec.type))
        if why is not None:
            raise Refused(f"Host {host.name} has no room for plan {plan.name}. {host.name}: {why}.", code="no_room")
        operation = _claim(connection, guest, operation_id, "guest_resize", {"before": dump(guest.spec)}, services)
        guests.respecify(connection, spec, before=guest.spec)
        return operation

    return _submitted(services, operation_id, work)


def delete(services: Services, name: str, force: bool) -> Operation:
    """Begin to delete a guest and its disks; Conflict while it is meant to run, unless `force`."""
    guest = services.db.read(lambda connection: guests.named(connection, name))
    if guest.phase is Phase.RUNNING and not force:
        raise Conflict(
            f"Guest {name} is running.",
            f"Stop it first (teig guest stop {name}), or use --force.",
            code="guest_running",
        )
    return _begin(services, name, "guest_delete", {})


def listed(services: Services) -> list[GuestView]:
    """Return all guests by name, each as its host sees it now."""
    known = services.db.read(guests.listed)
    stored = {host.id: host for host in services.db.read(hosts.listed)}
    wanted = [host for host in stored.values() if any(guest.host == host.id for guest in known)]
    seen = host_desk.inventories(services, wanted)
    views = []
    for guest in known:
        inventory = seen[guest.host]
        on_host = next((found for found in inventory.guests if found.id == guest.id), None) if inventory else None
        views.append(GuestView(guest, stored[guest.host], on_host, _state(guest, inventory is not None, on_host)))
    return views


def view(services: Services, name: str) -> GuestView:
    """Return one guest as its host sees it now."""
    guest, host = _with_host(services, name)
    answers, on_host = True, None
    try:
        on_host = services.fleet.host(address_of(host)).guest(guest.id)
    except NotFound:
        pass
    except TeigError:
        answers = False
    return GuestView(guest, host, on_host, _state(guest, answers, on_host))


def drift(guest: GuestView) -> list[dict[str, Any]]:
    """Return the figures in which plan, host and hypervisor differ: field, entitled, set, live."""
    return figures(asdict(guest.guest.spec.entitled), guest.on_host)


def endpoint(services: Services, name: str) -> tuple[HostAddress, GuestId]:
    """Return where a guest's ports and console are reached."""
    guest, host = _with_host(services, name)
    return address_of(host), guest.id


def _with_host(services: Services, name: str) -> tuple[StoredGuest, StoredHost]:
    def work(connection: sa.Connection) -> tuple[StoredGuest, StoredHost]:
        guest = guests.named(connection, name)
        return guest, hosts.by_id(connection, guest.host)

    return services.db.read(work)


def _begin(services: Services, name: str, kind: str, params: dict[str, Any]) -> Operation:
    operation_id = _operation_id(services)

    def work(connection: sa.Connection) -> Operation:
        return _claim(connection, guests.named(connection, name), operation_id, kind, params, services)

    return _submitted(services, operation_id, work)


def _claim(
    connection: sa.Connection,
    guest: StoredGuest,
    operation_id: OperationId,
    kind: str,
    params: dict[str, Any],
    services: Services,
) -> Operation:
    """Give a guest to a new operation and write that down."""
    guests.claim(connection, guest, operation_id)
    if guest.phase is Phase.DELETING and kind != "guest_delete":
        raise Conflict(
            f"Guest {guest.name} is half deleted.", f"Finish it: teig guest delete {guest.name}", code="deleting"
        )
    operation = _operation(operation_id, kind, guest.name, guest.host, services.now())
    operations.add(connection, operation, guest.id, params)
    return operation


def _submitted(services: Services, operation_id: OperationId, work: Callable[[sa.Connection], Operation]) -> Operation:
    """Write an operation down in one transaction and begin it."""
    again = False

    def once(connection: sa.Connection) -> tuple[Operation, Turn | None]:
        nonlocal again
        known = operations.find(connection, operation_id) if again else None
        again = True
        if known is not None:  # the connection broke when it was committed already
            return known, None
        operation = work(connection)
        return operation, services.engine.claim(connection, operation)

    operation, turn = services.db.write(once)
    services.engine.begin(turn)
    return operation


def _operation_id(services: Services) -> OperationId:
    return OperationId(_uuid(services))


def _uuid(services: Services) -> str:
    return str(uuid.UUID(bytes=services.random_bytes(16), version=4))


def _resized(spec: GuestSpec, plan: Plan) -> GuestSpec:
    first, *others = spec.disks
    grown = replace(first, size_bytes=max(first.size_bytes, plan.disk_bytes))
    return replace(spec, **_promised(plan), disks=(grown, *others))


def _check_fit(wish: Wish, plan: Plan, image: Image) -> None:
    manifest = image.manifest
    if plan.memory_mib < manifest.min_memory_mib:
        raise InvalidRequest(
            f"Image {manifest.name} needs {manifest.min_memory_mib} MiB of memory and plan {plan.name} has "
            f"{plan.memory_mib}.",
            "Choose a larger plan.",
            code="plan_too_small",
        )
    if plan.disk_bytes < manifest.min_disk_mib * MIB:
        raise InvalidRequest(
            f"Image {manifest.name} needs a disk of {manifest.min_disk_mib} MiB and plan {plan.name} has "
            f"{plan.disk_bytes // MIB}.",
            "Choose a larger plan.",
            code="plan_too_small",
        )
    if wish.ssh_keys and not manifest.ssh:
        raise InvalidRequest(
            f"Image {manifest.name} has no SSH server: a key would do nothing.",
            "Leave the key out and use teig guest console, or take an image that has one.",
            code="no_ssh",
        )
    if wish.nics is not None and not 1 <= wish.nics <= MOST_NICS:
        raise InvalidRequest(f"A guest has between 1 and {MOST_NICS} network cards.", "Ask for as many.")
    for key in wish.ssh_keys:
        check_ssh_key(key)


def _reachable(services: Services, site: Site, wish: Wish) -> list[StoredHost]:
    """Return the hosts that may take the guest; where none of them answers, raise why."""
    there = [
        host for host in services.db.read(hosts.listed) if host.site == site.name and wish.host in {None, host.name}
    ]
    seen = host_desk.refresh(services, there, host_desk.FRESH_S)
    answering = [look.host for look in seen if look.error is None]
    if seen and not answering and seen[0].error is not None:
        raise seen[0].error
    return answering


def _nics(connection: sa.Connection, services: Services, site: Site, count: int) -> tuple[Nic, ...]:
    taken = guests.taken_macs(connection)
    nics: list[Nic] = []
    for address in guests.free_addresses(connection, site, count):
        mac = _mac(services.random_bytes(3))
        while mac in taken:
            mac = _mac(services.random_bytes(3))
        taken.add(mac)
        nics.append(Nic(mac, site.bridge, address, site.gateway))
    return tuple(nics)


def _mac(chance: bytes) -> str:
    """Return a MAC address in Xen's own range (OUI 00:16:3e), in its half for guests."""
    return f"00:16:3e:{chance[0] & 0x7F:02x}:{chance[1]:02x}:{chance[2]:02x}"


def _demand(plan: Plan, disks: tuple[Disk, ...], guest_type: GuestType) -> Demand:
    return Demand(
        memory_mib=plan.memory_mib,
        vcpus=plan.vcpus,
        disk_bytes=sum(disk.size_bytes for disk in disks),
        share_cores=plan.share_cores,
        disk_rate=plan.disk_rate,
        pool=plan.pool,
        guest_type=guest_type,
    )


def _spec(
    guest_id: GuestId, wish: Wish, plan: Plan, site: Site, image: Image, disks: tuple[Disk, ...], nics: tuple[Nic, ...]
) -> GuestSpec:
    return GuestSpec(
        id=guest_id,
        name=wish.name,
        type=wish.type,
        site=site.name,
        image=image.id,
        disks=disks,
        nics=nics,
        ssh_keys=wish.ssh_keys,
        on_crash=wish.on_crash,
        **_promised(plan),
    )


def _promised(plan: Plan) -> dict[str, Any]:
    """Return the fields of a guest's spec that its plan says."""
    return {
        "plan": plan.name,
        "memory_mib": plan.memory_mib,
        "vcpus": plan.vcpus,
        "share_cores": plan.share_cores,
        "ceiling_cores": plan.ceiling_cores,
        "weight": weight_for(plan.share_cores, plan.vcpus),
        "cap": cap_for(plan.ceiling_cores, plan.vcpus),
        "disk_rate": plan.disk_rate,
        "out_kbit": plan.out_kbit,
        "in_kbit": plan.in_kbit,
        "own_cores": plan.own_cores,
    }


def _operation(operation: OperationId, kind: str, subject: str, host: str, now: float) -> Operation:
    return Operation(operation, kind, subject, host, OperationState.QUEUED, (), None, now, None)


def _state(guest: StoredGuest, answers: bool, on_host: GuestOnHost | None) -> GuestState:
    if guest.phase in {Phase.CREATING, Phase.DELETING}:
        return GuestState(guest.phase.value)
    if not answers:
        return GuestState.UNKNOWN
    if on_host is not None and on_host.state == "crashed":
        return GuestState.CRASHED
    if on_host is not None and on_host.domid is not None:
        return GuestState.RUNNING
    return GuestState.STOPPED if guest.phase is Phase.STOPPED else GuestState.MISSING
