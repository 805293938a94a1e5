"""What `teig audit` looks at: files, this machine, or a host that the server asks; and writing files back."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import typer

from teig.audit.finding import Finding, Severity
from teig.audit.host import AuditedHost, ConfigText, HostSettings
from teig.audit.review import UNREADABLE
from teig.model.errors import HostFault

ANSWER_S: Final = 200.0
LARGEST: Final = 1 << 18
_AUTO: Final = (Path("/etc/xen/auto"),)
_MOST_LINKS: Final = 40
"""Bytes; a guest's configuration has some hundreds."""


@dataclass
class Sources:
    """Files that could be read, what is to be said of the others, and the host where it is known."""

    configs: list[ConfigText] = field(default_factory=list)
    unreadable: list[Finding] = field(default_factory=list)
    host: HostSettings | None = None


def gather(files: list[Path], *, local: bool, host: str | None) -> Sources:
    """Read files, and the machine or the host that was asked for."""
    if host is not None:
        return _from_server(host)
    found = Sources()
    for path in _once(files or sorted(Path("/etc/xen").glob("*.cfg"))):
        _read(path, found)
    if local:
        found.host = _this_machine([config.text for config in found.configs])
    return found


def _once(files: list[Path]) -> list[Path]:
    """Return each file once, by its first name: one in /etc/xen/auto is a link to one in /etc/xen."""
    named: dict[str, Path] = {}
    for path in files:
        named.setdefault(os.path.realpath(path), path)
    return list(named.values())


def _this_machine(texts: list[str]) -> HostSettings:
    """Ask what an agent would tell, without one."""
    from teig.agent.host.audit_facts import settings
    from teig.record import load

    host = load(HostSettings, settings(texts))
    if host.xen_version is None:
        typer.echo("xl says nothing: Xen does not run here, or only root may ask. The rest is looked at.", err=True)
    return host


def _read(path: Path, found: Sources) -> None:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        found.unreadable.append(_unreadable(path, f"It cannot be read: {error.strerror}."))
        return
    if len(data) > LARGEST:
        found.unreadable.append(_unreadable(path, f"It has more than {LARGEST} bytes: that is no configuration."))
        return
    found.configs.append(ConfigText.of(str(path), data))


def _unreadable(path: Path, message: str) -> Finding:
    return Finding(str(path), 0, 0, UNREADABLE, Severity.ERROR, message)


def rewrite(config: ConfigText) -> Path:
    """Write a file anew; return where the old one is kept. At all times the file is either the old or the new one.

    That is FILE.bak, or FILE.bak.1 and so on where something of such a name is there; beside the file itself, not
    beside a link. The folder may be another user's: no link that lies there is followed, and nothing overwritten.
    """
    path = Path(config.path).resolve()
    with contextlib.ExitStack() as made:
        try:
            with path.open("rb") as file:
                was, before = os.fstat(file.fileno()), file.read()
            backup, handle = _new_backup(path, Path(config.path))
            made.callback(backup.unlink, missing_ok=True)
            _fill(handle, before, was)
            os.utime(backup, ns=(was.st_atime_ns, was.st_mtime_ns), follow_symlinks=False)
            handle, name = tempfile.mkstemp(prefix=".teig-", dir=path.parent)
            made.callback(Path(name).unlink, missing_ok=True)
            _fill(handle, config.data(), was)
            Path(name).replace(path)
        except OSError as error:
            raise HostFault(f"{config.path} cannot be changed: {error.strerror}.", "It is as it was.") from error
        made.pop_all()
    return backup


def _new_backup(path: Path, given: Path) -> tuple[Path, int]:
    """Make an empty file under the first free name; not in a folder where xendomains starts all there is.

    `given` is the path as somebody wrote it.
    """
    folder = path.parent.parent if _starts_all(path, given) else path.parent
    backup, number = folder / f"{path.name}.bak", 0
    while True:
        try:
            return backup, os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            number += 1
            backup = folder / f"{path.name}.bak.{number}"


def _starts_all(path: Path, given: Path) -> bool:
    """Say whether a file lies in a folder `auto`: that may be a link to a folder of another name, and so may it be."""
    if path.parent in {folder.resolve() for folder in _AUTO if folder.exists()}:
        return True
    for _ in range(_MOST_LINKS):
        if given.parent.name == "auto" and given.parent.resolve() == path.parent:
            return True
        if not given.is_symlink():
            break
        given = given.parent / given.readlink()
    return path.parent.name == "auto"


def _fill(handle: int, data: bytes, like: os.stat_result) -> None:
    """Write a file that was just made and close it; it gets the owner and the mode of another."""
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fchown(handle, like.st_uid, like.st_gid)
        os.fchmod(handle, stat.S_IMODE(like.st_mode))
        os.fsync(handle)


def _from_server(host: str) -> Sources:
    """Let the server ask a host's agent."""
    from teig.cli.client import Api, name_path, suggesting
    from teig.record import load

    api = Api()
    with suggesting(api, ("hosts", host)):
        answer = api.get(f"{name_path('hosts', 'host', host)}/audit-facts", timeout_s=ANSWER_S)
    audited = load(AuditedHost, answer)
    configs = [ConfigText(f"{host}:{config.path}", config.text) for config in audited.configs]
    return Sources(configs, [], audited.settings)
