"""A guest's configuration file as the rules see it: typed values, each with its place in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final, Generic, TypeVar

from teig.xen.config_edit import Edit
from teig.xen.config_file import Assignment, Atom, ConfigFile, ListValue
from teig.xen.config_text import Span
from teig.xen.disk_spec import Disk, parse_disk
from teig.xen.keyed_spec import KEYS as LANGUAGES
from teig.xen.keyed_spec import Keyed, parse_keyed
from teig.xen.pci_spec import PciDevice, parse_pci
from teig.xen.spec import BadSpec
from teig.xen.vif_spec import Vif, parse_vif

T = TypeVar("T")
TYPES: Final = ("pv", "hvm", "pvh")
HVM_BUILDERS: Final = {"hvm"}
_START: Final = Span(0, 0)


@dataclass(frozen=True)
class Item(Generic[T]):
    """One string of a list such as `disk`, read; `where` finds the part of the file that a part of it stands in."""

    value: T
    atom: Atom

    def where(self, part: str) -> Span:
        """Return the place of a part that was given, or of the whole string."""
        spans: dict[str, Span] = getattr(self.value, "where", {})
        span = spans.get(part)
        return self.atom.span if span is None else self.atom.inner(span.start, span.end)


@dataclass(frozen=True)
class Found:
    """What a rule says before it is known where it says it: a place in a guest's file, or a place on the host."""

    guest: Guest | None
    place: str
    span: Span
    message: str
    edits: tuple[Edit, ...] = ()


@dataclass
class _Devices:
    """The devices of one list: those that could be read, and what is wrong with the others."""

    items: list[Item[Any]]
    bad: list[tuple[BadSpec, Atom]]


_READERS: Final[dict[str, Callable[[str], object]]] = {
    "disk": parse_disk, "vif": parse_vif, "pci": parse_pci, **{name: partial(parse_keyed, name) for name in LANGUAGES},
}  # fmt: skip


class Guest:
    """A configuration file that could be read. Values that xl would ignore for their kind are None here too."""

    def __init__(self, file: str, config: ConfigFile) -> None:
        self.file = file
        self.config = config
        self._read: dict[str, _Devices] = {}

    def text(self, name: str) -> str | None:
        """Return the string that a name is set to; None where it is not set, or is a list."""
        setting = self.config.settings.get(name)
        return setting.value.text if setting and isinstance(setting.value, Atom) else None

    def number(self, name: str) -> int | None:
        """Return the number that a name is set to; None where it is not set or is none. xl adds nothing to numbers."""
        setting = self.config.settings.get(name)
        if setting is None or setting.last.added or not isinstance(setting.value, Atom):
            return None
        return setting.value.number

    def strings(self, name: str) -> tuple[Atom, ...]:
        """Return the strings of the list that a name is set to."""
        setting = self.config.settings.get(name)
        if setting is None or not isinstance(setting.value, ListValue):
            return ()
        return tuple(item for item in setting.value.items if isinstance(item, Atom))

    def has(self, name: str) -> bool:
        """Return whether a name is set at all."""
        return name in self.config.settings

    def assignment(self, name: str) -> Assignment:
        """Return the assignment that set a name last."""
        return self.config.settings[name].last

    def value_span(self, name: str) -> Span:
        """Return where the value of a name stands."""
        return self.config.settings[name].value.span

    def found(self, where: str | Span, message: str, *edits: Edit | None) -> Found:
        """Return what to say of a name (its value's place), or of a place; where a name is not set, of the file."""
        if isinstance(where, Span):
            span = where
        elif where in self.config.settings:
            span = self.value_span(where)
        else:
            span = self.config.assignments[0].span if self.config.assignments else _START
        return Found(self, self.file, span, message, tuple(edit for edit in edits if edit is not None))

    @cached_property
    def type(self) -> str:
        """`pv`, `hvm` or `pvh`, as xl decides: `type` first, then `builder`, else PV."""
        named = self.text("type")
        if named in TYPES:
            return str(named)
        return "hvm" if self.text("builder") in HVM_BUILDERS else "pv"

    @cached_property
    def name(self) -> str | None:
        """The guest's name."""
        return self.text("name")

    @cached_property
    def memory_mib(self) -> int | None:
        """The most memory that the guest can have: `maxmem`, else `memory`."""
        return self.number("maxmem") or self.number("memory")

    @cached_property
    def vcpus(self) -> int:
        """How many vCPUs it can have; xl's default is one."""
        return max(self.number("vcpus") or 1, self.number("maxvcpus") or 0)

    @property
    def disks(self) -> list[Item[Disk]]:
        """The disks that could be read."""
        return self._devices("disk").items

    @property
    def vifs(self) -> list[Item[Vif]]:
        """The network cards."""
        return self._devices("vif").items

    @property
    def pci(self) -> list[Item[PciDevice]]:
        """The PCI devices passed through that could be read."""
        return self._devices("pci").items

    def pci_option(self, name: str) -> Iterator[str | Span]:
        """Yield where an option of PCI devices is on: for all of them (`pci_NAME`), and device by device."""
        if self.number(f"pci_{name}"):
            yield f"pci_{name}"
        for item in self.pci:
            if item.value.flags.get(name):
                yield item.where(name)

    @property
    def framebuffers(self) -> list[Item[Keyed]]:
        """The paravirtual framebuffers that could be read."""
        return self._devices("vfb").items

    def bad_devices(self) -> Iterator[tuple[BadSpec, Atom]]:
        """Yield what in the strings of devices xl cannot read: what is wrong, and the string."""
        for name in _READERS:
            yield from self._devices(name).bad
        for item in self.vifs:
            yield from ((problem, item.atom) for problem in item.value.problems)

    def _devices(self, name: str) -> _Devices:
        """Return the devices of a list, read when they are first asked for."""
        if name not in self._read:
            self._read[name] = devices = _Devices([], [])
            for atom in self.strings(name):
                try:
                    devices.items.append(Item(_READERS[name](atom.text), atom))
                except BadSpec as problem:
                    devices.bad.append((problem, atom))
        return self._read[name]

    def written_disks(self) -> Iterator[Item[Disk]]:
        """Yield the disks that the guest may write to."""
        for item in self.disks:
            if not item.value.readonly and item.value.target:
                yield item


def first_of(seen: dict[Any, Guest], key: object, guest: Guest) -> Guest | None:
    """Return the first other guest that had the same key, and remember this one."""
    other = seen.setdefault(key, guest)
    return None if other is guest else other
