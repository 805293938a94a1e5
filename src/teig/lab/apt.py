"""Where packages for the images come from: this machine's own Debian 12 sources, or mmdebstrap's default mirror.

Only sources that Debian itself signs count; what else an administrator added to the machine has no place in an image.
Neighbour: `images`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from teig import process

SUITE = "bookworm"
_SUITES = {SUITE, f"{SUITE}-updates", f"{SUITE}-security"}
_PASSED_ON = re.compile(r'Acquire::(https?(::|\s)|Check-|Retries|ForceIPv)[^"]* "[^"]+";', re.IGNORECASE)


def sources(folder: Path = Path("/etc/apt")) -> list[str]:
    """Return this machine's source lines for Debian 12, in apt's one-line form; empty where it has none."""
    found: list[str] = []
    for path in [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]:
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix == ".sources":
            found.extend(_from_deb822(text))
        elif path.suffix == ".list":
            found.extend(_from_lines(text.splitlines()))
    return found if any(f" {SUITE} " in line for line in found) else []


def options() -> list[str]:
    """Return the settings of this machine's apt that downloads depend on (proxies, checks), for `--aptopt`."""
    printed = process.run(["apt-config", "dump", "Acquire"], timeout_s=30)
    return [line.rstrip(";") for line in printed.splitlines() if _PASSED_ON.match(line)]


def _from_lines(lines: Iterable[str]) -> list[str]:
    found = []
    for line in lines:
        match = re.match(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<parts>.+)", line)
        if match and match["suite"] in _SUITES and _signed_by_debian(match["options"] or ""):
            found.append(f"deb {match['uri']} {match['suite']} {_components(match['parts'])}")
    return found


def _from_deb822(text: str) -> list[str]:
    found: list[str] = []
    for block in re.split(r"\n\s*\n", text):
        kept = "\n".join(line for line in block.splitlines() if not line.startswith("#"))
        fields = {key.lower(): " ".join(value.split()) for key, value in re.findall(_FIELD, kept)}
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() == "no":
            continue
        if not _signed_by_debian(f"signed-by={fields.get('signed-by', '')}"):
            continue
        found.extend(
            f"deb {uri} {suite} {_components(fields.get('components', 'main'))}"
            for uri in fields.get("uris", "").split()
            for suite in fields.get("suites", "").split()
            if suite in _SUITES
        )
    return found


_FIELD = re.compile(r"^([A-Za-z-]+):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)


def _signed_by_debian(text: str) -> bool:
    keyring = re.search(r"signed-by=(\S+)", text)
    return keyring is None or "debian-archive" in keyring[1]


def _components(text: str) -> str:
    # The images need nothing else, and a mirror may carry nothing else.
    return "main" if "main" in text.split() else text
