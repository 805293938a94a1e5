"""Where Teig cannot keep what it must keep, it says so in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from teig.cli import main
from tests.cli.conftest import Teig


@pytest.fixture
def in_the_way(home: Path) -> str:
    """A file where a directory should be."""
    (home / "file").write_text("")
    return str(home / "file")


@pytest.mark.parametrize("command", [("serve",), ("state", "restore", "backup.json")])
def test_a_directory_that_cannot_be_made_is_one_error(
    home: Path, teig: Teig, in_the_way: str, command: tuple[str, ...]
) -> None:
    (home / "backup.json").write_text("{}")
    words = [str(home / word) if word.endswith(".json") else word for word in command]
    done = teig(*words, XDG_STATE_HOME=in_the_way)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: The server's directory {in_the_way}/teig/server cannot be used: Not a directory.\n"
        "Mend that, or choose another place: XDG_STATE_HOME=/DIRECTORY\n"
    )


def test_an_error_whose_details_cannot_be_kept_is_still_a_sentence(
    in_the_way: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stumble(**_: object) -> None:
        raise ValueError("odd")

    monkeypatch.setattr(main, "app", stumble)
    monkeypatch.setenv("XDG_STATE_HOME", in_the_way)
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        "error: Teig stumbled over something it did not expect: ValueError: odd.\n"
        f"The details cannot be kept in {in_the_way}/teig/cli-errors.log: Not a directory.\n"
    )


@pytest.mark.parametrize("command", [("serve",), ("guest", "list")])
def test_a_socket_whose_path_is_too_long_is_said_before_anything_begins(
    home: Path, teig: Teig, command: tuple[str, ...]
) -> None:
    state = home / ("a" * 90)
    done = teig(*command, XDG_STATE_HOME=str(state))
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: The path of the server's socket has more than 107 bytes: {state}/teig/")
    assert done.stderr.splitlines()[1:] == ["Choose a shorter one: XDG_STATE_HOME=/DIRECTORY"]
    assert not state.exists()
