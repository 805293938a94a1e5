"""Values that tests of the agent start from: a guest, an image, and an agent in this process."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from teig.agent.contract.protocol import Channel
from teig.agent.host.state import State
from teig.agent.verbs import Agent

GUEST = "7b1c0f0e-94a5-4d6b-9d55-0a7f6c1f2e33"
ROOT_BYTES = b"teig" * 16384 + bytes(1 << 17) + b"end" * 1000
FILES = {
    "vmlinuz": b"a kernel",
    "initrd.img": b"an initrd",
    "root.img.gz": gzip.compress(ROOT_BYTES, mtime=0),
}
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX kari"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def entry(file: str) -> dict[str, Any]:
    raw_size = len(ROOT_BYTES) if file.endswith(".gz") else None
    return {"file": file, "sha256": sha256(FILES[file]), "size": len(FILES[file]), "raw_size": raw_size}


def manifest(**changes: Any) -> dict[str, Any]:
    return {
        "name": "micro",
        "version": "2026-11-22",
        "recipe": "0" * 64,
        "arch": "amd64",
        "files": {"kernel": entry("vmlinuz"), "initrd": entry("initrd.img"), "root": entry("root.img.gz")},
        "cmdline": "root=/dev/xvda ro console=hvc0",
        "network": "kernel-ip",
        "ssh": False,
        "default_user": None,
        "min_memory_mib": 64,
        "min_disk_mib": 16,
        "ready_port": 80,
        **changes,
    }


IMAGE = sha256(json.dumps(manifest(), sort_keys=True).encode())


def spec(**changes: Any) -> dict[str, Any]:
    return {
        "id": GUEST,
        "name": "web1",
        "type": "pv",
        "plan": "tiny",
        "site": "oslo",
        "image": IMAGE,
        "memory_mib": 96,
        "vcpus": 2,
        "share_cores": 0.25,
        "ceiling_cores": 1.5,
        "weight": 128,
        "cap": 150,
        "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16 << 20, "write_bps": 8 << 20},
        "out_kbit": 50000,
        "in_kbit": 40000,
        "disks": [{"index": 0, "size_bytes": 256 << 20}, {"index": 1, "size_bytes": 512 << 20}],
        "nics": [
            {"mac": "00:16:3e:00:00:05", "bridge": "xenbr0", "address": "10.77.16.5/16", "gateway": "10.77.0.1"},
            {"mac": "00:16:3e:00:00:06", "bridge": "xenbr1", "address": "192.168.9.5/24", "gateway": "192.168.9.1"},
        ],
        "ssh_keys": [SSH_KEY],
        **changes,
    }


class Asking:
    """The caller's end of an agent that runs in a thread of this process."""

    def __init__(self, source: int, sink: int) -> None:
        self.channel = Channel(source, sink)
        self.number = 0

    def send(self, verb: str, args: Any) -> None:
        self.number += 1
        self.channel.send({"id": self.number, "verb": verb, "args": args})

    def answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.channel.line())
        return answer

    def ask(self, verb: str, **args: Any) -> dict[str, Any]:
        self.send(verb, args)
        answer = self.answer()
        assert answer["id"] == self.number
        return answer

    def raw(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.channel.sink, data) :]

    def put_image(self) -> None:
        assert "ok" in self.ask("image_begin", image=IMAGE, manifest=manifest())
        for file, data in FILES.items():
            assert self.ask("image_receive", image=IMAGE, file=file, size=len(data), sha256=sha256(data))["go"]
            self.raw(data)
            assert "ok" in self.answer()


@contextmanager
def agent(root: Path) -> Iterator[Asking]:
    """Run an agent; at the end the channel is closed, and the agent must then end by itself."""
    to_agent, from_caller = os.pipe()
    to_caller, from_agent = os.pipe()
    thread = Thread(target=Agent(State(root), Channel(to_agent, from_agent)).serve, daemon=True)
    thread.start()
    try:
        yield Asking(to_caller, from_caller)
    finally:
        os.close(from_caller)
        thread.join(10)
        for handle in (to_agent, to_caller, from_agent):
            os.close(handle)
        assert not thread.is_alive()
