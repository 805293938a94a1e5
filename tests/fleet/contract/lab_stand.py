"""The contract's stand around a real Xen host in the lab."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from teig.model.guest import GuestSpec
from teig.model.names import GuestId
from tests.fleet import conftest
from tests.fleet.contract.stand import SPARE, SPARE_EXTENT, SPARE_EXTENTS, SpareGroup, Stand

_DISK = "/root/spare.img"
_KILL = (
    "found=$(find /proc/[0-9]*/fd -lname '*/guests/{guest}/lock' 2>/dev/null | cut -d/ -f3 | sort -u); "
    'test -n "$found" || exit 1; for p in $found; do kill -9 $p || [ ! -e /proc/$p ] || exit 1; done'
)
_KILL_CHANNELS = (  # but no jobs, whose parent is init
    "for p in $(pgrep -f '[a]gent.pyz serve$'); do "
    "[ \"$(ps -o ppid= -p $p | tr -d ' ')\" = 1 ] || kill -9 $p || [ ! -e /proc/$p ] || exit 1; done"
)
_THEIRS = 'name="theirs"\ntype="pv"\nmemory=80\nkernel="{kernel}"\nextra="panic=0"\n'


class LabSpareGroup(SpareGroup):
    def __init__(self, run: Callable[[str], str]) -> None:
        self._run = run
        self._device = run(f"truncate -s {(SPARE_EXTENTS * SPARE_EXTENT >> 20) + 8}M {_DISK}; {_ATTACH}").strip()
        run(f"vgcreate -qq -y -s {SPARE_EXTENT >> 20}m {SPARE} {self._device}")

    def lose(self) -> None:
        self._run(f"vgchange -qq -an {SPARE}; losetup -d {self._device}; udevadm settle; ! vgs {SPARE} 2>&1")

    def give_back(self) -> None:
        self._device = self._run(f"losetup -j {_DISK} -n -O NAME | grep . || {_ATTACH}").strip()
        self._run(f"udevadm settle; vgchange -qq -ay {SPARE}; udevadm settle")

    def remove(self) -> None:
        self._run(f"vgremove -qq -f -y {SPARE}; losetup -d {self._device}; rm {_DISK}")


_ATTACH = f"losetup --find --show {_DISK}"


class LabStand(Stand):
    def __init__(self, inner: conftest.Stand) -> None:
        super().__init__(inner.host.driver, inner.image, inner.folder)
        self.inner = inner

    def now(self) -> float:
        return time.monotonic()

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def reboot_inside(self, spec: GuestSpec) -> None:
        self.inner.get(spec, "/cgi-bin/reboot")

    def talk(self, spec: GuestSpec) -> None:
        self.inner.get(spec)

    def make_deaf(self, spec: GuestSpec) -> None:
        self.inner.run(f"xl pause {spec.name}")

    def make_hear(self, spec: GuestSpec) -> None:
        self.inner.run(f"xl unpause {spec.name}")

    @contextmanager
    def foreign(self) -> Iterator[None]:
        kernel = f"/var/lib/teig/images/{self.image.id}/{self.image.manifest.files.kernel.file}"
        config = _THEIRS.format(kernel=kernel)
        self.inner.run(f"cat >/root/theirs.cfg <<'E'\n{config}E\nxl create -p /root/theirs.cfg")
        try:
            yield
        finally:
            self.inner.run("xl destroy theirs")

    @contextmanager
    def spare_group(self) -> Iterator[SpareGroup]:
        group = LabSpareGroup(self.inner.run)
        try:
            yield group
        finally:
            group.give_back()
            self.remove_all()
            group.remove()

    def kill_job(self, guest: GuestId) -> None:
        self.inner.run(_KILL.format(guest=guest))

    def cut_growth(self, spec: GuestSpec, size_bytes: int) -> None:
        [disk] = self.host.guest(spec.id).disks
        mark = f"/var/lib/teig/guests/{spec.id}/disk0.json"
        self.inner.run(f"sed -i '1s/{{/{{\"growing\": {disk.size_bytes},/' {mark}; grep -q growing {mark}")
        self.inner.run(f"lvextend -qq -L {size_bytes}b {disk.pool}/teig-{spec.id}-disk0")

    def soil(self, spec: GuestSpec) -> None:
        self.inner.run(f"rm /var/lib/teig/guests/{spec.id}/disk0.json")

    @contextmanager
    def silent(self) -> Iterator[None]:
        with self.inner.lab.monitor() as monitor:
            monitor.stop()
            try:
                yield
            finally:
                monitor.go_on()

    def lose_answer(self, call: Callable[[], object]) -> None:
        """Make the call and forget what it says; the agent that has answered is gone at the next one."""
        call()
        self.inner.run(_KILL_CHANNELS)
