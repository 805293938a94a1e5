"""What the agent does for each verb of `teig.agent.contract.verbs`, and how it serves a channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from teig.agent.contract.failure import Failure, failure_of
from teig.agent.contract.protocol import CAPABILITIES, PROTOCOL, Channel, ChannelClosed, check_protocol, parse_request
from teig.agent.contract.verbs import JOBS, VERBS, check_request
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

Body = Callable[..., dict[str, Any]]
BODIES = {"guest_start": "start", "guest_stop": "stop", "guest_reboot": "reboot"} | {
    name: name for name in JOBS if name.startswith("volume_")
}
"""The methods of Guests that do them."""


class Agent:
    """One agent process: it serves one channel from its first line to its end."""

    def __init__(self, state: State, channel: Channel, hypervisor: Hypervisor | None = None) -> None:
        self._state = state
        self._channel = channel
        self._xen = hypervisor or Hypervisor()
        self._guests = Guests(state, self._xen, Volumes())
        self._jobs = Jobs(state)
        self._verbs = {**self._host_verbs(), **self._guest_verbs(), **self._job_verbs()}
        self._greeted = False

    def _host_verbs(self) -> dict[str, Body]:
        state, xen, guests = self._state, self._xen, self._guests
        return {
            "hello": self._hello,
            "host_facts": lambda: facts.host_facts(state, xen),
            "pool_bench": lambda pool: pool_bench.pool_bench(state, pool),
            "audit_facts": audit_facts.audit_facts,
            "inventory": lambda: facts.inventory(state, xen, guests),
            "keeper_start": _keeper_start,
            "image_begin": lambda image, manifest: images.image_begin(state, image, manifest),
            "image_present": lambda image: images.image_present(state, image),
        }

    def _guest_verbs(self) -> dict[str, Body]:
        guests = self._guests
        return {
            "guest_show": guests.show,
            "guest_define": guests.define,
            "guest_undefine": self._undefine,
            "guest_enforce": guests.enforce,
        }

    def _job_verbs(self) -> dict[str, Body]:
        jobs = self._jobs
        return {
            "job_begin": self._job_begin,
            "job_begin_once": self._job_begin,
            "job_show": jobs.show,
            "job_cancel": jobs.cancel,
        }

    def _job_begin(
        self, guest: str, fence: int, verb: str, args: dict[str, Any], operation: str = ""
    ) -> dict[str, Any]:
        """Begin what takes long, in a process of its own, which asks Xen over connections of its own."""

        def body(**given: Any) -> dict[str, Any]:
            guests = Guests(self._state, type(self._xen)(), Volumes())
            return dict(getattr(guests, BODIES[verb])(**given))

        return self._jobs.begin(Order(guest, fence, verb, args, operation), body)

    def _undefine(self, guest: str, fence: int) -> dict[str, Any]:
        answer = self._guests.undefine(guest, fence)
        self._jobs.forget(guest)
        self._state.forget_old()
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
            if verb in VERBS and VERBS[verb].bytes_follow and self._greeted:
                return self._stream(number, verb, check_request(verb, args))
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
        if name in VERBS and name != "hello" and not self._greeted:
            raise Failure("invalid", "The first request must be hello.", code="no_hello")
        checked = check_request(name, args)
        return self._verbs[name](**checked)

    def _stream(self, number: int, name: str, args: dict[str, Any]) -> bool:
        channel = self._channel
        if name == "image_receive":
            receiver = images.Receiver(self._state, **args)
            channel.send({"id": number, "go": True})
            channel.send({"id": number, "ok": receiver.receive(channel.read)})
            return True
        if name == "connect":
            with streams.connection(self._guests, self._xen, args["guest"], args["port"]) as (far, there):
                channel.send({"id": number, "ok": {}})
                streams.relay_socket(channel.source, channel.sink, channel.rest(), far, there)
        else:
            with streams.console(self._xen, args["guest"]) as terminal:
                channel.send({"id": number, "ok": {}})
                streams.relay_terminal(channel.source, channel.sink, channel.rest(), terminal)
        return False


def _keeper_start() -> dict[str, Any]:
    services.start_keeper(keeper.beat)
    return {}
