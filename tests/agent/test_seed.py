"""The first-boot disk: its documents, and a file system that Linux's own tools read."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from teig.agent.contract.spec import parse_manifest, parse_spec
from teig.agent.disks.seed import documents, iso9660, seed
from tests.agent.given import GUEST, SSH_KEY, manifest, spec


def _documents(**changes: Any) -> dict[str, Any]:
    image = parse_manifest(manifest(network="nocloud", default_user="debian"))
    return {name: json.loads(text.removeprefix("#cloud-config\n")) for name, text in
            documents(parse_spec(spec(**changes)), image).items()}  # fmt: skip


def test_documents() -> None:
    found = _documents()
    assert found["meta-data"] == {"instance-id": GUEST, "local-hostname": "web1"}
    assert found["user-data"]["users"][0]["name"] == "debian"
    assert found["user-data"]["users"][0]["ssh_authorized_keys"] == [SSH_KEY]
    cards = found["network-config"]["ethernets"]
    assert cards["eth0"]["match"] == {"macaddress": "00:16:3e:00:00:05"}
    assert cards["eth0"]["routes"] == [{"to": "0.0.0.0/0", "via": "10.77.0.1"}]
    assert cards["eth1"]["addresses"] == ["192.168.9.5/24"]
    assert "routes" not in cards["eth1"]


def test_a_comment_in_a_key_cannot_break_out() -> None:
    key = SSH_KEY.rsplit(" ", 1)[0] + " x\"]}, 'runcmd': [rm]#"
    assert _documents(ssh_keys=[key])["user-data"]["users"][0]["ssh_authorized_keys"] == [key]


def test_a_key_s_comment_stands_there_as_it_is() -> None:
    key = f"{SSH_KEY} høyde 管理者 \U0001f600"
    image = parse_manifest(manifest(network="nocloud", default_user="debian"))
    assert f'"{key}"' in documents(parse_spec(spec(ssh_keys=[key])), image)["user-data"]


def test_blkid_knows_the_label(tmp_path: Path) -> None:
    disk = tmp_path / "seed"
    disk.write_bytes(seed(parse_spec(spec()), parse_manifest(manifest(network="nocloud"))).ljust(1 << 20, b"\0"))
    said = subprocess.run(["blkid", "-p", "-o", "export", str(disk)], capture_output=True, text=True, check=True).stdout
    assert "TYPE=iso9660" in said
    assert "LABEL=CIDATA" in said


def test_files_lie_where_the_directory_says() -> None:
    files = {"meta-data": b"m" * 3000, "user-data": b"", "network-config": b"n" * 2048}
    disk = iso9660(files)
    directory = disk[20 * 2048 : 21 * 2048]
    found, at = {}, 0
    while directory[at]:
        record = directory[at : at + directory[at]]
        name = record[33 : 33 + record[32]].decode()
        start, size = int.from_bytes(record[2:6], "little"), int.from_bytes(record[10:14], "little")
        if record[25] == 0:
            found[name.removesuffix(".;1").lower()] = disk[start * 2048 : start * 2048 + size]
        at += directory[at]
    assert found == files
