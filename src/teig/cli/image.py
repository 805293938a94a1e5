"""`teig image`: root file systems that guests are made from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from teig.cli.client import Api, name_path, suggesting
from teig.cli.nouns import noun_app
from teig.cli.output import Format, Output, mib, moment, print_facts, print_json, print_table, printable
from teig.cli.progress import Board
from teig.model.errors import ImageCorrupt, InvalidRequest, NotFound
from teig.model.image import Manifest
from teig.model.units import show_size

app = noun_app("Root file systems that guests are made from.")

Name = Annotated[str, typer.Argument(help="The image.")]


@app.command("import")
def import_image(
    folder: Annotated[Path, typer.Argument(help="A folder with manifest.json and the files that it names.")],
) -> None:
    """Give an image to the server."""
    api = Api()
    manifest = read_manifest(folder)
    with Board() as board:
        send_image(api, folder, manifest, board)
    typer.echo(
        f"Image {manifest['name']} is there. Use it: teig guest create NAME --image {manifest['name']} --plan PLAN"
    )


@app.command("build")
def build_image(
    name: Annotated[str, typer.Argument(help="The recipe: micro or debian.")],
) -> None:
    """Build an image that ships as a recipe (what was built before is used again), and give it to the server."""
    from teig.cli.lab_machines import built_image

    api = Api()
    api.get("/server")
    with Board() as board:
        with board.step(f"build image {name}") as note:
            folder = built_image(name, note.say)
        send_image(api, folder, read_manifest(folder), board)
    typer.echo(f"Image {name} is there. Use it: teig guest create NAME --image {name} --plan PLAN")


@app.command("list")
def list_images(output: Output = Format.TABLE) -> None:
    """List the images."""
    images = Api().get("/images")
    if output is Format.JSON:
        print_json(images)
        return
    columns = ("name", "version", ">size", ">least memory", ">least disk", "ssh", "from")
    print_table(
        columns, [_cells(image) for image in images], "There are no images. Make one with: teig image build micro"
    )


@app.command("show")
def show_image(name: Name, output: Output = Format.TABLE) -> None:
    """Show one image."""
    api = Api()
    with suggesting(api, ("images", name)):
        image = api.get(name_path("images", "image", name))
    if output is Format.JSON:
        print_json(image)
        return
    login = f"yes, as {image['default_user']}" if image["ssh"] else "no"
    print_facts(
        [
            ("name", image["name"]),
            ("version", image["version"]),
            ("SHA-256", image["id"]),
            ("size", show_size(image["size_bytes"])),
            ("least memory", mib(image["min_memory_mib"])),
            ("least disk", mib(image["min_disk_mib"])),
            ("network", image["network"]),
            ("ssh", login),
            ("given", moment(image["created"])),
        ]
    )


@app.command("delete")
def delete_image(name: Name) -> None:
    """Delete an image that no guest was made from."""
    api = Api()
    with suggesting(api, ("images", name)):
        api.delete(name_path("images", "image", name))
    typer.echo(f"Image {name} is deleted.")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return what an image's manifest says; one clear sentence where there is none, or none that can be right."""
    from teig.record import load

    file = folder / "manifest.json"
    try:
        untrusted = json.loads(file.read_bytes())
    except OSError as error:
        raise NotFound(
            f"{printable(folder)} holds no image: {file.name} cannot be read.", "Give the folder that a build made."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{printable(file)} is not JSON: {error}.", "Build the image again.") from error
    load(Manifest, untrusted)
    manifest: dict[str, Any] = untrusted
    return manifest


def send_image(api: Api, folder: Path, manifest: dict[str, Any], board: Board) -> str:
    """Send those of an image's files that the server lacks, and return the image's id."""
    answer = api.post("/images", {"manifest": manifest})
    wanted = {entry["file"]: entry for entry in manifest["files"].values()}
    for file in answer["missing"]:
        with board.step(f"send {file}") as note:
            _send_file(api, f"/images/{answer['id']}/files/{file}", folder / file, wanted[file], note.say)
    return str(answer["id"])


def _send_file(api: Api, path: str, file: Path, entry: dict[str, Any], say: Any) -> None:
    total, done = entry["size"], 0

    def sent(count: int) -> None:
        nonlocal done
        done += count
        say(f"{show_size(done)} of {show_size(total)}")

    try:
        with file.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
            if digest != entry["sha256"] or source.tell() != total:
                raise ImageCorrupt(
                    f"{printable(file)} is not the file that the manifest promises: its checksum differs.",
                    "Build or copy the image again.",
                )
            source.seek(0)
            api.put_file(path, source, total, sent)
    except OSError as error:
        raise NotFound(
            f"The image's file {printable(file)} cannot be read.", "Build or copy the image again."
        ) from error


def _cells(image: dict[str, Any]) -> tuple[object, ...]:
    return (
        image["name"],
        image["version"],
        show_size(image["size_bytes"]),
        mib(image["min_memory_mib"]),
        mib(image["min_disk_mib"]),
        image["default_user"] if image["ssh"] else "no",
        moment(image["created"]),
    )
