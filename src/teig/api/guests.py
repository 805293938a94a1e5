"""/v1/guests."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, StrictBool, StrictInt

from teig.api.given import Given, Name
from teig.api.operations import OperationOut, out
from teig.control import guests, transfers
from teig.control.guest_making import Wish
from teig.control.guests import GuestView
from teig.model.guest import Entitled, GuestState, GuestType, Nic, OnCrash
from teig.model.host import Dom0Time
from teig.model.transfer import MonthOfTransfer, TransferAmount
from teig.store import images
from teig.store.events import Event
from teig.store.guest_lines import GuestLine

router = APIRouter()
MOST_LISTED = 1000


class GuestCreate(BaseModel):
    """A guest that somebody wants; `disks` are further disks in bytes."""

    name: Name
    plan: Name
    image: Name
    site: Name | None = None
    host: Name | None = None
    type: GuestType = GuestType.PV
    disks: tuple[StrictInt, ...] = ()
    nics: StrictInt | None = None
    ssh_keys: tuple[str, ...] = ()
    on_crash: OnCrash = OnCrash.RESTART


class Grace(BaseModel):
    """How long a guest may take to shut down by itself, in seconds; `force` gives it no time at all."""

    grace_s: Annotated[float, Field(ge=0, le=3600)] = 60
    force: StrictBool = False

    @property
    def seconds(self) -> float:
        """What the guest gets."""
        return 0.0 if self.force else self.grace_s


class GuestOut(BaseModel):
    """A guest in a list, as it was last seen (`seen_at`, in seconds since 1970; null: never).

    `attention` says why a person should look at it, and is null where nobody need.
    """

    name: str
    id: str
    plan: str
    image: str
    host: str
    site: str
    type: GuestType
    state: GuestState
    addresses: tuple[str, ...]
    attention: str | None
    seen_at: float | None


class DiskOut(BaseModel):
    """A guest's disk by its name in the guest."""

    device: str
    size_bytes: int


class GuestDetail(GuestOut):
    """A guest with what it is entitled to, what its host is set to and what the hypervisor says, in the same fields.

    `live_now`: its host was asked and has answered just now; else all of this is what was seen at `seen_at`. `live` and
    `domid` are null while it does not run; `answers` is whether its network takes connections, null where nobody knows;
    `held` says why the keeper holds it back; `dom0_time` is null where nothing counts that. `transfer` is what it has
    sent and received in this month, `transfer_amount` what it may, null where that is as much as it likes; `events`
    are the last ones of this month. `operation` is what works on it, `todo` the command that leads out of its state,
    null where none is needed.
    """

    entitled: Entitled
    set: Entitled | None
    live: Entitled | None
    drift: list[dict[str, Any]]
    disks: tuple[DiskOut, ...]
    nics: tuple[Nic, ...]
    domid: int | None
    on_crash: OnCrash
    ssh_user: str | None
    ready_port: int | None
    operation: str | None
    todo: str | None
    live_now: bool
    answers: bool | None
    held: str
    dom0_time: Dom0Time | None
    transfer: MonthOfTransfer
    transfer_amount: TransferAmount | None
    events: list[Event]


@router.get("/guests")
def list_guests(
    services: Given,
    response: Response,
    after: Annotated[str, Query(max_length=63)] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = MOST_LISTED,
) -> list[GuestLine]:
    """Return guests by name, as they were last seen: at most `limit` of those whose names follow `after`.

    Where there are more, the header Link names the next page (RFC 8288).
    """
    found = guests.lines(services, after, limit)
    if len(found) == limit:
        response.headers["Link"] = f'</v1/guests?limit={limit}&after={found[-1].name}>; rel="next"'
    return found


@router.post("/guests", status_code=202)
def create_guest(services: Given, wanted: GuestCreate) -> OperationOut:
    """Promise a guest and begin to make it."""
    return out(guests.create(services, Wish(**dict(wanted))))


@router.get("/guests/{name}")
def show_guest(services: Given, name: str) -> GuestDetail:
    """Return one guest as its host sees it now."""
    view = guests.view(services, name)
    spec, on_host = view.guest.spec, view.on_host
    image = services.db.read(lambda connection: images.by_id(connection, spec.image))
    manifest = image.manifest if image else None
    return GuestDetail(
        **dict(_out(view, manifest.name if manifest else spec.image[:12])),
        entitled=spec.entitled,
        set=on_host.spec.entitled if on_host and on_host.spec else None,
        live=on_host.live if on_host else None,
        drift=guests.drift(view),
        disks=tuple(DiskOut(device=disk.device, size_bytes=disk.size_bytes) for disk in spec.disks),
        nics=spec.nics,
        on_crash=spec.on_crash,
        domid=on_host.domid if on_host else None,
        ssh_user=manifest.default_user if manifest else None,
        ready_port=manifest.ready_port if manifest else None,
        operation=view.guest.operation,
        todo=view.todo,
        live_now=view.live,
        answers=on_host.answers if on_host else None,
        held=on_host.held if on_host else "",
        dom0_time=on_host.dom0_time if on_host else None,
        **guests.transfer(services, view),
    )


@router.get("/guests/{name}/transfer")
def show_transfer(services: Given, name: str) -> list[MonthOfTransfer]:
    """Return what guests of a name, deleted ones too, have transferred in each month (UTC), the newest first."""
    return transfers.months(services, name)


@router.post("/guests/{name}/start", status_code=202)
def start_guest(services: Given, name: str) -> OperationOut:
    """Begin to start a guest."""
    return out(guests.start(services, name))


@router.post("/guests/{name}/stop", status_code=202)
def stop_guest(services: Given, name: str, grace: Grace) -> OperationOut:
    """Begin to stop a guest."""
    return out(guests.stop(services, name, grace.seconds))


@router.post("/guests/{name}/reboot", status_code=202)
def reboot_guest(services: Given, name: str, grace: Grace) -> OperationOut:
    """Begin to reboot a guest."""
    return out(guests.reboot(services, name, grace.seconds))


@router.post("/guests/{name}/mend", status_code=202)
def mend_guest(services: Given, name: str) -> OperationOut:
    """Begin to make a guest on its host what it is entitled to again; a running one is not disturbed."""
    return out(guests.mend(services, name))


class Resize(BaseModel):
    """Another plan for a guest."""

    plan: str


@router.post("/guests/{name}/resize", status_code=202)
def resize_guest(services: Given, name: str, wanted: Resize) -> OperationOut:
    """Begin to give a guest another plan."""
    return out(guests.resize(services, name, wanted.plan))


@router.delete("/guests/{name}", status_code=202)
def delete_guest(services: Given, name: str, force: bool = False) -> OperationOut:
    """Begin to delete a guest and its disks."""
    return out(guests.delete(services, name, force))


def _out(view: GuestView, image: str) -> GuestOut:
    spec = view.guest.spec
    return GuestOut(
        name=spec.name,
        id=spec.id,
        plan=spec.plan,
        image=image,
        host=view.host.name,
        site=spec.site,
        type=spec.type,
        state=view.state,
        addresses=tuple(nic.ip for nic in spec.nics),
        attention=view.guest.attention,
        seen_at=view.seen_at,
    )
