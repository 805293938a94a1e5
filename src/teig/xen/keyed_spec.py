"""The other small languages of xl.cfg, which are `key=value` pairs and nothing else.

vfb, vtpm, p9, pvcalls, channel, usbctrl, usbdev, vdispl, vkb: keys as xl.cfg(5) and tools/xl/xl_parse.c of Xen 4.17
have them; vfb's `type` and `videoram` are xm's, which xl passes over. usbdevice and usb are plain words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from teig.xen.config_text import Span
from teig.xen.spec import BadSpec, Pair, pairs

_NUMBERS: Final = {
    "vnc", "vncdisplay", "vncunused", "sdl", "opengl", "version", "ports", "hostbus", "hostaddr", "controller", "port",
    "width", "height", "multi-touch-width", "multi-touch-height", "multi-touch-num-contacts",
}  # fmt: skip
KEYS: Final[dict[str, frozenset[str]]] = {
    name: frozenset(keys.split())
    for name, keys in {
        "vfb": "vnc vnclisten vncdisplay vncunused vncpasswd sdl display xauthority opengl keymap type videoram",
        "vtpm": "backend uuid",
        "p9": "tag security_model path backend",
        "pvcalls": "backend",
        "channel": "backend name connection path",
        "usbctrl": "type version ports",
        "usbdev": "type hostbus hostaddr controller port",
        "vdispl": "backend be-alloc connectors",
        "vkb": """unique-id backend backend-type feature-disable-keyboard feature-disable-pointer feature-abs-pointer
            feature-raw-pointer feature-multi-touch multi-touch-width multi-touch-height multi-touch-num-contacts
            width height""",
    }.items()
}
_NEEDED: Final = {"vtpm": ("backend",), "p9": ("tag", "security_model", "path"), "channel": ("connection",),
                  "vdispl": ("connectors",)}  # fmt: skip
_CHOICES: Final = {
    ("usbctrl", "type"): ("auto", "pv", "qusb", "devicemodel"),
    ("usbctrl", "version"): ("1", "2", "3"),
    ("usbdev", "type"): ("hostdev",),
    ("channel", "connection"): ("pty", "socket"),
    ("vkb", "backend-type"): ("qemu", "linux"),
}


@dataclass
class Keyed:
    """A device of such a language: what was given, and where."""

    given: dict[str, str] = field(default_factory=dict)
    where: dict[str, Span] = field(default_factory=dict)


def parse_keyed(language: str, text: str) -> Keyed:
    """Read one string of the list `language`. Raises BadSpec where xl refuses it, or would leave a part out."""
    device = Keyed()
    for pair in pairs(text):
        _take(device, language, pair)
    for key in _NEEDED.get(language, ()):
        if key not in device.given:
            raise BadSpec(Span(0, len(text)), f"{language} needs {key}=VALUE.", "Add it (xl.cfg(5)).")
    return device


def _take(device: Keyed, language: str, pair: Pair) -> None:
    key, span = pair.key.strip(), pair.span
    if pair.value is None or key not in KEYS[language]:
        known = ", ".join(sorted(KEYS[language]))
        raise BadSpec(span, f"{key!r:.60} is no {language} parameter.", f"Known ones, as KEY=VALUE: {known}.")
    value = pair.value.strip()
    choices = _CHOICES.get((language, key), ())
    if choices and value.lower() not in choices:
        raise BadSpec(span, f"{value!r:.60} is no {key} of {language}.", f"Write one of: {', '.join(choices)}.")
    if key in _NUMBERS and not (value.isascii() and value.isdigit()):
        raise BadSpec(span, f"{key} of {language} must be a number, and is {value!r:.60}.", f"Write {key}=NUMBER.")
    device.given[key] = value
    device.where[key] = span
