"""A screen that anybody can reach.

What: `vnclisten` (alone or in `vfb`) is not an address of this machine only, and there is no `vncpasswd`; or
`spicehost` is not, and `spicedisable_ticketing` is on.

Why: Who reaches the host's port 5900 has the guest's keyboard and screen, from the boot loader on, without a password.
VNC's own password is weak and sent over a connection that is not encrypted, so it is no reason to listen everywhere.

Example::

    name = "web"
    vfb = ["vnc=1, vnclisten=0.0.0.0"]

Instead::

    name = "web"
    vfb = ["vnc=1, vnclisten=127.0.0.1"]

Fix: Listen on 127.0.0.1, which is the default, and come through ssh: `ssh -L 5900:127.0.0.1:5900 host`. Nothing is
changed by `--fix`: somebody may use it.

Source: xl.cfg(5), `vnclisten`, `vncpasswd`, `spicedisable_ticketing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule

_LOCAL: Final = ("127.", "localhost", "::1", "[::1]")


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find screens without a password that are reachable."""
    listen = guest.text("vnclisten")
    if listen and guest.number("vnc") != 0 and not guest.text("vncpasswd") and not listen.startswith(_LOCAL):
        yield guest.found("vnclisten", _text(listen))
    spice = guest.text("spicehost")
    if spice and guest.number("spice") and guest.number("spicedisable_ticketing") and not spice.startswith(_LOCAL):
        yield guest.found("spicehost", _text(spice))
    for item in guest.framebuffers:
        given = item.value.given
        listen = given.get("vnclisten", "")
        off = given.get("vnc") == "0" or given.get("vncpasswd")
        if listen and not off and not listen.startswith(_LOCAL):
            yield guest.found(item.where("vnclisten"), _text(listen))


def _text(listen: str) -> str:
    return f"The guest's screen listens on {listen:.60} without a password: listen on 127.0.0.1 and use ssh."


RULE = GuestRule("DEV001", Severity.ERROR, check)
