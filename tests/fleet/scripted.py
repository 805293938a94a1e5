"""An agent that a test writes: it speaks the protocol and does what each verb's lines of Python say."""

from __future__ import annotations

import sys
from pathlib import Path

_FRAME = """
import json, os, sys, time
def line():
    return json.loads(sys.stdin.buffer.readline() or sys.exit(0))
def say(number, **fields):
    os.write(1, json.dumps({{"id": number, **fields}}).encode() + b"\\n")
def verb(name, args, number):
    if name == "hello":
        return {{"protocol": 1, "version": {version!r}, "capabilities": {capabilities!r}}}
{body}
    return {{}}
while True:
    request = line()
    answer = verb(request["verb"], request["args"], request["id"])
    say(request["id"], **(answer if set(answer) & {{"error", "ok", "go"}} else {{"ok": answer}}))
"""


def agent(folder: Path, body: str = "", version: str = "1", capabilities: tuple[str, ...] = ()) -> list[str]:
    """Return the command of an agent; `body` is indented Python that may `return` an answer for `name` and `args`."""
    path = folder / "scripted.py"
    path.write_text(_FRAME.format(body=body, version=version, capabilities=list(capabilities)))
    return [sys.executable, "-I", str(path)]
