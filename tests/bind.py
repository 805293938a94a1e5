"""A BIND of the machine's own, for tests: real zones, and a key that may change them."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.message
import dns.query
import dns.rdatatype
import dns.reversename
import pytest

from teig.fleet.name_server import NameServer, read_key

ZONES = ("77.10.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa")
CARD = "10.77.16.0"
_CONFIG = """
include "{folder}/key";
options {{
  directory "{folder}"; pid-file "{folder}/pid"; session-keyfile "{folder}/session.key";
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; empty-zones-enable no;
}};
controls {{ }};
"""
_ZONE = """zone "{zone}" {{
  type primary; file "{folder}/{zone}"; update-policy {{ grant teig subdomain {zone}. PTR; }};
}};
"""
SBIN = "/usr/sbin:/usr/bin:/sbin:/bin"


def _installed() -> str:
    found = shutil.which("named", path=SBIN)
    if found is None:
        pytest.fail("BIND is not installed: run setup/prepare.sh setup/packages-for-tests", pytrace=False)
    return found


@dataclass
class Bind:
    """A BIND on this machine, with a key."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def key(self) -> Path:
        return self.folder / "key"

    def driver(self) -> NameServer:
        return NameServer("127.0.0.1", self.port, read_key(self.key))

    def start(self) -> None:
        named = self.folder / "named"  # AppArmor's profile of it, which is for its own place, lets it read nothing here
        if not named.exists():
            shutil.copy(_installed(), named)
        argv = [str(named), "-g", "-4", "-c", str(self.folder / "named.conf")]
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(argv, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while self.name_of(CARD) is None:
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def name_of(self, address: str) -> str | None:
        """Return the name of an address there, "" for none; None where it does not answer."""
        query = dns.message.make_query(dns.reversename.from_address(address), dns.rdatatype.PTR)
        try:
            answer = dns.query.tcp(query, "127.0.0.1", 2, self.port)
        except (OSError, EOFError):
            return None
        names = [str(record.target) for found in answer.answer for record in found]
        assert len(names) <= 1
        return names[0] if names else ""


@contextmanager
def running(folder: Path) -> Iterator[Bind]:
    """Run one in a new folder, with zones of `tests.simulated`'s network and of documentation's."""
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    made = Bind(folder, port)
    keygen = shutil.which("tsig-keygen", path=SBIN)
    assert keygen is not None
    key = subprocess.run([keygen, "-a", "hmac-sha256", "teig"], capture_output=True, check=True)
    made.key.touch(mode=0o600)
    made.key.write_bytes(key.stdout)
    config = _CONFIG.format(folder=folder, port=port)
    for zone in ZONES:
        config += _ZONE.format(folder=folder, zone=zone)
        soa = "@ IN SOA ns.example.org. hostmaster.example.org. 1 3600 600 1209600 600\n@ IN NS ns.example.org.\n"
        (folder / zone).write_text(f"$TTL 600\n{soa}")
    (folder / "named.conf").write_text(config)
    made.start()
    try:
        yield made
    finally:
        made.stop()
