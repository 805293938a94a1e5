"""What the documentation tells people to type is run, on a real Xen host in the lab.

Every fenced block marked `console` counts. A line that begins with `$ ` is run on this machine, one that begins with
`root@xen1# ` on the host. Nothing in a command is changed: `xen1.example.org` is in the ssh configuration of the person
who types, as it would be for a real machine, and leads to the lab.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from teig.cli.main import Commands
from teig.control import plans
from teig.model.guest import GuestState
from tests.cli.background import environment, server_running
from tests.lab.prepared import prepared_lab

ROOT = Path(__file__).parents[1]
HOST = "xen1.example.org"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r"(?P<prompt>\$|root@xen1#) (?P<command>.+)")


@dataclass(frozen=True)
class Typed:
    """A command of a document, and whether it is typed on the host."""

    command: str
    on_host: bool


def typed(document: Path) -> list[Typed]:
    """Return the commands of a document's console blocks, in order."""
    found = []
    for block in _BLOCK.findall(document.read_text(encoding="utf-8")):
        for line in block.splitlines():
            match = _LINE.fullmatch(line)
            assert match, f"{document.name}: {line!r} has no prompt"
            found.append(Typed(match["command"], match["prompt"] != "$"))
    return found


@pytest.fixture
def desk() -> Iterator[dict[str, str]]:
    """The environment of an administrator: a running server, and an ssh that knows a machine with Xen."""
    with tempfile.TemporaryDirectory(prefix="teig-") as folder:
        home = Path(folder)
        with prepared_lab(home / "lab") as prepared, server_running(home):
            config = home / "ssh_config"
            config.write_text(prepared.lab.ssh_config.read_text().replace("Host lab1\n", f"Host {HOST}\n"))
            ssh = home / "bin/ssh"
            ssh.parent.mkdir()
            ssh.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {config} "$@"\n')
            ssh.chmod(0o755)
            variables = environment(home)
            yield {**variables, "PATH": f"{ssh.parent}:{variables['PATH']}"}


@pytest.mark.lab
def test_your_own_host(desk: dict[str, str]) -> None:
    commands = typed(ROOT / "docs/your-own-host.md")
    assert len(commands) > 20
    for command in commands:
        argv = ["ssh", HOST, command.command] if command.on_host else ["bash", "-o", "pipefail", "-c", command.command]
        done = subprocess.run(argv, env=desk, capture_output=True, text=True, timeout=1200, check=False, cwd=ROOT)
        assert done.returncode == 0, f"{command.command}\n{done.stdout}{done.stderr}"
        assert done.stdout.strip(), f"{command.command} printed nothing"


def test_make_targets_that_documents_name_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        named = set(re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)\b(?=`|$)", document.read_text(), re.MULTILINE))
        assert named <= targets, f"{document.name} names {sorted(named - targets)}"


def test_links_between_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
            assert os.path.exists(document.parent / link), f"{document.name} links to {link}"  # noqa: PTH110


def test_the_command_lines_page_names_every_noun_and_verb() -> None:
    page = (ROOT / "docs/cli.md").read_text()
    for name, noun in Commands.nouns.items():
        assert f"teig {name}" in page
        command = typer.main.get_command(importlib.import_module(noun.module).app)
        for verb, entry in getattr(command, "commands", {}).items():
            assert entry.hidden or re.search(rf"teig {name} [a-z|]*\b{verb}\b", page), f"{name} {verb} is not in cli.md"


def test_all_words_for_what_a_guest_does_are_explained() -> None:
    page = (ROOT / "docs/cli.md").read_text()
    explained = re.findall(r"^\| ([a-z ]+) \| .+ \|$", page[page.index("| state |") :], re.MULTILINE)
    assert set(explained) - {"state"} == {state.value for state in GuestState}


def test_the_plan_that_is_shown_is_the_one_that_ships() -> None:
    text = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
    [block] = re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert plans.parse(block) == {"small": plans.shipped()["small"]}
