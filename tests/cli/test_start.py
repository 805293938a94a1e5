"""The command line starts fast, and what it says about itself holds."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
import typer

from teig.cli.main import Commands, app
from tests.cli.conftest import Teig

SLOW = ("httpx", "fastapi", "dbos", "sqlalchemy", "rich", "asyncio", "pydantic", "websockets")


def test_help_imports_nothing_slow(teig: Teig) -> None:
    code = (
        "import sys; sys.argv = ['teig', '--help']\n"
        "from teig.cli.main import run\n"
        "try:\n    run()\nexcept SystemExit:\n    pass\n"
        f"print('LOADED', [name for name in {SLOW!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert "LOADED []" in done.stdout


@pytest.mark.parametrize("noun", sorted(Commands.nouns))
def test_every_noun_of_the_list_is_there_and_explains_itself(noun: str) -> None:
    module = importlib.import_module(Commands.nouns[noun].module)
    command = typer.main.get_command(module.app)
    assert command.help or noun in {"serve", "demo"}
    assert all(verb.help for verb in getattr(command, "commands", {}).values())


def test_help_lists_the_nouns(teig: Teig) -> None:
    done = teig("--help")
    assert done.returncode == 0
    assert all(noun in done.stdout for noun in Commands.nouns)


def test_every_verb_has_help_of_its_own(teig: Teig) -> None:
    done = teig("guest", "create", "--help")
    assert done.returncode == 0
    assert "--ssh-key" in done.stdout


@pytest.mark.parametrize(("typed", "meant"), [(("gest", "list"), "guest"), (("guest", "shwo"), "show")])
def test_a_mistyped_word_gets_a_suggestion(teig: Teig, typed: tuple[str, ...], meant: str) -> None:
    done = teig(*typed)
    assert done.returncode == 2
    assert f"Did you mean '{meant}'" in done.stderr


def test_version(teig: Teig) -> None:
    assert teig("--version").stdout.startswith("teig ")


def test_the_application_needs_no_rich() -> None:
    assert app.rich_markup_mode is None
