"""The scripts that xl runs in Domain-0 to connect a guest's disks and network cards.

Xen's own, /etc/xen/scripts/block and vif-bridge, start dozens of processes for each, and `block` asks xenstore for each
disk of all guests, one process each, behind a lock that all starts share; after 40 s xl ends a script, and the start
with it (LIBXL_HOTPLUG_TIMEOUT, tools/libs/light/libxl_internal.h). These do the same for a logical volume and a Linux
bridge with a handful of processes, however many guests there are. xl shows what they write to `hotplug-error`.

`block` keeps Xen's checks, under Xen's lock: a volume is not given to be written where it is mounted in Domain-0 or
another domain has it, nor to be read where one of these writes. blkback shows its devices in sysfs a moment after their
script has run (Documentation/ABI/testing/sysfs-bus-xen-backend); of those that it does not show yet xenstore is asked.

They lie beside Xen's, where no other release of the agent removes them: guests need them for their next reboot.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from teig.agent.host.state import DEFAULT_ROOT, write_whole
from teig.agent.network import cards, filtering

FOLDER: Final = "/etc/xen/scripts"
BLOCK: Final = f"{FOLDER}/teig-block"
VIF_BRIDGE: Final = f"{FOLDER}/teig-vif-bridge"
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
own=${XENBUS_PATH##*/vbd/}
lock=/var/run/xen-hotplug/block
found=$(xenstore-read "$XENBUS_PATH/mode" "/local/domain/${own%/*}/vm" "$XENBUS_PATH/params") ||
    fail "xenstore does not say which device it is, and whose."
{ read -r mode; read -r vm; read -r device; } <<END
$found
END
[ -b "$device" ] || fail "$device is no block device."
number=$(stat -L -c %t:%T "$device") || fail "$device is gone."
decimal=$((0x${number%:*})):$((0x${number#*:}))

mkdir -p "${lock%/*}" && true >>"$lock" || fail "$lock cannot be written."
while :; do
    exec 9<>"$lock"
    flock 9 || fail "$lock cannot be locked."
    [ /proc/self/fd/9 -ef "$lock" ] && break  # else Xen's script has removed it, which it does when it is done
done

# By its number, whatever it is called; or by its name, for btrfs shows numbers of its own.
while read -r _ _ mounted _ _ options rest; do
    rest=${rest#*- }
    source=${rest#* }
    source=${source%% *}
    [ "$mounted" = "$decimal" ] || { [ "${source#/}" != "$source" ] && [ "$source" -ef "$device" ]; } || continue
    super=${rest##* }
    [ "$mode ${options%%,*} ${super%%,*}" = "r ro ro" ] || fail "$device is mounted in Domain-0."
done </proc/self/mountinfo

value() {  # 1: there is no such key; 2: nobody knows, for xenstore-read says the same where xenstore does not answer
    xenstore-read "$1" 2>/dev/null && return
    xenstore-read "/local/domain/${own%/*}/vm" >/dev/null 2>&1 || return 2
    xenstore-read "$1" 2>/dev/null || return 1
}
known() {
    [ "$1" -ne 2 ] || fail "xenstore does not answer."
}
for entry in /sys/bus/xen-backend/devices/vbd-*; do
    other=${entry##*/vbd-}
    user=${other%-*}
    other=$user/${other#*-}
    [ "$user" != "${own%/*}" ] || continue
    { read -r taken <"$entry/physical_device"; } 2>/dev/null ||
        taken=$(value "/local/domain/0/backend/vbd/$other/physical-device") || { known $?; continue; }
    [ "$taken" = "$number" ] || continue
    { read -r how <"$entry/mode"; } 2>/dev/null || how=$(value "/local/domain/0/backend/vbd/$other/mode") || how=w
    [ "$mode$how" != rr ] || continue
    # The guest's last domain may still be going, or gone but for this; Domain-0, which is no guest, has no vm.
    [ "$user" != 0 ] || fail "$device is a disk of domain 0."
    theirs=$(value "/local/domain/$user/vm") || { known $?; continue; }
    [ "$theirs" = "$vm" ] || fail "$device is a disk of domain $user."
done

xenstore-write "$XENBUS_PATH/physical-device" "$number" "$XENBUS_PATH/physical-device-path" "$device" \\
    "$XENBUS_PATH/hotplug-status" connected || fail "xenstore could not be written."
"""
)
_VIF_BRIDGE: Final = (
    _BEGIN % "a guest's network card"
    + f"""\
own=${{XENBUS_PATH##*/vif/}}
limit() {{  # before it is up: no frame passes unfiltered
    said=$({cards.SCRIPT_PATH} "$vif" "{DEFAULT_ROOT}/guests/${{vm##*/}}/nic${{own#*/}}" 2>&1) || fail "$said"
}}
if [ "$1" = online ]; then
    found=$(xenstore-read "/local/domain/${{own%/*}}/vm" "$XENBUS_PATH/bridge") ||
        fail "xenstore does not say whose it is, and which bridge it is for."
    {{ read -r vm; read -r bridge; }} <<END
$found
END
fi
for hook in {FOLDER}/vif-post.d/*.hook; do  # an administrator's own: Xen's script knows how to run them
    [ -x "$hook" ] || continue
    [ "$1" != online ] || limit
    {FOLDER}/vif-bridge "$@" || exit 1
    [ "$1" != online ] || limit  # once more: now it is a port of its bridge, and can be locked
    exit 0
done
"""
    + """\
[ "$1" = online ] || exit 0
[ -d "/sys/class/net/$bridge/bridge" ] || fail "There is no bridge $bridge."
read -r mtu <"/sys/class/net/$bridge/mtu" || fail "Bridge $bridge is gone."
change() {
    said=$(ip link set dev "$vif" "$@" 2>&1)
}
# The largest address that is no multicast: a bridge takes the smallest of its ports for its own.
change address fe:ff:ff:ff:ff:ff mtu "$mtu" master "$bridge" || {
    change down  # somebody has taken it up already; or it cannot have such an address or MTU, and does without
    ip address flush dev "$vif"
    change address fe:ff:ff:ff:ff:ff
    change mtu "$mtu"
    change master "$bridge"
} || fail "$vif cannot join bridge $bridge: $said"
limit
change up || fail "$vif cannot be taken up: $said"
read -r mtu <"/sys/class/net/$vif/mtu" || fail "$vif is gone."
xenstore-write "/local/domain/${own%/*}/device/vif/${own#*/}/mtu" "$mtu" "$XENBUS_PATH/hotplug-status" connected ||
    fail "xenstore could not be written."
"""
)
SCRIPTS: Final = {
    BLOCK: _BLOCK,
    cards.TABLE_PATH: filtering.TABLE,
    cards.SCRIPT_PATH: cards.SCRIPT,
    VIF_BRIDGE: _VIF_BRIDGE,
}
"""The text of each, by its path, in the order in which they are written: none is there before what it needs."""


def install(root: Path) -> None:
    """Write the scripts anew; a guest may be about to need one, so that none is missing or half there."""
    for name, text in SCRIPTS.items():
        path = root / name[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode(), 0o755)


def uninstall(root: Path) -> None:
    """Remove the scripts and the filter: no guest is left that needs them."""
    for name in SCRIPTS:
        (root / name[1:]).unlink(missing_ok=True)
    if root == Path("/"):
        filtering.remove()
