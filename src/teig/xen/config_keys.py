"""Every name that xl.cfg(5) of Xen 4.17 knows, what kind of value it takes, and which guests it is for.

Sources: xl.cfg(5), and tools/xl/xl_parse.c where the manual is silent: a name that xl reads and does not document is
here too, one that only xm read is in `XM_ONLY` with what to write today.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from teig.xen.config_file import Atom, Value


class Kind(Enum):
    """What a value must be. xl keeps numbers as text, so a number does where it wants a string."""

    STRING = "a string"
    NUMBER = "a number"
    BOOLEAN = "0 or 1"
    LIST = "a list of strings"
    STRING_OR_LIST = "a string or a list of strings"
    NUMBER_OR_STRING = "a number or a string"
    BOOLEAN_OR_LIST = "0, 1 or a list of strings"
    NESTED = "a list of lists of strings"

    def takes(self, value: Value) -> bool:
        """Return whether xl would use such a value; what it does not use it ignores with a warning."""
        if isinstance(value, Atom):
            if self in {Kind.NUMBER, Kind.BOOLEAN, Kind.BOOLEAN_OR_LIST}:
                return value.number is not None
            return self not in {Kind.LIST, Kind.NESTED}
        if self is Kind.NESTED:
            return not any(isinstance(item, Atom) for item in value.items)
        if self not in {Kind.LIST, Kind.STRING_OR_LIST, Kind.BOOLEAN_OR_LIST}:
            return False
        return all(isinstance(item, Atom) for item in value.items)


class Key(NamedTuple):
    """A name's kind, and the guest types that use it (empty: all)."""

    kind: Kind
    types: frozenset[str]


_ANY: Final = ""
_TABLE: Final = {
    (Kind.STRING, _ANY): """
        name type builder pool on_poweroff on_reboot on_watchdog on_crash on_soft_reset kernel ramdisk cmdline root
        extra firmware uuid seclabel init_seclabel device_tree passthrough rdm device_model_user tee
        device_model_version device_model_override stubdomain_kernel stubdomain_cmdline stubdomain_ramdisk
        device_model_stubdomain_seclabel gic_version vuart bootloader vnclisten vncpasswd keymap""",
    (Kind.NUMBER, _ANY): """
        vcpus maxvcpus cpu_weight cap memory maxmem max_grant_frames max_maptrack_frames max_grant_version
        vmtrace_buf_kb max_event_channels shadow_memory rtc_timeoffset stubdomain_memory period slice latency
        extratime videoram vncdisplay""",
    (Kind.BOOLEAN, _ANY): """
        nomigrate driver_domain xend_suspend_evtchn_compat vpmu pci_permissive pci_msitranslate pci_seize
        pci_power_mgmt dm_restrict hap oos acpi apic nestedhvm localtime device_model_stubdomain_override
        msr_relaxed vnc vncunused sdl opengl nographic""",
    (Kind.LIST, _ANY): """
        disk vif vtpm p9 pvcalls vfb channel usbctrl usbdev pci dtdev ioports iomem irqs vdispl vkb
        device_model_args device_model_args_pv device_model_args_hvm""",
    (Kind.NESTED, _ANY): "vnuma vsnd",
    (Kind.STRING_OR_LIST, _ANY): "cpus cpus_soft cpuid bootloader_args",
    (Kind.NUMBER_OR_STRING, _ANY): "tsc_mode timer_mode altp2m",
    (Kind.BOOLEAN, "pv"): "e820_host",
    (Kind.BOOLEAN, "pvh"): "pvshim",
    (Kind.STRING, "pvh"): "pvshim_path pvshim_cmdline pvshim_extra",
    (Kind.NUMBER, "hvm"): "mmio_hole rdm_mem_boundary spiceport spicetls_port spiceusbredirection usbversion",
    (Kind.STRING, "hvm"): """
        boot hdtype bios bios_path_override firmware_override acpi_firmware smbios_firmware ms_vm_genid vga spicehost
        spicepasswd spice_image_compression spice_streaming_video soundhw vendor_device""",
    (Kind.BOOLEAN, "hvm"): """
        pae acpi_s3 acpi_s4 acpi_laptop_slate nx hpet altp2mhvm vpt_align xen_platform_pci stdvga spice
        spicedisable_ticketing spiceagent_mouse spicevdagent spice_clipboard_sharing vkb_device usb""",
    (Kind.NUMBER_OR_STRING, "hvm"): "gfx_passthru",
    (Kind.BOOLEAN_OR_LIST, "hvm"): "viridian",
    (Kind.STRING_OR_LIST, "hvm"): "serial usbdevice",
    (Kind.LIST, "hvm"): "mca_caps",
}
KEYS: Final[dict[str, Key]] = {
    name: Key(kind, frozenset(types.split())) for (kind, types), names in _TABLE.items() for name in names.split()
}

XM_ONLY: Final[dict[str, str]] = {
    "device_model": "xl ignores it; device_model_override names another device model.",
    "bootargs": "xl ignores it; use bootloader_args.",
    "snapshot": "xl ignores it; make a snapshot of the volume.",
    "usbport": "xl ignores it; use usbctrl and usbdev.",
    "vcpu_avail": "xl ignores it; use vcpus and maxvcpus.",
    "on_xend_start": "there is no xend; put a link into /etc/xen/auto.",
    "on_xend_stop": "there is no xend; put a link into /etc/xen/auto.",
    "suppress_spurious_page_faults": "xl ignores it.",
    "superpages": "xl ignores it.",
    "blkif": "xl ignores it; use driver_domain.",
    "netif": "xl ignores it; use driver_domain.",
    "tpmif": "xl ignores it; use vtpm.",
    "vif2": "netchannel2 is gone; use vif.",
    "vncviewer": "xl ignores it; use xl create -V.",
    "vncconsole": "xl ignores it; use xl create -V.",
    "cpu": "xl ignores it; pin with cpus.",
    "restart": "xl ignores it; use on_poweroff, on_reboot and on_crash.",
    "nics": "xl ignores it; the vif list says how many there are.",
    "bridge": "xl ignores it; write bridge= into each vif.",
    "features": "xl ignores it.",
    "vhpt": "xl ignores it: Itanium only.",
    "monitor": "xl ignores it.",
    "console": "xl ignores it.",
    "display": "xl ignores it; it belongs into vfb.",
    "xauthority": "xl ignores it; it belongs into vfb.",
    "stdvga_mem": "xl ignores it; use videoram.",
    "vscsi": "xl 4.17 has no vscsi.",
    "cdrom": "xl ignores it; write the drive into disk.",
    "fda": "xl ignores it: no floppy.",
    "fdb": "xl ignores it: no floppy.",
    "ne2000": "xl ignores it; write model= into the vif.",
    "isa": "xl ignores it.",
    "guest_os_type": "xl ignores it.",
    "platform": "xl ignores it.",
    "hvm": "xl ignores it; use type.",
    "dhcp": "xl ignores it; the guest's kernel takes ip=dhcp in cmdline.",
    "ip": "xl ignores it; the guest's kernel takes ip= in cmdline.",
    "netmask": "xl ignores it; the guest's kernel takes ip= in cmdline.",
    "gateway": "xl ignores it; the guest's kernel takes ip= in cmdline.",
    "hostname": "xl ignores it; the guest's kernel takes ip= in cmdline.",
    "nfs_server": "xl ignores it; write nfsroot= into cmdline.",
    "nfs_root": "xl ignores it; write nfsroot= into cmdline.",
    "parallel": "xl ignores it: no parallel port.",
}
"""What xm read and xl does not, with what to do about it."""
