"""The fixed list of what the agent can be asked, and the type of every argument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from teig.agent.contract.arguments import (
    Check,
    anything,
    check,
    disk_index,
    fence,
    file_name,
    guest_id,
    one_of,
    port,
    seconds,
    sha256,
    volume_group,
    whole,
)
from teig.agent.contract.failure import Failure, failure_of, invalid
from teig.agent.contract.protocol import CAPABILITIES, PROTOCOL, Channel, ChannelClosed, check_protocol, parse_request
from teig.agent.contract.spec import MOST_DISK_BYTES, size
from teig.agent.disks import images, pool_bench
from teig.agent.disks.volumes import Volumes
from teig.agent.guests import streams
from teig.agent.guests.guests import Guests
from teig.agent.guests.jobs import Jobs, Order
from teig.agent.host import audit_facts, facts, services
from teig.agent.host.state import State
from teig.agent.host.version import replaced, version
from teig.agent.keeper import keeper
from teig.agent.xen.hypervisor import Hypervisor

_CHANGE: dict[str, Check] = {"guest": guest_id, "fence": fence}
_GRACE = seconds(3600)


JOBS: dict[str, dict[str, Check]] = {
    "guest_start": {},
    "guest_stop": {"grace_s": _GRACE},
    "guest_reboot": {"grace_s": _GRACE},
    "volume_create": {"index": disk_index, "size_bytes": size, "pool": volume_group},
    "volume_write_image": {"index": disk_index, "image": sha256},
    "volume_delete": {"index": disk_index},
}
"""What is done as a job, and its arguments besides guest and fence."""
BODIES = {"guest_start": "start", "guest_stop": "stop", "guest_reboot": "reboot"} | {
    name: name for name in JOBS if name.startswith("volume_")
}
"""The methods of Guests that do them."""


class Verb(NamedTuple):
    """What does a verb, and its arguments."""

    run: Callable[..., dict[str, Any]]
    arguments: dict[str, Check]


class Agent:
    """One agent process: it serves one channel from its first line to its end."""

    def __init__(self, state: State, channel: Channel, hypervisor: Hypervisor | None = None) -> None:
        self._state = state
        self._channel = channel
        self._xen = hypervisor or Hypervisor()
        self._guests = Guests(state, self._xen, Volumes())
        self._jobs = Jobs(state)
        self._verbs = {**self._host_verbs(), **self._guest_verbs(), **self._job_verbs()}
        self._streams: dict[str, dict[str, Check]] = {
            "image_receive": {
                "image": sha256, "file": file_name, "size": whole(1, MOST_DISK_BYTES), "sha256": sha256,
            },
            "connect": {"guest": guest_id, "port": port},
            "console": {"guest": guest_id},
        }  # fmt: skip
        self._greeted = False

    def _host_verbs(self) -> dict[str, Verb]:
        state, xen, guests = self._state, self._xen, self._guests
        return {
            "hello": Verb(self._hello, {"protocol": whole(0, 2**31)}),
            "host_facts": Verb(lambda: facts.host_facts(state, xen), {}),
            "pool_bench": Verb(lambda pool: pool_bench.pool_bench(state, pool), {"pool": volume_group}),
            "audit_facts": Verb(audit_facts.audit_facts, {}),
            "inventory": Verb(lambda: facts.inventory(state, xen, guests), {}),
            "keeper_start": Verb(_keeper_start, {}),
            "image_begin": Verb(
                lambda image, manifest: images.image_begin(state, image, manifest),
                {"image": sha256, "manifest": anything},
            ),
            "image_present": Verb(lambda image: images.image_present(state, image), {"image": sha256}),
        }

    def _guest_verbs(self) -> dict[str, Verb]:
        guests = self._guests
        return {
            "guest_show": Verb(guests.show, {"guest": guest_id}),
            "guest_define": Verb(guests.define, {**_CHANGE, "spec": anything}),
            "guest_undefine": Verb(self._undefine, _CHANGE),
            "guest_enforce": Verb(guests.enforce, _CHANGE),
        }

    def _job_verbs(self) -> dict[str, Verb]:
        jobs = self._jobs
        return {
            "job_begin": Verb(self._job_begin, {**_CHANGE, "verb": one_of(*sorted(JOBS)), "args": anything}),
            "job_show": Verb(jobs.show, _CHANGE),
            "job_cancel": Verb(jobs.cancel, _CHANGE),
        }

    def _job_begin(self, guest: str, fence: int, verb: str, args: Any) -> dict[str, Any]:
        """Begin what takes long, in a process of its own, which asks Xen over connections of its own."""
        checked = check(JOBS[verb], args)

        def body(**given: Any) -> dict[str, Any]:
            guests = Guests(self._state, type(self._xen)(), Volumes())
            return dict(getattr(guests, BODIES[verb])(**given))

        return self._jobs.begin(Order(guest, fence, verb, checked), body)

    def _undefine(self, guest: str, fence: int) -> dict[str, Any]:
        answer = self._guests.undefine(guest, fence)
        self._jobs.forget(guest)
        return answer

    def _hello(self, protocol: int) -> dict[str, Any]:
        check_protocol(protocol)
        self._greeted = True
        return {"protocol": PROTOCOL, "version": version(), "capabilities": list(CAPABILITIES)}

    def serve(self) -> None:
        """Answer requests until the channel closes; a verb that has begun is carried out to its end."""
        try:
            while self._serve_one():
                pass
        except ChannelClosed:
            return

    def _serve_one(self) -> bool:
        """Answer one request and return whether another may follow."""
        number = 0
        try:
            number, verb, args = parse_request(self._line())
            if verb in self._streams and self._greeted:
                return self._stream(number, verb, check(self._streams[verb], args))
            answer = self._call(verb, args)
        except ChannelClosed:
            raise
        except Exception as error:  # noqa: BLE001  (every failure is told to the caller, whose channel lives on)
            failure = failure_of(error)
            self._channel.send({"id": number, "error": failure.as_record()})
            return failure.code != "line_too_long"
        self._channel.send({"id": number, "ok": answer})
        return True

    def _line(self) -> bytes:
        """Return the next request; ChannelClosed where another agent was put in this one's place.

        The server then asks that one, which it starts when this one ends without an answer.
        """
        line = self._channel.line()
        if self._greeted and replaced():
            raise ChannelClosed
        return line

    def _call(self, name: str, args: Any) -> dict[str, Any]:
        if name not in self._verbs and name not in self._streams:
            raise invalid(f"There is no verb {name!r:.80}.", code="unknown_verb")
        if name != "hello" and not self._greeted:
            raise Failure("invalid", "The first request must be hello.", code="no_hello")
        verb = self._verbs[name]
        return verb.run(**check(verb.arguments, args))

    def _stream(self, number: int, name: str, args: dict[str, Any]) -> bool:
        channel = self._channel
        if name == "image_receive":
            receiver = images.Receiver(self._state, **args)
            channel.send({"id": number, "go": True})
            channel.send({"id": number, "ok": receiver.receive(channel.read)})
            return True
        if name == "connect":
            with streams.connection(self._guests, self._xen, args["guest"], args["port"]) as far:
                channel.send({"id": number, "ok": {}})
                streams.relay_socket(channel.source, channel.sink, channel.rest(), far)
        else:
            with streams.console(self._xen, args["guest"]) as terminal:
                channel.send({"id": number, "ok": {}})
                streams.relay_terminal(channel.source, channel.sink, channel.rest(), terminal)
        return False


def _keeper_start() -> dict[str, Any]:
    services.start_keeper(keeper.beat)
    return {}
