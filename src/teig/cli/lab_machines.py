"""What the demo and `teig image build` want of the lab: built images, one running host, and an end of it all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from teig.lab import images, seed
from teig.lab.lab import Lab, lab_names
from teig.lab.options import MOST_HOSTS
from teig.model.errors import LabFault

ADDRESS = "127.0.0.1"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Machine:
    """A lab host: what it is called, and how the administrator's ssh reaches it."""

    name: str
    ssh_config: Path


def built_image(name: str, say: Say) -> Path:
    """Return the folder of an image, built now if it was not yet."""
    return images.build(name, say).folder


def up(say: Say) -> Machine:
    """Return the first host of the lab: of the one that runs, whatever its options, or of one started now.

    A lab that cannot be mended is started afresh: nothing in it has to be kept.
    """
    lab = Lab.named()
    try:
        host = lab.up(None, say)[0]
    except LabFault:
        if not lab.down():
            raise
        host = lab.up(None, say)[0]
    return Machine(host.name, host.ssh_config)


def remove() -> None:
    """Stop all labs of this user."""
    for name in lab_names():
        Lab.named(name).down()


def is_ours(name: str, address: str) -> bool:
    """Return whether a host that a server knows is a lab's, which may be down."""
    return address == ADDRESS and name in {seed.host_name(index) for index in range(1, MOST_HOSTS + 1)}
