"""Whether guests answer, asked of many at once."""

from __future__ import annotations

import socket

import pytest

from teig.agent.guests import answering


def test_more_guests_than_a_process_may_have_sockets_are_asked_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "AT_ONCE", 3)
    real, there, most = socket.socket, [0], [0]

    class Counted(real):  # type: ignore[valid-type,misc]
        def __init__(self, *args: object) -> None:
            super().__init__(*args)
            there[0] += 1
            most[0] = max(most[0], there[0])

        def __exit__(self, *args: object) -> None:
            there[0] -= 1
            super().__exit__(*args)

    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as other:
        port, closed = server.getsockname()[1], other.getsockname()[1]
        other.close()
        targets = {f"{number}": ("127.0.0.1", port if number % 2 else closed) for number in range(10)}
        monkeypatch.setattr(socket, "socket", Counted)
        found = answering.answering(targets, 2.0)
    assert found == {f"{number}": bool(number % 2) for number in range(10)}
    assert most[0] == 3
