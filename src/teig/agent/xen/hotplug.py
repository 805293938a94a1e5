"""The scripts that xl runs in Domain-0 to connect a guest's disks and network cards.

Xen's own, /etc/xen/scripts/block and vif-bridge, start dozens of processes for each, and `block` asks xenstore for each
disk of all guests, one process each, behind a lock that all starts share; after 40 s xl ends a script, and the start
with it (LIBXL_HOTPLUG_TIMEOUT, tools/libs/light/libxl_internal.h). These do the same for a logical volume and a Linux
bridge with a handful of processes, however many guests there are. They keep what the others check: a volume that is
mounted in Domain-0, or that another guest has, is not given away. xl shows what they write to `hotplug-error`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from teig.agent.host.state import write_whole

BLOCK: Final = "/usr/local/lib/teig/block"
VIF_BRIDGE: Final = "/usr/local/lib/teig/vif-bridge"
_BEGIN: Final = """\
#!/bin/sh
# Made by teig: how xl connects %s. Guests that run need it for their next reboot.
set -u
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
fail() {
    xenstore-write "$XENBUS_PATH/hotplug-error" "$1" "$XENBUS_PATH/hotplug-status" error
    exit 1
}
"""
_BLOCK: Final = (
    _BEGIN % "a guest's volume"
    + """\
[ "$1" = add ] || exit 0
device=$(xenstore-read "$XENBUS_PATH/params") || fail "xenstore does not say which device it is."
[ -b "$device" ] || fail "$device is no block device."
number=$(stat -L -c %t:%T "$device") || fail "$device is gone."
decimal=$((0x${number%:*})):$((0x${number#*:}))
while read -r _ _ mounted _; do
    [ "$mounted" != "$decimal" ] || fail "$device is mounted in Domain-0."
done </proc/self/mountinfo
own=${XENBUS_PATH##*/vbd/}
for entry in /sys/bus/xen-backend/devices/vbd-*; do
    { read -r other <"$entry/physical_device"; } 2>/dev/null || continue
    [ "$other" = "$number" ] || continue
    user=${entry##*/vbd-}
    [ "$user" != "${own%/*}-${own#*/}" ] || continue
    # The guest's last domain may still be going, or gone but for this; Domain-0, which is no guest, has no vm.
    user=${user%-*}
    vm=$(xenstore-read "/local/domain/$user/vm" 2>/dev/null) || [ "$user" = 0 ] || continue
    [ "$vm" = "$(xenstore-read "/local/domain/${own%/*}/vm" 2>/dev/null)" ] || fail "$device is a disk of domain $user."
done
xenstore-write "$XENBUS_PATH/physical-device" "$number" "$XENBUS_PATH/physical-device-path" "$device" \\
    "$XENBUS_PATH/hotplug-status" connected
"""
)
_VIF_BRIDGE: Final = (
    _BEGIN % "a guest's network card"
    + """\
[ "$1" = online ] || exit 0
bridge=$(xenstore-read "$XENBUS_PATH/bridge") || fail "xenstore does not say which bridge it is for."
[ -d "/sys/class/net/$bridge/bridge" ] || fail "There is no bridge $bridge."
read -r mtu <"/sys/class/net/$bridge/mtu" || fail "Bridge $bridge is gone."
# The largest address that is no multicast: a bridge takes the smallest of its ports for its own.
said=$(ip link set dev "$vif" address fe:ff:ff:ff:ff:ff mtu "$mtu" master "$bridge" up 2>&1) ||
    fail "$vif cannot join bridge $bridge: $said"
own=${XENBUS_PATH##*/vif/}
xenstore-write "/local/domain/${own%/*}/device/vif/${own#*/}/mtu" "$mtu" "$XENBUS_PATH/hotplug-status" connected
"""
)
SCRIPTS: Final = {BLOCK: _BLOCK, VIF_BRIDGE: _VIF_BRIDGE}
"""The text of each, by its path."""


def install(root: Path) -> None:
    """Write the scripts; a guest may be about to need one, so that they are never missing or half there."""
    for name, text in SCRIPTS.items():
        path = root / name[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.read_text() == text and os.access(path, os.X_OK):
            continue
        new = path.with_name(f"{path.name}.new")
        write_whole(new, text.encode())
        new.chmod(0o755)
        os.replace(new, path)  # noqa: PTH105
