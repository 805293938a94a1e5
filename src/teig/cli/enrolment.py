"""First contact with a host, over the administrator's own `ssh`: the server has no key there yet.

What runs on the host is `teig.fleet.install`'s; here is how to get there, and which host key the server is told to pin:
the one that the host's own files hold, read over the connection that the administrator's ssh has checked.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teig import process
from teig.cli.client import Api
from teig.model.errors import HostFault, InvalidRequest, TeigError, Unreachable
from teig.model.names import check_name
from teig.process import ProcessFailed

if TYPE_CHECKING:
    from teig.fleet.install import Installed

SSH_FAILED = 255
SSH_S = 300.0
_KEYS_BY_PREFERENCE = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")


@dataclass(frozen=True)
class Login:
    """How the administrator reaches the machine: what ssh takes as its destination, its configuration file, a port.

    With `asks` False, ssh fails where it would ask something: questions of several at once nobody could answer.
    """

    target: str
    config: Path | None = None
    port: int | None = None
    asks: bool = True

    def __post_init__(self) -> None:
        """Refuse what ssh would take for an option."""
        if not self.target or self.target.startswith("-"):
            raise InvalidRequest(f"{self.target!r} is no destination for ssh.", "Write root@ADDRESS.")

    def argv(self, *options: str) -> list[str]:
        """Return the ssh command up to the destination."""
        silent = [] if self.asks else ["-o", "BatchMode=yes"]
        return [process.require("ssh", "openssh-client"), *self.options(), *silent, *options, "--", self.target]

    def options(self) -> list[str]:
        """Return how ssh is told of the configuration file and the port."""
        return [*(["-F", str(self.config)] if self.config else []), *(["-p", str(self.port)] if self.port else [])]


@dataclass(frozen=True)
class Place:
    """Where ssh's configuration says that a destination is; `proxy` is how it gets there, None where it goes itself."""

    address: str
    port: int
    user: str
    proxy: str | None


def resolve(login: Login) -> Place:
    """Return where the server must connect to, as the administrator's own ssh sees it."""
    try:
        output = process.run(login.argv("-G"), timeout_s=30.0)
    except ProcessFailed as error:
        raise InvalidRequest(f"ssh does not understand that: {_words(error)}", "Write root@ADDRESS.") from error
    config = dict(line.split(" ", 1) for line in output.splitlines() if " " in line)
    proxies = (config.get(key, "none") for key in ("proxyjump", "proxycommand"))
    proxy = next((text for text in proxies if text != "none"), None)
    return Place(config["hostname"], int(config["port"]), config["user"], proxy)


def agent_version() -> str:
    """Return the version of the agent that this command line installs."""
    from teig.fleet import install as recipe

    return recipe.agent_version()


def install(login: Login, public_key: str, machine_id: str | None = None) -> Installed:
    """Put the agent and the server's public key onto the machine; onto no other one than `machine_id`, if given."""
    from teig.fleet import install as recipe

    command, data = recipe.installer(public_key, machine_id)
    return recipe.installed(_over_ssh(login, command, data))


def uninstall(login: Login) -> bool:
    """Remove the agent and the server's public key from the machine; return whether nothing of guests is left there."""
    from teig.fleet import install as recipe

    command, data = recipe.uninstaller()
    return recipe.uninstalled(_over_ssh(login, command, data))


def host_key(known: Installed) -> str:
    """Return the host key to pin, without its comment."""
    keys = {line.split()[0]: " ".join(line.split()[:2]) for line in known.host_keys}
    for kind in _KEYS_BY_PREFERENCE:
        if kind in keys:
            return keys[kind]
    raise HostFault("The machine has no SSH host key that Teig can pin.", "Make one there: ssh-keygen -A")


def fingerprint(key: str) -> str:
    """Return a public key's fingerprint as `ssh-keygen -l` shows it."""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def choose_name(typed: str, known: Installed) -> str:
    """Return what the host shall be called: what was typed if that is a name, else what it calls itself."""
    for candidate in (typed.rpartition("@")[2], known.hostname):
        try:
            return check_name("host", candidate.split(".")[0].lower())
        except InvalidRequest:
            continue
    raise InvalidRequest(f"The machine calls itself {known.hostname!r}, which cannot be a host's name.", "Add --name.")


def register(
    api: Api, place: Place, known: Installed, site: str, name: str, *, reinstalled: bool = False
) -> dict[str, Any]:
    """Let the server connect to the machine, look whether it can be a host, and enrol it."""
    way = {"address": place.address, "port": place.port, "host_key": host_key(known)}
    body = {"name": name, "site": site, "reinstalled": reinstalled, **way}
    try:
        host: dict[str, Any] = api.post("/hosts", body)
    except Unreachable as error:
        if place.proxy is None or error.reason == "no_server":
            raise
        hint = f"Your ssh goes through {place.proxy}; the server connects to {place.address}:{place.port} itself."
        raise Unreachable(error.message, f"{error.todo} {hint}".strip(), code=error.reason) from error
    return host


def check_root(place: Place) -> None:
    """Refuse another user: the agent works for root, so it is installed by root."""
    if place.user != "root":
        raise InvalidRequest(
            f"ssh would log in as {place.user}; the agent can only be installed by root.", "Write root@ADDRESS."
        )


def _over_ssh(login: Login, command: list[str], data: bytes) -> str:
    """Run a command on the machine; what ssh itself could not do is told in its own words."""
    try:
        return process.run([*login.argv("-T"), *command], stdin=data, timeout_s=SSH_S, apart=not login.asks)
    except ProcessFailed as error:
        if error.status in {SSH_FAILED, None}:
            raise Unreachable(
                f"ssh could not reach {login.target}: {_words(error)}",
                f"Make this work first: {' '.join(('ssh', *login.options(), login.target, 'true'))}",
                code="ssh_failed",
            ) from error
        if error.stdout.strip():
            return error.stdout
        raise _refused(login, error) from error


def _refused(login: Login, error: ProcessFailed) -> TeigError:
    return HostFault(
        f"The agent could not be installed on {login.target}: {_words(error)}",
        "It needs Python 3.9 or later at /usr/bin/python3: apt-get install python3-minimal",
        code="install_failed",
    )


def _words(error: ProcessFailed) -> str:
    """Return the last thing that a program said of why it failed."""
    lines = [line.strip() for line in error.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else "it did not answer in time" if error.status is None else f"status {error.status}"
