"""/v1/images."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel

from teig.api.given import Given
from teig.control import images
from teig.control.images import Announced
from teig.model.image import Manifest, NetworkSetup
from teig.record import load
from teig.store.images import StoredImage

router = APIRouter()


class ImageOut(BaseModel):
    """An image as people see it; `size_bytes` is what its files take, `created` in seconds since 1970."""

    id: str
    name: str
    version: str
    network: NetworkSetup
    ssh: bool
    default_user: str | None
    ready_port: int
    min_memory_mib: int
    min_disk_mib: int
    size_bytes: int
    created: float


class ImageAnnounce(BaseModel):
    """An image that is to be sent: what its manifest.json says."""

    manifest: dict[str, object]


@router.get("/images")
def list_images(services: Given) -> list[ImageOut]:
    """Return all images by name, the newest first."""
    return [_out(image) for image in images.listed(services)]


@router.get("/images/{name}")
def show_image(services: Given, name: str) -> ImageOut:
    """Return the newest image of a name."""
    return _out(images.named(services, name))


@router.post("/images")
def announce_image(services: Given, wanted: ImageAnnounce) -> Announced:
    """Prepare to receive an image; the answer names the files to send."""
    return images.announce(services, load(Manifest, wanted.manifest))


@router.put("/images/{image}/files/{file}")
async def send_file(services: Given, image: str, file: str, request: Request) -> Announced:
    """Take one file of an announced image."""
    return await images.receive(services, image, file, request.stream())


@router.delete("/images/{name}", status_code=204)
def delete_image(services: Given, name: str) -> None:
    """Forget the newest image of a name."""
    images.remove(services, name)


def _out(stored: StoredImage) -> ImageOut:
    manifest = stored.image.manifest
    files = manifest.files
    return ImageOut(
        id=stored.image.id,
        name=manifest.name,
        version=manifest.version,
        network=manifest.network,
        ssh=manifest.ssh,
        default_user=manifest.default_user,
        ready_port=manifest.ready_port,
        min_memory_mib=manifest.min_memory_mib,
        min_disk_mib=manifest.min_disk_mib,
        size_bytes=sum(file.size for file in (files.kernel, files.initrd, files.root)),
        created=stored.created,
    )
