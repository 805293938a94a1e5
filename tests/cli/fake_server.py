"""A server with the API's shape and made-up contents, on a unix socket: for tests of the command line alone."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from teig.model.errors import NotFound, TeigError

ENTITLED = {
    "memory_mib": 96, "maxmem_mib": 96, "vcpus": 1, "weight": 256, "cap": 100,
    "read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608, "own_cores": 0,
}  # fmt: skip
GUEST = {
    "name": "web", "id": "6f1b0f2e-2b1a-4b6e-9a53-0c8f9f0f7a10", "plan": "tiny", "image": "micro", "host": "lab-1",
    "site": "lab", "type": "pv", "state": "running", "addresses": ["10.77.16.0"], "attention": None, "seen_at": 1.0,
}  # fmt: skip
MONTH = {
    "guest": GUEST["id"], "name": "web", "month": "2026-11", "sent_bytes": 3 << 30, "received_bytes": 512 << 20,
}  # fmt: skip
EVENT = {
    "guest": GUEST["id"], "name": "web", "kind": "transfer_80", "at": 1.0, "text": "It has sent and received a lot.",
}  # fmt: skip
DETAIL = {
    **GUEST, "entitled": ENTITLED, "set": ENTITLED, "live": ENTITLED, "drift": [],
    "disks": [{"device": "xvda", "size_bytes": 67108864}],
    "nics": [{"mac": "00:16:3e:00:00:01", "bridge": "xenbr0", "address": "10.77.16.0/16", "gateway": "10.77.0.1"}],
    "domid": 3, "on_crash": "restart", "ssh_user": None, "ready_port": 80, "operation": None,
    "attention": None, "seen_at": 1.0, "live_now": True, "answers": True, "held": "", "todo": None,
    "dom0_time": {"disks_s": 1.2, "sends_s": 30.04, "receives_s": 0.0},
    "transfer": MONTH, "transfer_amount": None, "events": [],
}  # fmt: skip
RATE = {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}
PLAN = {
    "name": "tiny", "memory_mib": 96, "vcpus": 1, "share_cores": 0.25, "ceiling_cores": 1.0, "disk_bytes": 67108864,
    "disk_rate": RATE, "pool": {"medium": "any", "redundancy": "any"}, "out_kbit": 50000, "in_kbit": 50000,
    "addresses": 1,
}  # fmt: skip
SITE = {
    "name": "lab", "country": "NO", "operator": "me", "network": "10.77.0.0/16", "gateway": "10.77.0.1",
    "first_address": "10.77.16.0", "last_address": "10.77.31.255", "bridge": "xenbr0",
    "quarantine_s": 3600,
}  # fmt: skip
IMAGE = {
    "id": "ab" * 32, "name": "micro", "version": "1", "network": "kernel-ip", "ssh": False, "default_user": None,
    "ready_port": 80, "min_memory_mib": 64, "min_disk_mib": 64, "size_bytes": 9000000, "created": 1.0,
}  # fmt: skip


class FakeServer(socketserver.ThreadingUnixStreamServer):
    """Answers GET from `things`, everything else from `answers`; keeps what it was sent in `requests`."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _Handler)
        self.things: dict[str, Any] = {
            "/server": {"version": "0", "ssh_public_key": "ssh-ed25519 AAAA teig"},
            "/guests": [GUEST], "/guests/web": DETAIL, "/guests/web/transfer": [MONTH],
            "/plans": [PLAN], "/plans/tiny": PLAN, "/sites": [SITE],
            "/sites/lab": SITE, "/images": [IMAGE], "/images/micro": IMAGE, "/hosts": [], "/operations": [],
            "/events": [EVENT],
        }  # fmt: skip
        self.answers: dict[tuple[str, str], Any] = {}
        self.requests: list[tuple[str, str, bytes]] = []

    def operation(self, ident: str, *states: str, error: TeigError | None = None) -> dict[str, Any]:
        """Add an operation that is in each of these states once; return how it begins."""
        now = time.time()
        records = [_operation(ident, state, now, seen, error) for seen, state in enumerate(states)]
        self.things[f"/operations/{ident}"] = records[1:] or records
        return records[0]


def _operation(ident: str, state: str, now: float, seen: int, error: TeigError | None) -> dict[str, Any]:
    ended = state in {"done", "failed", "cancelled", "stuck"}
    step = {"name": "volume_create", "state": state, "started": now, "ended": now + 0.5 if ended else None}
    return {
        "id": ident, "kind": "guest_create", "subject": "web", "state": state, "steps": [step], "created": now,
        "error": error.as_record() if error and ended else None, "ended": now + 1 if ended else None, "seen": seen,
    }  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    server: FakeServer

    def do_GET(self) -> None:
        parts = urlsplit(self.path.removeprefix("/v1"))
        found = self.server.things.get(parts.path)
        found = found() if callable(found) else found
        if isinstance(found, list) and parts.path.startswith("/operations/"):
            found = found.pop(0) if "wait_s" in parse_qs(parts.query) and len(found) > 1 else found[0]
        self._answer(found if found is not None else NotFound(f"There is no {parts.path}."))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path.removeprefix("/v1")).path
        self.server.requests.append((self.command, path, body))
        self._answer(self.server.answers.get((self.command, path), NotFound(f"There is no {path}.")))

    do_PUT = do_DELETE = do_POST  # noqa: N815 - the base class's names

    def _answer(self, found: Any) -> None:
        error = isinstance(found, TeigError)
        content = json.dumps({"error": found.as_record()} if error else found).encode() if found != b"" else b""
        self.send_response(found.http_status if error else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002 - the base class's name
        return

    def address_string(self) -> str:
        return "unix"


@contextmanager
def serving(path: Path) -> Iterator[FakeServer]:
    """Run a fake server on a socket."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FakeServer(path) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
