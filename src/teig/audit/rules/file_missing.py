"""A file that the guest needs is not there.

What: `kernel`, `ramdisk`, `firmware`, `device_model_override` or another file of Domain-0 that the guest is started
with does not exist.

Why: The guest does not start. It is found when the host reboots after an upgrade took the old kernel away.

Example::

    name = "web"
    kernel = "/boot/missing"

Instead::

    name = "web"
    kernel = "/boot/vmlinuz"

Fix: Correct the path. A link such as /boot/vmlinuz outlives upgrades; a copy of your own does too.

Source: the host's own file system; xl.cfg(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule

FILES = (
    "kernel", "ramdisk", "firmware", "firmware_override", "bios_path_override", "device_model_override", "device_tree",
    "pvshim_path", "stubdomain_kernel", "stubdomain_ramdisk", "acpi_firmware", "smbios_firmware",
)  # fmt: skip


def check(guest: Guest, host: HostSettings | None) -> Iterator[Found]:
    """Look for the files."""
    kinds = host.kinds if host else {}
    for name in FILES:
        path = guest.text(name)
        ignored = name == "kernel" and guest.type == "hvm" and str(path).endswith("hvmloader")
        if path and kinds.get(path) == "missing" and not ignored:
            yield guest.found(name, f"There is no {path:.120} on the host: the guest cannot start.")


RULE = GuestRule("GST005", Severity.ERROR, check)
