"""create.ratio_to_xl: from asking for a guest to its first HTTP answer, by Teig and by a bare `xl create`.

Both on one lab host, in one run, in turn. A round makes a guest with `teig guest create` and measures until it answers
HTTP; then stops it, puts the image onto its volume anew, so that both are first boots, starts the same domain from the
same xl.cfg with `xl create` alone, and measures that: with Xen's own scripts for disks and cards, as whoever writes an
xl.cfg by hand has them, and once more with Teig's (`create.xl_our_scripts_s`). The times are taken here, from the
command's start until a watcher that runs in Dom0 the whole time says that the guest's port 80 has answered a request.

operation.parallel.*: guests that are made in a minute on that host, one after the other, and four at once.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from figures import Figure, options, report
from standing import TEIG, Standing, standing
from teig.cli.demo_names import GUEST, SITE

NAME = "bench"
BARE = "/root/bare.cfg"
MANY = 4
FIRST_ADDRESS = SITE["first_address"]
ANSWER_S = 300.0
WATCH = r"""
import socket, sys, time
print("watching", flush=True)
ip = sys.stdin.readline().strip()
while True:
    try:
        with socket.create_connection((ip, 80), 0.5) as guest:
            guest.sendall(b"GET / HTTP/1.0\r\n\r\n")
            if guest.recv(64).startswith(b"HTTP/1."):
                break
    except OSError:
        time.sleep(0.05)
print("answered", flush=True)
"""


class Watcher:
    """Says when a guest answers, from within Dom0, where it waits already when the clock starts."""

    def __init__(self, stands: Standing) -> None:
        self._process = subprocess.Popen(
            stands.ssh_argv("python3", "-c", f"'{WATCH}'"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._expect("watching")

    def await_answer(self, ip: str) -> None:
        """Return when the guest with this address has answered."""
        assert self._process.stdin
        self._process.stdin.write(f"{ip}\n")
        self._process.stdin.flush()
        self._expect("answered")

    def close(self) -> None:
        """End the watcher."""
        self._process.kill()
        self._process.wait()

    def _expect(self, word: str) -> None:
        assert self._process.stdout
        line = self._process.stdout.readline().strip()
        if line != word:
            raise SystemExit(f"the watcher in Dom0 said {line!r}, not {word!r}")


@contextmanager
def watching(stands: Standing) -> Iterator[Watcher]:
    """Have a watcher in Dom0."""
    watcher = Watcher(stands)
    try:
        yield watcher
    finally:
        watcher.close()


def by_teig(stands: Standing, ip: str) -> float:
    """Return the seconds from `teig guest create` to the first answer."""
    command = [TEIG, "guest", "create", NAME, "--plan", "tiny", "--image", "micro"]
    seconds = timed(stands, command, ip)
    [given] = stands.json("guest", "show", NAME)["addresses"]
    if given != ip:
        raise SystemExit(f"the guest has the address {given}, and {ip} was watched")
    return seconds


def by_xl(stands: Standing, config: str, ip: str) -> float:
    """Return the seconds from `xl create` to the first answer."""
    return timed(stands, stands.ssh_argv("xl", "create", config), ip)


def timed(stands: Standing, command: list[str], ip: str) -> float:
    """Return the seconds from a command's start until the guest at `ip` answers; the command must succeed."""
    with watching(stands) as watcher:
        begin = time.perf_counter()
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        watcher.await_answer(ip)
        seconds = time.perf_counter() - begin
        if running.wait(ANSWER_S) != 0:
            raise SystemExit(f"{' '.join(command)} failed")
        return seconds


def renew_volume(stands: Standing, config: str) -> None:
    """Put the image that an xl.cfg boots from onto the volume that it names."""
    [folder] = re.findall(r'^kernel = "(.*)/kernel"$', config, re.MULTILINE)
    [volume] = re.findall(r"target=([^,\"]*)", config)
    stands.dom0("zcat", f"{folder}/root.img.gz", ">", volume)
    stands.dom0("sync")


def one_round(stands: Standing) -> tuple[float, float, float]:
    """Return the seconds that a guest takes by Teig, by xl alone, and by xl with Teig's scripts."""
    ours = by_teig(stands, FIRST_ADDRESS)
    config = f"/var/lib/teig/guests/{stands.json('guest', 'show', NAME)['id']}/xl.cfg"
    stands.teig("guest", "stop", NAME)
    text = stands.dom0("cat", config)
    stands.dom0("sed", "'s/ script=[^,\"]*,//; s/, script=[^,\"]*//'", config, ">", BARE)
    if "script=" in stands.dom0("cat", BARE):
        raise SystemExit(f"{BARE} still names a script")
    seconds = [ours]
    for file in (BARE, config):
        renew_volume(stands, text)
        seconds.append(by_xl(stands, file, FIRST_ADDRESS))
        stands.dom0("xl", "destroy", NAME)
    stands.teig("guest", "delete", NAME, "--yes", "--force")
    ours, bare, scripts = seconds
    print(f"a guest by Teig {ours:.1f} s, by xl {bare:.1f} s, with our scripts {scripts:.1f} s", file=sys.stderr)
    return ours, bare, scripts


def parallel(stands: Standing, at_once: int) -> float:
    """Return how many guests are made in a minute, with so many asked for at once."""
    names = [f"{NAME}{number}" for number in range(MANY)]
    make = ["guest", "create", "--plan", "tiny", "--image", "micro"]
    begin = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda name: stands.teig(*make, name), names))
    minutes = (time.perf_counter() - begin) / 60
    for name in names:
        stands.teig("guest", "delete", name, "--yes", "--force")
    return MANY / minutes


def main() -> int:
    parser = options("Compare teig guest create with a bare xl create.")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with standing() as stands:
        stands.teig("guest", "delete", GUEST, "--yes", "--force")
        ours, bare, scripts = zip(*(one_round(stands) for _ in range(args.rounds)), strict=True)
        one, four = parallel(stands, 1), parallel(stands, MANY)
    ratio = statistics.median(ours) / statistics.median(bare)
    return report(
        [
            Figure("create.ratio_to_xl", ratio, "ratio", "<= 1.15", [o / b for o, b in zip(ours, bare, strict=True)]),
            Figure("create.teig_s", statistics.median(ours), "s", rounds=list(ours)),
            Figure("create.xl_s", statistics.median(bare), "s", rounds=list(bare)),
            Figure("create.xl_our_scripts_s", statistics.median(scripts), "s", rounds=list(scripts)),
            Figure("operation.parallel.1", one, "/min"),
            Figure("operation.parallel.4", four, "/min"),
        ],
        args.output,
    )


if __name__ == "__main__":
    sys.exit(main())
