"""Images, as rows. The newest of a name is the one that the name stands for."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from teig.model.errors import NotFound
from teig.model.image import Image, Manifest
from teig.model.names import ImageId
from teig.record import dump, recall
from teig.store.schema import images


@dataclass(frozen=True)
class StoredImage:
    """An image and when it was registered (seconds since 1970)."""

    image: Image
    created: float


def add(connection: sa.Connection, image: Image, now: float) -> None:
    """Store an image; again makes it the newest of its name."""
    connection.execute(images.delete().where(images.c.id == image.id))
    connection.execute(
        images.insert().values(id=image.id, name=image.manifest.name, manifest=dump(image.manifest), created=now)
    )


def listed(connection: sa.Connection) -> list[StoredImage]:
    """Return all images, by name, the newest first."""
    rows = connection.execute(images.select().order_by(images.c.name, images.c.created.desc()))
    return [_stored(row) for row in rows]


def is_known(connection: sa.Connection, image: ImageId) -> bool:
    """Say whether an image is registered, readable or not."""
    return connection.execute(sa.select(images.c.id).where(images.c.id == image)).first() is not None


def named(connection: sa.Connection, name: str) -> StoredImage:
    """Return the newest image of a name; NotFound names those there are."""
    of_name = images.select().where(images.c.name == name).order_by(images.c.created.desc())
    row = connection.execute(of_name).first()
    if row is None:
        known = ", ".join(sorted(connection.execute(sa.select(images.c.name).distinct()).scalars())) or "none yet"
        raise NotFound(
            f"There is no image named {name}.",
            f"Images: {known}. Make one with: teig image build micro",
            code="no_image",
        )
    return _stored(row)


def by_id(connection: sa.Connection, image: ImageId) -> Image | None:
    """Return one image, or None."""
    row = connection.execute(images.select().where(images.c.id == image)).first()
    return _stored(row).image if row else None


def check_there(connection: sa.Connection, image: Image) -> None:
    """Raise NotFound where an image is registered no more."""
    if by_id(connection, image.id) is None:
        raise NotFound(f"The image {image.manifest.name} was deleted meanwhile.", "Import it again.", code="no_image")


def remove(connection: sa.Connection, image: ImageId) -> None:
    """Forget an image."""
    connection.execute(images.delete().where(images.c.id == image))


def _stored(row: sa.Row[tuple[object, ...]]) -> StoredImage:
    return StoredImage(Image(ImageId(row.id), recall(Manifest, row.manifest)), row.created)
