"""Take a picture of a command's output as a terminal shows it: python setup/picture.py OUT.svg COMMAND...

The command gets a terminal of its own; what it has drawn over is dropped, and Rich draws what is left as SVG.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

WIDTH, HEIGHT = 100, 60
_FORMAT = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)  # no fonts from elsewhere
_CONTROL = re.compile(r"\x1b\[(\?25[lh]|2K|\d*A)|\r|\n")


def record(argv: list[str]) -> str:
    """Run a command on a terminal, show what it writes, and return it."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(argv[0], argv)  # noqa: S606 - an argv list, no shell
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", HEIGHT, WIDTH, 0, 0))
    written = b""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # how Linux says that the other side has gone
            break
        os.write(sys.stdout.fileno(), data)
        written += data
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
        sys.exit("The command failed; no picture was taken.")
    return written.decode()


def last_frame(written: str) -> str:
    """Return the lines that remain; a line is always cleared before it is drawn again."""
    lines, row, position = [""], 0, 0
    for control in _CONTROL.finditer(written):
        lines[row] += written[position : control.start()]
        position = control.end()
        if control[0] == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif control[0] == "\x1b[2K":
            lines[row] = ""
        elif control[0].endswith("A"):
            row = max(0, row - int(control[1][:-1] or 1))
    lines[row] += written[position:]
    return "\n".join(lines).strip("\n")


def main() -> None:
    """Take the picture."""
    target, *argv = sys.argv[1:]
    frame = f"$ make demo\n{last_frame(record(argv))}"
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(Text.from_ansi(frame), soft_wrap=True)
        console.save_svg(target, title="make demo", unique_id="teig", code_format=_FORMAT)


if __name__ == "__main__":
    main()
