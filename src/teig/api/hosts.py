"""/v1/hosts."""

from __future__ import annotations

import base64
import hashlib

from fastapi import APIRouter
from pydantic import BaseModel, Field, StrictInt, field_validator

from teig.api.given import Given, Name
from teig.audit.host import AuditedHost
from teig.control import adopting, hosts
from teig.control.adopting import Adopted
from teig.control.hosts import HostView
from teig.model.errors import InvalidRequest
from teig.model.guest import check_ssh_key
from teig.model.host import HostFacts
from teig.policy.admission import Candidate, core_room, disk_room, memory_room

router = APIRouter()


class HostAdd(BaseModel):
    """A machine whose agent is installed, to be enrolled."""

    name: Name
    address: str = Field(pattern=r"^[A-Za-z0-9.:-]{1,255}$")
    port: StrictInt = Field(ge=1, le=65535)
    host_key: str
    site: Name
    reinstalled: bool = False

    @field_validator("host_key")
    @classmethod
    def _is_key(cls, untrusted: str) -> str:
        """Refuse what is no key."""
        try:
            return check_ssh_key(untrusted)
        except InvalidRequest as error:
            raise ValueError(error.message) from error


class Room(BaseModel):
    """What is promised to nobody yet."""

    memory_mib: int
    disk_bytes: int
    cores: float


class HostOut(BaseModel):
    """A host as people see it, as it was last seen (`facts_at`, in seconds since 1970).

    `state` is `ready`, `keeper_dead` or `unreachable`; `outdated` names what of agent and keeper is not known to be
    this server's.
    Of a host that was never seen, that is both, and facts and room are null.
    """

    name: str
    address: str
    port: int
    site: str
    state: str
    host_key_fingerprint: str
    warnings: tuple[str, ...]
    machine_id: str
    facts: HostFacts | None
    facts_at: float | None
    room: Room | None
    guests: int
    outdated: tuple[str, ...]


@router.get("/hosts")
def list_hosts(services: Given) -> list[HostOut]:
    """Return all hosts by name, as they were last seen."""
    return [_out(view) for view in hosts.listed(services)]


@router.post("/hosts", status_code=201)
def add_host(services: Given, wanted: HostAdd) -> HostOut:
    """Enrol a host whose agent is installed."""
    return _out(hosts.add(services, **dict(wanted)))


@router.get("/hosts/{name}")
def show_host(services: Given, name: str) -> HostOut:
    """Return one host, observed now."""
    return _out(hosts.view(services, name))


class Removed(BaseModel):
    """The names of the guests that were forgotten with their host."""

    guests: tuple[str, ...]


@router.delete("/hosts/{name}")
def remove_host(services: Given, name: str, force: bool = False) -> Removed:
    """Forget a host that has no guests, or with `force` its guests too: for a machine that is lost for good."""
    return Removed(guests=hosts.remove(services, name, force=force))


@router.get("/hosts/{name}/audit-facts")
def audit_facts(services: Given, name: str) -> AuditedHost:
    """Return how a host is set up, and its guests' configuration files, read now."""
    return hosts.audit_facts(services, name)


@router.post("/hosts/{name}/adopt")
def adopt_host(services: Given, name: str) -> Adopted:
    """Take over the guests that the host knows and the database does not."""
    return adopting.adopt(services, name)


def fingerprint(host_key: str) -> str:
    """Return an OpenSSH public key's SHA-256 fingerprint as `ssh-keygen -l` shows it."""
    digest = hashlib.sha256(base64.b64decode(host_key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _out(view: HostView) -> HostOut:
    host, candidate, seen = view.host, view.candidate, view.seen
    return HostOut(
        name=host.name,
        address=host.address,
        port=host.port,
        site=host.site,
        state=view.state,
        host_key_fingerprint=fingerprint(host.host_key),
        warnings=view.warnings,
        machine_id=host.machine_id,
        facts=seen.facts if seen else None,
        facts_at=seen.seen_at if seen else None,
        room=_room(candidate) if candidate else None,
        guests=view.guests,
        outdated=view.outdated,
    )


def _room(candidate: Candidate) -> Room:
    return Room(memory_mib=memory_room(candidate), disk_bytes=disk_room(candidate), cores=core_room(candidate))
