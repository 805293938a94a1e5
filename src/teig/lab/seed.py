"""What tells one lab host from another: its name, addresses and SSH keys, as a small cpio archive behind its initramfs.

The keys belong to this user's labs and stay in the cache directory (mode 0600): a snapshot holds them too, so labs
that share snapshots share them. Neighbours: `machine` has the addresses, `recipes/shared/init` unpacks the archive.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from teig import paths, process
from teig.lab import machine
from teig.lab.options import MOST_HOSTS


@dataclass(frozen=True)
class Keys:
    """The files of one key pair."""

    private: Path

    @property
    def public(self) -> str:
        """The public key, as one line in OpenSSH's form."""
        return self.private.with_suffix(".pub").read_text(encoding="utf-8").strip()


def lab_dir() -> Path:
    """Return where keys and snapshots of all labs of this user are kept."""
    folder = paths.cache_dir() / "lab"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def client_keys() -> Keys:
    """Return the key pair that lets us in to every lab host, made now if there is none."""
    return _keys("client")


def host_keys(index: int) -> Keys:
    """Return the key pair by which host `index` is known, made now if there is none."""
    return _keys(host_name(index))


def host_name(index: int) -> str:
    """Return the name of host `index`, counted from 1."""
    return f"lab{index}"


def _keys(name: str) -> Keys:
    folder = lab_dir() / "keys"
    folder.mkdir(mode=0o700, exist_ok=True)
    private = folder / name
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not private.with_suffix(".pub").exists():
            private.unlink(missing_ok=True)
            process.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"teig-{name}", "-f", str(private)])
    return Keys(private)


def seed_files(index: int) -> dict[str, str]:
    """Return the files of host `index`, by path, without the keys."""
    everyone = "".join(
        f"{machine.segment_address(number)} {host_name(number)}\n" for number in range(1, MOST_HOSTS + 1)
    )
    network = "etc/systemd/network"
    return {
        "etc/hostname": f"{host_name(index)}\n",
        "etc/hosts": f"127.0.0.1 localhost\n{everyone}",
        f"{network}/10-management.network": (
            "# QEMU's own network: SSH from this machine comes in here, and nothing goes out.\n"
            f"[Match]\nMACAddress={machine.mac_address(0, index)}\n"
            f"[Network]\nAddress={machine.MANAGEMENT_ADDRESS}/24\nLinkLocalAddressing=no\n"
        ),
        f"{network}/20-segment.network": (
            f"[Match]\nMACAddress={machine.mac_address(1, index)}\nType=ether\n"
            "[Network]\nBridge=xenbr0\nLinkLocalAddressing=no\n"
        ),
        f"{network}/20-xenbr0.netdev": (
            f"[NetDev]\nName=xenbr0\nKind=bridge\nMACAddress={machine.mac_address(2, index)}\n"
            "[Bridge]\nSTP=no\nForwardDelaySec=0\n"
        ),
        f"{network}/20-xenbr0.network": (
            "[Match]\nName=xenbr0\n[Network]\n"
            f"Address={machine.segment_address(index)}/{machine.SEGMENT_PREFIX}\n"
            "LinkLocalAddressing=no\nConfigureWithoutCarrier=yes\n"
        ),
    }


def write_initrd(base: Path, index: int, out: Path) -> None:
    """Write the initramfs of host `index`: the image's own with its files behind it."""
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        tree = Path(folder) / "seed"
        for name, text in seed_files(index).items():
            _put(tree / name, text, 0o644)
        _put(tree / "etc/ssh/lab_authorized_keys", client_keys().public + "\n", 0o600)
        own = host_keys(index)
        _put(tree / "etc/ssh/ssh_host_ed25519_key", own.private.read_text(encoding="utf-8"), 0o600)
        _put(tree / "etc/ssh/ssh_host_ed25519_key.pub", own.public + "\n", 0o644)
        names = "".join(f"{path.relative_to(folder)}\n" for path in [tree, *sorted(tree.rglob("*"))])
        archive = Path(folder) / "seed.cpio"
        process.run(
            ["cpio", "--quiet", "--create", "--format=newc", "--owner=0:0", "--file", str(archive)],
            stdin=names.encode(),
            cwd=Path(folder),
        )
        with out.open("wb") as joined:
            for part in (base, archive):
                with part.open("rb") as source:
                    shutil.copyfileobj(source, joined)


def _put(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
