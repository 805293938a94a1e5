"""One disk of xl.cfg's `disk` list.

The language is that of xl-disk-configuration(5), and where the manual is silent that of xl itself (Xen 4.17,
tools/libs/util/libxlu_disk_l.l): at each place the longest match wins. Neighbours: `spec`, `config_file`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from pathlib import PurePosixPath
from typing import Any, Final

from teig.xen.config_text import Span
from teig.xen.spec import BadSpec, leading_number

FORMATS: Final = ("raw", "qcow", "qcow2", "vhd", "qed", "empty")
BACKENDS: Final = ("phy", "tap", "qdisk", "standalone")
_READ_ONLY: Final = {"r": True, "ro": True, "rw": False, "w": False, "": False}
_FLAGS: Final = {
    "cdrom": ("cdrom", True), "direct-io-safe": ("direct_io_safe", True), "discard": ("discard", True),
    "no-discard": ("discard", False), "colo": ("colo", True), "no-colo": ("colo", False),
}  # fmt: skip
_TEXTS: Final = {"backend", "vdev", "script", "colo-host", "colo-export", "active-disk", "hidden-disk"}
_KEYS: Final = {*_TEXTS, "format", "devtype", "access", "backendtype", "specification", "colo-port"}
_FORMAT_PREFIX: Final = re.compile(r"(raw|qcow2?|vhd):")
_SCRIPT_PREFIX: Final = re.compile(r"(iscsi|e?nbd|drbd):")
_OLD_PREFIX: Final = re.compile(r"(tapdisk|tap2?|aio|ioemu|file|phy):")
_UNKNOWN_PREFIX: Final = re.compile(r"([a-z][a-z0-9]*):(?=[^a-z0-9]|$)")
_PARAMETER: Final = re.compile(r"([a-z][-a-z0-9]*)=([^,]*)")
_POSITIONAL: Final = re.compile(r"[^=,]*,|[^=,]+")
_BLANKS: Final = re.compile(r"[ \t\n]+")


@dataclass
class Disk:
    """A disk as xl understands it; None where the string does not say. `where` has the place of each parameter.

    `prefixes` are the old words before the target, for example `phy` and `file`.
    """

    target: str | None = None
    format: str | None = None
    vdev: str | None = None
    readonly: bool = False
    cdrom: bool = False
    backendtype: str | None = None
    backend: str | None = None
    script: str | None = None
    specification: str | None = None
    direct_io_safe: bool = False
    discard: bool | None = None
    colo: bool | None = None
    prefixes: tuple[str, ...] = ()
    where: dict[str, Span] = field(default_factory=dict)

    @property
    def target_is_path(self) -> bool:
        """Whether the target is a path: to Xen's script `block`, and to Teig's, it is; to others it may not be."""
        if self.script is None:
            return True
        script = PurePosixPath(self.script)
        beside_xens = len(script.parts) == 1 or script.parts[-3:-1] == ("xen", "scripts")
        return beside_xens and script.name in {"block", "teig-block"}

    @property
    def block_device(self) -> bool:
        """Whether the target is meant to be a block device: xl puts /dev/ before a path that does not begin with /.

        A target such as rbd:pool/image is QEMU's own, and neither device nor file.
        """
        path = self.target or ""
        local = path.startswith("/dev/") or (not path.startswith("/") and ":" not in path)
        return bool(path) and self.target_is_path and local

    @property
    def image_file(self) -> bool:
        """Whether the target is a file on a file system of Domain-0."""
        path = self.target or ""
        return path.startswith("/") and not path.startswith("/dev/") and self.target_is_path

    @property
    def path(self) -> str:
        """The target as a path."""
        target = self.target or ""
        return target if target.startswith("/") or not target else f"/dev/{target}"


def parse_disk(text: str) -> Disk:
    """Read one string of the disk list. Raises BadSpec where xl refuses it."""
    return _Reader(text).read()


class _Reader:
    """Goes along the string; every step takes the longest piece that means something there, as xl's lexer does."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.disk = Disk()
        self._access_set = False
        self._old_prefix = False

    def read(self) -> Disk:
        place = 0
        while place < len(self.text):
            blanks = _BLANKS.match(self.text, place)
            place = self._step(blanks.end() if blanks else place)
        return self._finished()

    def _step(self, place: int) -> int:
        text = self.text
        if place == len(text):
            return place
        if text.startswith("target=", place):
            value = text[place + 7 :]
            self._set_text("target", value.removesuffix(","), Span(place + 7, len(text)))
            return len(text)
        end = self._prefix(place)
        if end is not None:
            return end
        parameter = _PARAMETER.match(text, place)
        if parameter:
            self._parameter(parameter)
            return self._behind(parameter.end())
        positional = _POSITIONAL.match(text, place)
        if positional is None:
            raise BadSpec(Span(place, len(text)), f"{text[place:]!r:.60} is no disk parameter.", _TODO)
        word = positional[0].removesuffix(",")
        self._word(word, Span(place, place + len(word)))
        return self._behind(place + len(word))

    def _behind(self, end: int) -> int:
        return end + self.text.startswith(",", end)

    def _prefix(self, place: int) -> int | None:
        """Take an old prefix such as `phy:` and return where it ends."""
        text = self.text
        if match := _FORMAT_PREFIX.match(text, place):
            self._set("format", match[1], Span(place, match.end() - 1))
        elif match := _SCRIPT_PREFIX.match(text, place):
            self._set_text("script", f"block-{match[1]}", Span(place, match.end() - 1))
        elif match := _OLD_PREFIX.match(text, place):
            pass
        elif match := _UNKNOWN_PREFIX.match(text, place):
            raise BadSpec(Span(place, match.end()), f"xl knows no disk prefix {match[0]}", _TODO)
        else:
            return None
        self._old_prefix = True
        self.disk.prefixes = (*self.disk.prefixes, match[1])
        self.disk.where.setdefault("prefix", Span(place, match.end()))
        return match.end()

    def _parameter(self, match: re.Match[str]) -> None:
        key, value, span = match[1], match[2], Span(match.start(2), match.end(2))
        if key not in _KEYS or (not value and key not in {"format", "access", *_TEXTS}):
            raise BadSpec(Span(match.start(), match.end()), f"xl knows no disk parameter {match[0]}.", _TODO)
        if key in _TEXTS:
            self._set_text(key, value, span)
        elif key == "access":
            self._access(value, span)
        elif key == "devtype":
            self._choice(value, ("cdrom", "disk"), "devtype", span)
            self.disk.cdrom = value == "cdrom"
        elif key == "colo-port":
            if not leading_number(value):
                raise BadSpec(span, f"{value} is no port.", "Write colo-port=NUMBER.")
        else:
            self._set(key, value, span)

    def _word(self, word: str, span: Span) -> None:
        """Take a flag or the next positional parameter: target, format, vdev, access."""
        disk = self.disk
        if word in _FLAGS:
            name, value = _FLAGS[word]
            setattr(disk, name, value)
            disk.where[name] = span
        elif disk.target is None:
            self._set_text("target", word, span)
        elif not self._old_prefix and disk.format is None:
            self._format_word(word, span)
        elif disk.vdev is None:
            self._vdev(word, span)
        elif not self._access_set:
            self._access_set = True
            self._access(word, span)
        else:
            raise BadSpec(span, f"{word!r} is one parameter too many.", _TODO)

    def _format_word(self, word: str, span: Span) -> None:
        if not self.disk.target and ":" in word:
            self._vdev(word, span)
            self.disk.format = "empty"
        else:
            self._set("format", word, span)

    def _vdev(self, word: str, span: Span) -> None:
        vdev, colon, kind = word.rpartition(":")
        if not colon:
            self._set_text("vdev", word, span)
            return
        self._choice(kind, ("cdrom", "disk"), "device type", span.part(len(vdev) + 1, len(word)))
        self._set_text("vdev", vdev, span.part(0, len(vdev)))
        self.disk.cdrom = kind == "cdrom"

    def _access(self, value: str, span: Span) -> None:
        self._choice(value, tuple(_READ_ONLY), "access", span)
        self.disk.readonly = _READ_ONLY[value]
        self.disk.where["access"] = span

    def _set(self, key: str, value: str, span: Span) -> None:
        """Set a parameter of few possible values, once."""
        choices: dict[str, tuple[str, ...]] = {
            "format": (*FORMATS, ""), "backendtype": BACKENDS, "specification": ("xen", "virtio"),
        }  # fmt: skip
        self._choice(value, choices[key], key, span)
        meant = "raw" if key == "format" and not value else value
        if getattr(self.disk, key) not in {None, meant}:
            raise BadSpec(span, f"The disk's {key} is given twice: {getattr(self.disk, key)} and {meant}.", "Keep one.")
        setattr(self.disk, key, meant)
        self.disk.where[key] = span

    def _set_text(self, key: str, value: str, span: Span) -> None:
        known = {one.name for one in fields(Disk)}
        if key in known and getattr(self.disk, key):
            raise BadSpec(span, f"The disk's {key} is given twice: {getattr(self.disk, key)} and {value}.", "Keep one.")
        if key in known:
            setattr(self.disk, key, value)
        self.disk.where[key] = span

    def _choice(self, value: str, choices: tuple[str, ...], key: str, span: Span) -> None:
        if value not in choices:
            names = ", ".join(choice for choice in choices if choice)
            raise BadSpec(span, f"{value!r:.60} is no {key} of a disk.", f"Write one of: {names}.")

    def _finished(self) -> Disk:
        disk, everything = self.disk, Span(0, len(self.text))
        disk.format = disk.format or "raw"
        if disk.cdrom:
            disk.readonly = True
            disk.format = disk.format if disk.target else "empty"
        if not disk.vdev and "vdev" not in disk.where:
            raise BadSpec(everything, "The disk has no device name for the guest.", "Add vdev=xvda or another name.")
        if disk.target is None and not disk.cdrom:
            raise BadSpec(everything, "The disk has no target.", "Add target=/dev/GROUP/VOLUME as the last parameter.")
        return disk


_TODO: Final = "Write it as format=raw, vdev=xvda, access=rw, target=/dev/GROUP/VOLUME (xl-disk-configuration(5))."


def modern(disk: Disk) -> str | None:
    """Return the same disk in key=value form, None where it says something that has no such form."""
    known: dict[str, Any] = {"format": disk.format, "vdev": disk.vdev, "access": "ro" if disk.readonly else "rw"}
    if disk.format == "empty" or not disk.target or not disk.vdev:
        return None
    parts = [f"{key}={value}" for key, value in known.items()]
    parts += ["devtype=cdrom"] if disk.cdrom else []
    for key in ("backend", "backendtype", "script", "specification"):
        value = getattr(disk, key)
        parts += [f"{key}={value}"] if value else []
    parts += ["direct-io-safe"] if disk.direct_io_safe else []
    parts += [] if disk.discard is None else ["discard" if disk.discard else "no-discard"]
    return ", ".join([*parts, f"target={disk.target}"]) if disk.colo is None else None
