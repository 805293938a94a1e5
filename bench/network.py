"""What guests send, receive and forge, against what they may, on real Xen in the lab, with no server running.

net.out.error, net.in.error  worst deviation from the plan's rate of a guest with 1, 2 and 4 queues and eight flows
net.packets.error            the same of the packets that it sends
net.victim_ratio             a guest's ping, 99th percentile, while another floods small packets, divided by a quiet one
net.victim_ratio.unlimited   the same with a flood that nothing limits; what counts is at most 2, or a quarter of this
dom0.latency_ratio           an agent's round trip under that flood, divided by a quiet one
net.forged.passed            kinds of forged frames, of those sent by a guest, that came to another card, the uplink or
                             Domain-0's own stack
net.forged.kinds             how many were sent
net.legitimate.dropped       kinds of the guest's own frames that came nowhere
net.filter_ratio             what the filter adds to a frame's way with 500 guests' sets, divided by that with one's
net.filter_ms                that with one's, in milliseconds; reported
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # the tests stand beside the benchmarks

from tests.network import frames

import lab_network
from figures import Figure, options, report
from guarantees import round_trip, say
from lab_guests import Bench, bench
from teig.agent.contract.spec import Nic as Card
from teig.agent.network import filtering
from teig.lab.options import LabOptions
from teig.model.guest import GuestSpec, Nic

OUT_KBIT, IN_KBIT, PACKETS = 2000, 2000, 200
"""Low, so that an emulated guest exceeds them."""
COUNT_S = 12.0
BEGIN_S = 6.0
PINGS = 100
GUESTS = 500
FLOOD_S = 60


def prepare(stands: Bench, spec: GuestSpec) -> None:
    """Put what sends onto a guest's disk."""
    stands.lab.run(f"sh -s /dev/vg0/teig-{spec.id}-disk0", stdin=lab_network.PREPARE.encode(), timeout_s=120)


def make_ready(stands: Bench) -> None:
    """Give the lab host the programs that guests get, a way out of the bridge, and guests several queues."""
    for name, text in {"send": lab_network.SEND, "frames": lab_network.FRAMES, "pings": lab_network.PINGS}.items():
        stands.lab.run(f"cat >/root/{name}", stdin=text.encode())
    stands.lab.run(
        "ip link add up0 type veth peer name out0 && ip link set out0 up && ip link set up0 master xenbr0 up; "
        "modprobe xen-netback; echo 4 >/sys/module/xen_netback/parameters/max_queues"
    )


def python(stands: Bench, program: str, *argv: object, given: str = "", timeout_s: float = 300) -> str:
    """Run a program in Domain-0."""
    stands.lab.run("cat >/root/program.py", stdin=program.encode())
    return stands.lab.run(
        f"python3 /root/program.py {' '.join(map(str, argv))}", stdin=given.encode(), timeout_s=timeout_s
    )


@contextlib.contextmanager
def meanwhile(what: Callable[[], object]) -> Iterator[None]:
    """Do something while the block runs, and wait for it at its end; what it says then is its own affair."""

    def quietly() -> None:
        with contextlib.suppress(Exception):
            what()

    thread = Thread(target=quietly, daemon=True)
    thread.start()
    yield
    thread.join(FLOOD_S)


def sends(stands: Bench, spec: GuestSpec, size: int, seconds: float) -> Callable[[], object]:
    """Return what makes a guest send datagrams to Domain-0, with more flows than it has queues."""
    return functools.partial(stands.ask, spec, f"send?seconds={seconds:.0f}&size={size}&flows=8&to=10.77.0.1")


def rates(stands: Bench, queues: int) -> dict[str, float]:
    """Return what a guest with so many queues sends in bytes and packets, and receives, relative to what it may."""
    guest = stands.start(
        vcpus=queues, share=0.3, before=functools.partial(prepare, stands), memory_mib=128,
        out_kbit=OUT_KBIT, in_kbit=IN_KBIT, out_packets=100_000,
    )  # fmt: skip
    card = f"vif{stands.domid(guest)}.0"
    there = int(stands.lab.run(f"ls -d /sys/class/net/{card}/queues/rx-* | wc -l"))
    if there != queues:
        raise SystemExit(f"{card} has {there} queues, and not {queues}")
    found = {}
    with meanwhile(sends(stands, guest, 1400, BEGIN_S + COUNT_S + 10)):
        [sent] = counted(stands, "xenbr0", "rx_bytes")
    found["out"] = sent / (OUT_KBIT * 125)
    flood = functools.partial(flood_from_dom0, stands, guest)
    with meanwhile(flood):
        [received] = counted(stands, card, "tx_bytes")
    found["in"] = received / (IN_KBIT * 125)
    stands.stop(guest)
    guest = stands.start(
        vcpus=queues, share=0.3, before=functools.partial(prepare, stands), memory_mib=128, out_packets=PACKETS
    )
    with meanwhile(sends(stands, guest, 18, BEGIN_S + COUNT_S + 10)):
        [packets] = counted(stands, "xenbr0", "rx_packets")
    found["packets"] = packets / PACKETS
    stands.stop(guest)
    say(f"{queues} queues: {found}")
    return found


def counted(stands: Bench, device: str, *names: str) -> list[float]:
    """Return how much some counters of a device in Domain-0 grow each second."""
    told = stands.lab.run(
        f"python3 - {device} {BEGIN_S} {COUNT_S} {' '.join(names)}", stdin=lab_network.COUNT.encode(), timeout_s=120
    )
    return [float(word) for word in told.split()]


def flood_from_dom0(stands: Bench, guest: GuestSpec) -> None:
    """Send a guest more than it may receive."""
    seconds = BEGIN_S + COUNT_S + 5
    stands.lab.run(
        f"python3 - {guest.nics[0].ip} {seconds} 1400", stdin=lab_network.RECEIVE.encode(), timeout_s=seconds + 60
    )


def rate_figures(stands: Bench) -> list[Figure]:
    """Measure rates with one, two and four queues."""
    found = [rates(stands, queues) for queues in (1, 2, 4)]
    by_queues = {what: [one[what] for one in found] for what in ("out", "in", "packets")}
    return [
        Figure(f"net.{what}.error", max(abs(part - 1) for part in parts), "", "<= 0.10", parts)
        for what, parts in by_queues.items()
    ]


def pings(stands: Bench, guest: GuestSpec) -> float:
    """Return the 99th percentile of a guest's pings to Domain-0, in milliseconds."""
    told = [float(word) for word in str(stands.ask(guest, f"pings?count={PINGS}")).split()]
    if len(told) < PINGS // 2:
        raise SystemExit(f"of {PINGS} pings {len(told)} came back")
    return statistics.quantiles(told, n=100)[98]


def victim_figures(stands: Bench) -> list[Figure]:
    """Measure a guest beside one that floods small packets, held to what its plan says, and held to nothing."""
    ready = functools.partial(prepare, stands)
    victim = stands.start(share=0.2, before=ready)
    quiet, trip = pings(stands, victim), round_trip(stands)
    flooder = stands.start(vcpus=2, share=0.2, before=ready, out_packets=PACKETS)
    with meanwhile(sends(stands, flooder, 18, FLOOD_S)):
        time.sleep(BEGIN_S)
        flooded, slow = pings(stands, victim), round_trip(stands)
    stands.stop(flooder)
    flooder = stands.start(vcpus=2, share=0.2, before=ready, out_packets=10**6, out_kbit=10**7)
    card = f"vif{stands.domid(flooder)}.0"
    stands.lab.run(f"systemctl stop teig-keeper; tc qdisc del dev {card} clsact")
    try:
        with meanwhile(sends(stands, flooder, 18, FLOOD_S)):
            time.sleep(BEGIN_S)
            unlimited = pings(stands, victim)
    finally:
        stands.lab.run("systemctl start teig-keeper")
    stands.stop(flooder, victim)
    say(f"pings, 99th percentile: {quiet:.1f} ms quiet, {flooded:.1f} ms limited, {unlimited:.1f} ms unlimited")
    bar = max(2.0, unlimited / quiet / 4)
    return [
        Figure("net.victim_ratio", flooded / quiet, "", f"<= {bar:.3f}", [quiet, flooded]),
        Figure("net.victim_ratio.unlimited", unlimited / quiet, "", "", [unlimited]),
        Figure("dom0.latency_ratio", slow / trip, "", "<= 3", [trip, slow]),
    ]


@contextlib.contextmanager
def catching(stands: Bench, *devices: str) -> Iterator[dict[str, set[str]]]:
    """Catch frames in Domain-0 in the block; what is given is filled at its end."""
    stands.lab.run("cat >/root/catch.py", stdin=lab_network.CATCH.encode())
    argv = stands.lab.ssh_argv("python3", "/root/catch.py", *devices)
    caught: dict[str, set[str]] = {}
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout, "it is a pipe"
        process.stdout.readline()
        yield caught
        time.sleep(2)
        told, _ = process.communicate("", timeout=60)
    caught.update({name: set(found) for name, found in json.loads(told).items()})


async def _post(stands: Bench, spec: GuestSpec, body: str) -> None:
    async with stands.host.open_port(spec.id, 80) as stream:
        head = f"POST /cgi-bin/frames HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n"
        await stream.write(f"{head}{body}".encode())
        while await stream.read(65536):
            pass


def came_out(stands: Bench, guest: GuestSpec, kinds: dict[str, Any], *devices: str) -> set[str]:
    """Send frames from a guest; return which kinds came out at some devices.

    Of what comes in with a VLAN tag the kernel shows the rest alone.
    """
    sent = frames.sent(kinds)
    with catching(stands, *devices) as caught:
        asyncio.run(_post(stands, guest, "\n".join(frame for some in sent.values() for frame in some)))
    everything = set().union(*caught.values()) if caught else set()
    return {what for what, some in sent.items() if any({frame, frame[:24] + frame[32:]} & everything for frame in some)}


def forged_figures(stands: Bench) -> list[Figure]:
    """Let a guest send what is its own, and what is not."""
    ready = functools.partial(prepare, stands)
    own = Nic(frames.MAC, "xenbr0", f"{frames.IPV4}/16", frames.GATEWAY, frames.ALSO)
    guest = stands.start(share=0.2, before=ready, nics=(own,), out_packets=10_000)
    other = stands.start(share=0.2, nics=(Nic(frames.OTHER_MAC, "xenbr0", f"{frames.OTHER_IPV4}/16", frames.GATEWAY),))
    devices = ("out0", "xenbr0", f"vif{stands.domid(other)}.0")
    forged, legitimate = frames.forged(), frames.own()
    passed = came_out(stands, guest, forged, *devices)
    dropped = set(legitimate) - came_out(stands, guest, legitimate, *devices)
    say(f"forged and passed: {sorted(passed)}; own and dropped: {sorted(dropped)}")
    stands.stop(guest, other)
    return [
        Figure("net.forged.passed", len(passed), "", "<= 0"),
        Figure("net.forged.kinds", len(forged), "", ">= 50"),
        Figure("net.legitimate.dropped", len(dropped), "", "<= 0"),
    ]


def filter_figures(stands: Bench) -> list[Figure]:
    """Measure what the filter adds, with the sets of one guest and of many."""

    def rules(guests: int) -> str:
        cards = {"vif5.0": Card(frames.MAC, "xenbr0", f"{frames.IPV4}/16", frames.GATEWAY)}
        for number in range(1, guests):
            mac, address = f"00:16:3e:03:{number >> 8:02x}:{number & 255:02x}", f"10.78.{number >> 8}.{number & 255}/16"
            cards[f"vif{number + 100}.0"] = Card(mac, "xenbr0", address, "10.78.255.254")
        return filtering.TABLE + "".join(
            filtering.of_card(name, filtering.elements(card)) for name, card in cards.items()
        )

    [frame] = frames.sent({"ping": frames.own()["ping"]})["ping"]
    given = json.dumps({"frame": frame, "rounds": 9, "rules": {"none": "", "one": rules(1), "many": rules(GUESTS)}})
    stands.lab.run("cat >/root/filtered.py", stdin=lab_network.FILTERED.encode())
    command = f"unshare --net python3 /root/filtered.py {filtering.GROUP}"
    told = json.loads(stands.lab.run(command, stdin=given.encode(), timeout_s=600))
    none, one, many = (statistics.median(told[name]) for name in ("none", "one", "many"))
    say(f"a frame's way: {none:.3f} ms unfiltered, {one:.3f} with one guest's sets, {many:.3f} with {GUESTS}")
    return [
        Figure("net.filter_ratio", (many - none) / (one - none), "", "<= 1.10", [none, one, many]),
        Figure("net.filter_ms", one - none, "ms"),
    ]


PARTS = {"filter": filter_figures, "forged": forged_figures, "rates": rate_figures, "victim": victim_figures}


def main() -> int:
    """Measure all of it, or one part."""
    parser = options("Compare what guests send and receive with what they may.")
    parser.add_argument("--only", choices=PARTS, help="measure only this")
    args = parser.parse_args()
    with bench(LabOptions()) as stands:
        # As most hosts have it: guests' queues are limited by Domain-0's processors too.
        make_ready(stands)
        found = [figure for name, part in PARTS.items() if args.only in (None, name) for figure in part(stands)]
    return report(found, args.output)


if __name__ == "__main__":
    sys.exit(main())
