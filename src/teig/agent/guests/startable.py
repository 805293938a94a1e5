"""Whether a guest's volumes are its own and clean, before anything of it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from teig.agent.contract.failure import Failure
from teig.agent.contract.spec import Spec
from teig.agent.disks import volumes
from teig.agent.disks.ownership import clean_mark
from teig.agent.disks.volumes import Volume


def refuse_unclean(folder: Path, spec: Spec, there: Sequence[Volume]) -> None:
    """Raise Failure where a guest could read somebody else's bytes from one of its volumes."""
    for disk, volume in zip(spec.disks, there):  # noqa: B905  (strict: Python 3.10)
        if not volumes.is_clean(folder, volume):
            raise Failure(
                "conflict",
                f"Guest {spec.name}: the volume of {disk.device}, {volume.path}, was never made clean.",
                "If its own volume is in a group that is away, bring that group's disks back. Else create it again.",
                code="volume_dirty",
            )


def refuse_growing(folder: Path, spec: Spec, there: Sequence[Volume]) -> None:
    """Raise Failure where what was added to one of a guest's volumes was not wiped yet, which its start does."""
    for disk, volume in zip(spec.disks, there):  # noqa: B905  (strict: Python 3.10)
        if volumes.is_growing(folder, volume):
            raise Failure(
                "conflict",
                f"Guest {spec.name}: {disk.device}, {volume.path}, was made larger, and what was added is not wiped: "
                "somebody else's bytes may be there. The guest's own are whole.",
                f"Start it again, which wipes that: teig guest start {spec.name}",
                code="volume_growing",
            )


def refuse_seedless(folder: Path, spec: Spec) -> None:
    """Raise Failure where the volume with a guest's first-boot data is not there, or not what its xl.cfg names.

    One that is being made anew has no clean mark, and may hold somebody else's bytes: what the file names counts.
    """
    if not clean_mark(folder, "seed").exists() and volumes.volume_name(spec.id, "seed") not in _config(folder):
        return
    seed = volumes.activated(folder, spec.id, "seed")
    if seed is None or not volumes.is_clean(folder, seed) or not _names(folder, seed):
        raise Failure(
            "conflict",
            f"Guest {spec.name}: the volume with its first-boot data is not there, or not clean, or has moved.",
            f"Have it and its xl.cfg written anew: teig guest mend {spec.name}",
            code="volume_moved",
        )


def _names(folder: Path, volume: Volume) -> bool:
    return f'target={volume.path}"' in _config(folder)


def _config(folder: Path) -> str:
    config = folder / "xl.cfg"
    return config.read_text() if config.exists() else ""


def refuse_elsewhere(folder: Path, spec: Spec, there: Sequence[Volume]) -> None:
    """Raise Failure where a guest's xl.cfg names other volumes than its own: a group may have been renamed."""
    for disk, volume in zip(spec.disks, there):  # noqa: B905  (strict: Python 3.10)
        if not _names(folder, volume):
            raise Failure(
                "conflict",
                f"Guest {spec.name}: its {disk.device} is {volume.path}, and its xl.cfg names another volume.",
                f"Have that file written anew, then start the guest: teig guest mend {spec.name}",
                code="volume_moved",
            )


def refuse_imageless(folder: Path, spec: Spec, first: Volume) -> None:
    """Raise Failure where nothing is on a guest's first volume that it could boot."""
    if volumes.image_on(folder, first) is None:
        raise Failure(
            "conflict",
            f"Guest {spec.name}: no image is on its first volume.",
            "Write it.",
            code="no_image_on_volume",
        )
