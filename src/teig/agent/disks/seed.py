"""What a guest learns at its first boot: a small disk for cloud-init's NoCloud data source.

The disk is an ISO 9660 file system with the label CIDATA, written here: one primary volume descriptor and one
directory of three files (ECMA-119; cloud-init's documentation, "NoCloud"). Linux shows the names in small letters
(fs/isofs, isofs_name_translate). All values are written as JSON, which is valid YAML, so none of them can break out.
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any

from teig.agent.contract.spec import Manifest, Spec

_SECTOR = 2048
_FIRST_SECTOR = 16
_ROOT_SECTOR = 20
LABEL = "CIDATA"
SIZE_BYTES = 4 << 20
"""How large the volume is."""


def seed(spec: Spec, manifest: Manifest) -> bytes:
    """Return the bytes of the seed disk of a guest."""
    return iso9660({name: text.encode() for name, text in documents(spec, manifest).items()})


def write(path: str, spec: Spec, manifest: Manifest) -> None:
    """Write the seed disk of a guest onto its volume, and zeros behind it."""
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(handle, seed(spec, manifest).ljust(SIZE_BYTES, b"\0"), 0)
        os.fsync(handle)
    finally:
        os.close(handle)


def documents(spec: Spec, manifest: Manifest) -> dict[str, str]:
    """Return cloud-init's three documents: who the guest is, who may log in, and its network by MAC address."""
    user = {"name": manifest.default_user, "ssh_authorized_keys": list(spec.ssh_keys)}
    data: dict[str, Any] = {"hostname": spec.name, "fqdn": spec.name, "ssh_pwauth": False, "disable_root": False}
    if manifest.default_user == "root":
        data["ssh_authorized_keys"] = list(spec.ssh_keys)
        data["users"] = [user]
    elif manifest.default_user:
        data["users"] = [{**user, "sudo": "ALL=(ALL) NOPASSWD:ALL", "shell": "/bin/bash", "lock_passwd": True}]
    return {
        "meta-data": _json({"instance-id": spec.id, "local-hostname": spec.name}),
        "user-data": "#cloud-config\n" + _json(data),
        "network-config": _json({"version": 2, "ethernets": _ethernets(spec)}),
    }


def _ethernets(spec: Spec) -> dict[str, Any]:
    cards: dict[str, Any] = {}
    for index, nic in enumerate(spec.nics):
        card: dict[str, Any] = {"match": {"macaddress": nic.mac}, "set-name": f"eth{index}", "addresses": [nic.address]}
        if index == 0:
            card["routes"] = [{"to": "0.0.0.0/0", "via": nic.gateway}]
            card["nameservers"] = {"addresses": [nic.gateway]}
        cards[f"eth{index}"] = card
    return cards


def _json(value: Any) -> str:
    # cloud-init reads it as YAML, to which the two halves that JSON escapes a rare letter into are no letter.
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def iso9660(files: dict[str, bytes]) -> bytes:
    """Return a file system that holds some small files in its one directory."""
    sector = _ROOT_SECTOR + 1
    records = [_record(b"\0", _ROOT_SECTOR, _SECTOR, folder=True), _record(b"\1", _ROOT_SECTOR, _SECTOR, folder=True)]
    bodies = []
    for name, data in sorted(files.items()):
        records.append(_record(name.upper().encode() + b".;1", sector, len(data), folder=False))
        bodies.append(_padded(data))
        sector += len(bodies[-1]) // _SECTOR
    path_table = struct.pack("<BBIH", 1, 0, _ROOT_SECTOR, 1) + b"\0\0"
    path_table_big = struct.pack(">BBIH", 1, 0, _ROOT_SECTOR, 1) + b"\0\0"
    head = [
        b"\0" * (_FIRST_SECTOR * _SECTOR),
        _padded(_volume_descriptor(sector, len(path_table))),
        _padded(b"\xffCD001\x01"),
        _padded(path_table),
        _padded(path_table_big),
        _padded(b"".join(records)),
    ]
    return b"".join(head + bodies)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % _SECTOR)


def _both32(value: int) -> bytes:
    return struct.pack("<I", value) + struct.pack(">I", value)


def _both16(value: int) -> bytes:
    return struct.pack("<H", value) + struct.pack(">H", value)


def _record(name: bytes, sector: int, size: int, *, folder: bool) -> bytes:
    """Return a directory record (ECMA-119, 9.1); the date is fixed, so that equal guests have equal seeds."""
    body = b"\0" + _both32(sector) + _both32(size) + bytes((124, 1, 1, 0, 0, 0, 0)) + (b"\2" if folder else b"\0")
    body += b"\0\0" + _both16(1) + bytes((len(name),)) + name
    body += b"\0" * ((len(body) + 1) % 2)
    return bytes((len(body) + 1,)) + body


def _volume_descriptor(sectors: int, path_table_size: int) -> bytes:
    """Return the primary volume descriptor (ECMA-119, 8.4)."""
    no_date = b"0" * 16 + b"\0"
    return b"".join(
        (
            b"\1CD001\1\0", b" " * 32, LABEL.encode().ljust(32), b"\0" * 8, _both32(sectors), b"\0" * 32,
            _both16(1), _both16(1), _both16(_SECTOR), _both32(path_table_size),
            struct.pack("<II", 18, 0), struct.pack(">II", 19, 0),
            _record(b"\0", _ROOT_SECTOR, _SECTOR, folder=True),
            b" " * (128 * 4 + 37 * 3), no_date * 4, b"\1\0",
        )
    )  # fmt: skip
