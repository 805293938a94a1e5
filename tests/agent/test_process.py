"""Starting programs whose words are read."""

from __future__ import annotations

import pytest

from teig.agent.host.process import must, run


def test_programs_speak_the_language_in_which_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the administrator's, whose ssh may hand it on."""
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("TEIG_OTHER", "kept")
    assert must(["printenv", "LC_ALL", "TEIG_OTHER"], "x").split() == ["C", "kept"]


def test_what_a_program_wrote_is_one_line() -> None:
    done = run(["sh", "-c", "echo out; printf '  one \\n\\n two\\n' >&2; exit 3"])
    assert (done.status, done.said) == (3, "one; two")
