"""Run in Domain-0 with nothing but Python: a bridge with two guests' cards and a way out, in a network of its own.

Standard input is JSON: `rules` for nft, the `group` of the cards, and `kinds` of frames, each with some in hexadecimal
by what they are. Each is sent from the first guest; standard output tells at which of the other ends it has come out.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

GATEWAY_MAC = "02:00:00:00:00:01"


def _run(*argv: str, given: str = "") -> None:
    done = subprocess.run(argv, input=given.encode(), capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(argv)}: {done.stderr.decode()}")


def make_bridge(rules: str, group: str) -> None:
    """Make the bridge, its cards vif5.0 and vif6.0 and the way out, up0, and filter them."""
    with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6; else it would send frames of its own
        Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
    _run("ip", "link", "add", "xenbr0", "type", "bridge", "mcast_snooping", "0")
    _run("ip", "link", "set", "xenbr0", "address", GATEWAY_MAC, "up")
    for card, inside in (("vif5.0", "guest5"), ("vif6.0", "guest6"), ("up0", "out0")):
        _run("ip", "link", "add", card, "type", "veth", "peer", "name", inside)
        _run("ip", "link", "set", inside, "up")
        _run("ip", "link", "set", card, "master", "xenbr0", "group", group if card != "up0" else "0", "up")
    _run("nft", "-f", "-", given=rules)


@contextmanager
def listening(*names: str) -> Iterator[Callable[[], set[str]]]:
    """Listen at some devices; what is given returns at which of them something has come in since it was last asked."""
    sockets = {}
    for name in names:
        sockets[name] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        sockets[name].bind((name, 0))
        sockets[name].setblocking(False)
    yield lambda: {name for name, one in sockets.items() if _has_come(one)}
    for one in sockets.values():
        one.close()


def _has_come(one: socket.socket) -> bool:
    came = False
    try:
        while True:
            _, about = one.recvfrom(65536)
            came |= about[2] != socket.PACKET_OUTGOING
    except BlockingIOError:
        return came


def main() -> None:
    """Send all frames from the first guest, one kind after the other."""
    given = json.load(sys.stdin)
    make_bridge(given["rules"], given["group"])
    told: dict[str, dict[str, list[str]]] = {}
    with listening("out0", "guest6", "xenbr0") as come:
        out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        out.bind(("guest5", 0))
        time.sleep(1)
        come()
        for kind, frames in given["kinds"].items():
            told[kind] = {}
            for what, some in frames.items():
                for frame in some:
                    out.send(bytes.fromhex(frame))
                time.sleep(0.02)
                told[kind][what] = sorted(come())
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
