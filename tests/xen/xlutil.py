"""xl's own parsers, called in its library (libxlutil of Xen 4.17): what it says of a file or a disk.

The library needs no hypervisor. It is that of the lab's Xen, out of Debian's package, whatever is installed here.
Structures: tools/libs/util/libxlu_internal.h, and libxl_device_disk of Xen 4.17.
"""

from __future__ import annotations

import ctypes as c
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from teig.lab import apt

PACKAGE = "libxenmisc4.17"
LIBRARY = "libxlutil.so.4.17"
BACKENDS = (None, "phy", "tap", "qdisk", "standalone")
FORMATS = (None, "qcow", "qcow2", "vhd", "raw", "empty", "qed")


class _Value(c.Structure):
    pass


class _List(c.Structure):
    _fields_ = [("room", c.c_int), ("count", c.c_int), ("values", c.POINTER(c.POINTER(_Value)))]


class _Union(c.Union):
    _fields_ = [("text", c.c_char_p), ("list", _List)]


_Value._fields_ = [("type", c.c_int), ("u", _Union)]


class _Setting(c.Structure):
    pass


_Setting._fields_ = [
    ("next", c.POINTER(_Setting)),
    ("name", c.c_char_p),
    ("value", c.POINTER(_Value)),
    ("op", c.c_int),
    ("line", c.c_int),
]


class _Config(c.Structure):
    _fields_ = [("settings", c.POINTER(_Setting))]


def unpack(folder: Path) -> Path:
    """Unpack the library and what it needs into a folder that may be removed at any time."""
    archive = folder / "xlutil.tar"
    options = [f"--aptopt={option}" for option in apt.options()]
    lines = apt.sources()
    argv = ["mmdebstrap", "--quiet", "--variant=extract", f"--include={PACKAGE}", *options, apt.SUITE, str(archive)]
    subprocess.run(
        [*argv, "-"] if lines else argv, input="\n".join(lines), text=True, check=True, timeout=300, cwd=folder
    )
    subprocess.run(
        ["tar", "-xf", archive, "-C", folder, "--wildcards", "./lib*", "./usr/lib/*"], check=True, timeout=60
    )
    return folder


def _load(folder: Path, name: str) -> c.CDLL:
    """Load a library out of a folder, after those that it needs and this machine has not."""
    path = next(folder.rglob(name))
    while True:
        try:
            return c.CDLL(str(path), mode=c.RTLD_GLOBAL)
        except OSError as error:
            lacking = re.match(r"(\S+): cannot open shared object file", str(error))
            if lacking is None or lacking[1] in {name, str(path)}:
                raise
            _load(folder, lacking[1])


class XlUtil:
    """The library."""

    def __init__(self, folder: Path) -> None:
        self._xlu, self._libc = _load(folder, LIBRARY), c.CDLL(None)
        self._libc.fopen.restype = c.c_void_p
        self._libc.fclose.argtypes = [c.c_void_p]
        self._xlu.xlu_cfg_init.restype = c.c_void_p
        self._xlu.xlu_cfg_init.argtypes = [c.c_void_p, c.c_char_p]
        self._xlu.xlu_cfg_readdata.argtypes = [c.c_void_p, c.c_char_p, c.c_int]
        self._xlu.xlu_cfg_destroy.argtypes = [c.c_void_p]
        self._xlu.xlu_disk_parse.argtypes = [c.c_void_p, c.c_int, c.POINTER(c.c_char_p), c.c_void_p]

    @contextmanager
    def _config(self) -> Iterator[int]:
        report = self._libc.fopen(b"/dev/null", b"w")
        config = self._xlu.xlu_cfg_init(report, b"test")
        try:
            yield config
        finally:
            self._xlu.xlu_cfg_destroy(config)
            self._libc.fclose(report)

    def read(self, data: bytes) -> dict[str, Any] | None:
        """Return what each name is set to (bytes, or lists of them); None where xl refuses the file."""
        with self._config() as config:
            if self._xlu.xlu_cfg_readdata(config, data, len(data)):
                return None
            found: dict[str, Any] = {}
            at = c.cast(config, c.POINTER(_Config)).contents.settings
            while at:
                setting = at.contents
                found.setdefault(setting.name.decode(), _plain(setting.value.contents))
                at = setting.next
            return found

    def disk(self, spec: str) -> dict[str, Any] | None:
        """Return a disk's fields; None where xl refuses it."""
        with self._config() as config:
            disk = c.create_string_buffer(1024)
            specs = (c.c_char_p * 1)(spec.encode())
            if self._xlu.xlu_disk_parse(config, 1, specs, disk):
                return None
            words = c.cast(disk, c.POINTER(c.c_char_p))
            numbers = c.cast(disk, c.POINTER(c.c_int))
            texts = {"backend": words[1], "target": words[2], "vdev": words[3], "script": words[5]}
            return {
                **{name: text.decode() if text is not None else None for name, text in texts.items()},
                "backendtype": BACKENDS[numbers[8]],
                "format": FORMATS[numbers[9]],
                "readonly": not numbers[13],
                "cdrom": bool(numbers[14]),
                "direct_io_safe": bool(numbers[15] & 1),
            }


def _plain(value: _Value) -> Any:
    if value.type == 0:
        return value.u.text
    return [_plain(value.u.list.values[index].contents) for index in range(value.u.list.count)]
