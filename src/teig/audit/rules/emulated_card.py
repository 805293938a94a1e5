"""An emulated network card.

What: A card of an HVM guest asks for a `model` such as e1000 or rtl8139, or has none and no `type=vif`.

Why: QEMU plays a card of 1999 next to the paravirtual one. A guest with Xen's drivers (every Linux, Windows with the
PV drivers) does not need it; one that uses it gets a tenth of the speed at many times Domain-0's processor time, and
QEMU's code for old cards is where many of its security holes were.

Example::

    name = "web"
    type = "hvm"
    vif = ["mac=00:16:3e:12:34:56, bridge=xenbr0, model=rtl8139"]

Instead::

    name = "web"
    type = "hvm"
    vif = ["mac=00:16:3e:12:34:56, bridge=xenbr0, type=vif"]

Fix: Where the guest has PV drivers and does not boot from the network, write `type=vif`. Nothing is changed by
`--fix`: what drivers the guest has is not in the file.

Source: xl-network-configuration(5), `type` and `model`.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find emulated cards of HVM guests."""
    if guest.type != "hvm":
        return
    for item in guest.vifs:
        if item.value.given.get("type") != "vif":
            model = item.value.given.get("model", "rtl8139, the default")
            where = "model" if "model" in item.value.where else "type"
            yield guest.found(item.where(where), f"QEMU plays a network card ({model}) beside the paravirtual one.")


RULE = GuestRule("NET007", Severity.NOTE, check)
