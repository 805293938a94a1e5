"""Run a program that ends when its parent does, however that ends: `tether.py PARENT-PID SIGNAL PROGRAM ARG...`.

Started as a file, with the standard library alone, by `teig.lab.launch`: the kernel's parent-death signal
(prctl(2), PR_SET_PDEATHSIG) survives exec, needs no process that watches, and works when the parent is killed by
SIGKILL. The signal belongs to the parent's thread, so `launch` starts everything from a thread that never ends.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    """Tie this process to its parent and become the program."""
    parent, signal, command = int(argv[0]), int(argv[1]), argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:  # it ended before the tie was made
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - the door is `teig.lab.launch`


if __name__ == "__main__":
    main(sys.argv[1:])
