"""`teig demo`: from nothing to a guest on a real Xen host, in one command that can be run again and again.

Every step looks first and does only what is missing, so a run that was broken off, a server or lab that died, or a
guest that was stopped is mended by running it again. Neighbours: `lab_machines`, `server_process`, `demo_clean`.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from teig.cli import demo_clean, enrolment, lab_machines, server_process
from teig.cli.client import Api, name_path
from teig.cli.demo_names import GUEST, IMAGE, LAB_RATING, PLAN, SITE
from teig.cli.following import follow
from teig.cli.guest import print_comparison
from teig.cli.image import read_manifest, send_image
from teig.cli.nouns import noun_app
from teig.cli.output import duration, printable
from teig.cli.progress import Board
from teig.model.errors import NotFound, TeigError, Unreachable

app = noun_app("Boot a real Xen host on this machine and make a guest on it.")

ANSWER_S = 90.0
_GUEST_PATH = name_path("guests", "guest", GUEST)


@app.command("demo")
def demo(
    clean: Annotated[bool, typer.Option("--clean", help="Remove every trace of it instead.")] = False,
) -> None:
    """Boot a real Xen host on this machine, make a guest on it, and show what it got.

    Run it again whenever you like: what is there is used again, what broke is mended. With --clean it removes the
    guest, the lab host, the server, its state and the images, unless the server manages other hosts too.
    """
    if clean:
        demo_clean.clean()
        return
    begin = time.monotonic()
    api = Api()
    with Board(stderr=False) as board:
        _server(api, board)
        machine = _lab_host(board)
        _site(api, board)
        _enrol(api, board, machine)
        _pool(api, board, machine)
        manifest = _image(api, board)
        _guest(api, board)
        _answer(api, board, manifest["ready_port"])
        with board.step("read back from the hypervisor"):
            guest = api.get(_GUEST_PATH)
    print(f"\nGuest {GUEST} is up after {duration(time.monotonic() - begin)}.")
    print("What it is entitled to, what its host is set to, and what the hypervisor says:\n")
    print_comparison(guest)
    print(_TRY_NEXT.format(teig=_program(), guest=GUEST, plan=PLAN, image=IMAGE))


_TRY_NEXT = """
Try next:
  {teig} guest show {guest}
  {teig} guest console {guest}          (Ctrl-] leaves it)
  {teig} guest forward {guest} 8080:80  (then look at http://127.0.0.1:8080)"""


def _server(api: Api, board: Board) -> None:
    with board.step("start the server") as note:
        if api.alive():
            note.say("it runs already")
            return
        note.say(f"log: {_short(server_process.start())}")


def _lab_host(board: Board) -> lab_machines.Machine:
    for name, what in (("dom0", "the lab host's"), (IMAGE, "the guest's")):
        with board.step(f"build {what} image") as note:
            lab_machines.built_image(name, note.say)
            note.say("from Debian's packages")
    with board.step("boot a Xen host in QEMU") as note:
        return lab_machines.up(note.say)


def _site(api: Api, board: Board) -> None:
    with board.step(f"add site {SITE['name']}") as note:
        try:
            api.get(name_path("sites", "site", SITE["name"]))
            note.say("it is there already")
        except NotFound:
            api.post("/sites", SITE)
            note.say(f"{SITE['country']}, {SITE['network']}")


def _enrol(api: Api, board: Board, machine: lab_machines.Machine) -> None:
    """Enrol the lab's host, unless the server reaches it and finds an agent there."""
    with board.step(f"look for host {machine.name}") as note:
        try:
            host = api.get(name_path("hosts", "host", machine.name))
        except NotFound:
            note.say("the server does not know it yet")
        else:
            if host["state"] == "ready":
                note.say(_host_words(host))
                return
            note.say("it does not answer as it should; enrolling it again")
    login = enrolment.Login(machine.name, machine.ssh_config)
    with board.step("install the agent over ssh") as note:
        agent = enrolment.install(login, api.get("/server")["ssh_public_key"])
        note.say(f"host key {enrolment.fingerprint(enrolment.host_key(agent))}")
    with board.step(f"enrol host {machine.name}") as note:
        note.say(_host_words(enrolment.register(api, enrolment.resolve(login), agent, SITE["name"], machine.name)))


def _host_words(host: dict[str, Any]) -> str:
    return f"Xen {host['facts']['xen_version']}, {host['room']['memory_mib']} MiB free"


def _pool(api: Api, board: Board, machine: lab_machines.Machine) -> None:
    """Rate the host's pool, without which nothing is promised on it.

    On a real host it is measured. How fast an emulated disk is depends on what else this machine does just now.
    """
    path = name_path("pools", "host", machine.name)
    with board.step(f"rate the disks of {machine.name}") as note:
        if api.get(path)["rating"] is None:
            api.put(f"{path}/rating", LAB_RATING)
        note.say(f"stated: {LAB_RATING['read_iops']} reads and {LAB_RATING['write_iops']} writes of 4 KiB a second")


def _image(api: Api, board: Board) -> dict[str, Any]:
    """Give the image to the server, which says what it lacks of it, and return its manifest."""
    folder = lab_machines.built_image(IMAGE, lambda _text: None)
    manifest = read_manifest(folder)
    with board.step(f"look for image {IMAGE}") as note:
        missing = api.post("/images", {"manifest": manifest})["missing"]
        note.say(f"the server lacks {', '.join(missing)}" if missing else "the server has it already")
    if missing:
        send_image(api, folder, manifest, board)
    return manifest


def _guest(api: Api, board: Board) -> None:
    """Let the guest run: as it is, by starting it, or by making it (again)."""
    guest = _look(api, board)
    if guest and guest["operation"]:
        _wait_out(api, board, guest["operation"])
        guest = _look(api, board)
    if guest is None:
        _carry_out(api, board, api.post("/guests", _wish()))
    elif guest["state"] != "running":
        _start(api, board)


def _look(api: Api, board: Board) -> dict[str, Any] | None:
    """Return the guest as it is now, None where there is none."""
    with board.step(f"look for guest {GUEST}") as note:
        try:
            guest: dict[str, Any] = api.get(_GUEST_PATH)
        except NotFound:
            note.say("there is none yet")
            return None
        note.say(f"it is {guest['state']}, on {guest['host']}")
        return guest


def _start(api: Api, board: Board) -> None:
    """Start the guest; make it again where that cannot be done, for example since its host's disks are new."""
    try:
        _carry_out(api, board, api.post(f"{_GUEST_PATH}/start", {}))
    except TeigError as error:
        with board.step(f"make guest {GUEST} again") as note:
            note.say(error.message)
        _carry_out(api, board, api.delete(_GUEST_PATH, force="true"))
        _carry_out(api, board, api.post("/guests", _wish()))


def _wish() -> dict[str, Any]:
    return {"name": GUEST, "plan": PLAN, "image": IMAGE, "site": SITE["name"], "type": "pv", "disks": [], "nics": 1}


def _carry_out(api: Api, board: Board, operation: dict[str, Any]) -> None:
    follow(api, operation, board, before=board.rows)


def _wait_out(api: Api, board: Board, ident: str) -> None:
    """Wait until an operation that an earlier run began has ended, however it ends."""
    try:
        _carry_out(api, board, api.get(f"/operations/{ident}"))
    except TeigError:
        return


def _answer(api: Api, board: Board, port: int) -> None:
    """Ask the guest for its page through the control plane's own forwarding: server, SSH, agent, guest."""
    path = f"{_GUEST_PATH}/ports/{port}"
    with board.step("HTTP answer through the server") as note:
        deadline = time.monotonic() + ANSWER_S
        while True:
            try:
                note.say(_first_line(api, path))
            except Unreachable as error:
                if time.monotonic() > deadline:
                    raise
                note.say(error.message)
                time.sleep(0.5)
            else:
                return


def _first_line(api: Api, path: str) -> str:
    """Send a request to the guest's web server and return the status line that it answers with."""
    from websockets.exceptions import ConnectionClosed

    with api.stream(path) as stream:
        try:
            stream.send(b"GET / HTTP/1.0\r\nHost: demo\r\n\r\n")
            answer = stream.recv(timeout=20.0)
        except (ConnectionClosed, TimeoutError) as error:
            raise Unreachable("The guest's web server does not answer yet.") from error
    if isinstance(answer, str):  # why there is no stream
        raise Unreachable("The guest's web server does not answer yet.")
    text = answer.decode(errors="replace")
    return printable(text.splitlines()[0]) if text else ""


def _program() -> str:
    """Return how this command can be called from here: by its name, or by its path."""
    called = Path(sys.argv[0])
    found = shutil.which("teig")
    if found and called.exists() and Path(found).resolve() == called.resolve():
        return "teig"
    return os.path.relpath(called) if called.name == "teig" else "teig"


def _short(path: Path) -> str:
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)
