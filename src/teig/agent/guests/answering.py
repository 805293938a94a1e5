"""Whether guests take connections: all are asked side by side, and none is waited for long."""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import time
from collections.abc import Mapping

WAIT_S = 0.5
AT_ONCE = 256
"""Each takes a descriptor, and a process may have 1024."""
Target = tuple[str, int]


def answering(targets: Mapping[str, Target], wait_s: float = WAIT_S) -> dict[str, bool]:
    """Return for each name whether its address and port take a TCP connection within `wait_s` seconds."""
    names = list(targets)
    found: dict[str, bool] = {}
    for first in range(0, len(names), AT_ONCE):
        found.update(_answering({name: targets[name] for name in names[first : first + AT_ONCE]}, wait_s))
    return found


def _answering(targets: Mapping[str, Target], wait_s: float) -> dict[str, bool]:
    found = dict.fromkeys(targets, False)
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        for name, target in targets.items():
            link = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            link.setblocking(False)
            error = link.connect_ex(target)
            if error == 0:
                found[name] = True
            elif error == errno.EINPROGRESS:
                selector.register(link, selectors.EVENT_WRITE, name)
        deadline = time.monotonic() + wait_s
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                link = key.fileobj  # type: ignore[assignment]
                found[key.data] = link.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
                selector.unregister(link)
    return found
