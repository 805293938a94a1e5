"""A word that xl does not know where it wants one of a few.

What: A name such as `on_crash`, `type` or `bios` is set to a word that is none of its choices.

Why: xl refuses the file and the guest does not start.

Example::

    name = "web"
    on_crash = "reboot"

Instead::

    name = "web"
    on_crash = "restart"

Fix: Write one of the words that the finding lists.

Source: xl.cfg(5); tools/libs/light/libxl_types.idl of Xen 4.17.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule

_ACTIONS: Final = "destroy restart rename-restart preserve coredump-destroy coredump-restart soft-reset"
CHOICES: Final = {
    "type": "pv pvh hvm",
    "builder": "generic linux hvm",
    "on_poweroff": _ACTIONS,
    "on_reboot": _ACTIONS,
    "on_watchdog": _ACTIONS,
    "on_crash": _ACTIONS,
    "on_soft_reset": _ACTIONS,
    "bios": "rombios seabios ovmf",
    "device_model_version": "qemu-xen-traditional qemu-xen",
    "passthrough": "default disabled enabled sync_pt share_pt",
    "ms_vm_genid": "generate none",
    "hdtype": "ide ahci",
    "vendor_device": "none xenserver",
    "tee": "none optee",
    "tsc_mode": "default always_emulate native native_paravirt",
    "timer_mode": "delay_for_missed_ticks no_delay_for_missed_ticks no_missed_ticks_pending one_missed_tick_pending",
    "altp2m": "disabled mixed external limited",
    "vga": "stdvga cirrus none qxl",
}
_PV_FIRMWARE: Final = "pvgrub32 pvgrub64"


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find words that xl refuses."""
    for name, words in CHOICES.items():
        yield from _one(guest, name, words)
    if guest.type != "hvm":
        yield from _one(guest, "firmware", _PV_FIRMWARE)


def _one(guest: Guest, name: str, words: str) -> Iterator[Found]:
    value = guest.text(name)
    if value is None or value in words.split() or guest.number(name) is not None:
        return
    yield guest.found(name, f"{value!r:.60} is no {name}; xl knows {', '.join(words.split())}.")


RULE = GuestRule("CFG007", Severity.ERROR, check)
