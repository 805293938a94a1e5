"""Feed the reader of xl.cfg and all rules with anything for five minutes; only the reader's own errors may come out.

    python -m tests.audit.fuzz                     hypothesis, which the tests use too
    python -m tests.audit.fuzz --engine atheris    coverage-guided; needs `pip install atheris`, which is no dependency
    python -m tests.audit.fuzz --seconds 60

Each input is read, audited with a host, mended, and audited again. An input that breaks something is printed and ends
the run with 1; put it into tests/xen/test_config_file.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from teig.audit.explaining import parts_of
from teig.audit.fixing import diff, fixed
from teig.audit.host import ConfigText, HostSettings
from teig.audit.registry import entries
from teig.audit.review import review
from teig.xen.config_edit import render
from teig.xen.config_file import ConfigFile, ListValue, Value, decode, parse
from teig.xen.config_keys import KEYS, XM_ONLY
from teig.xen.config_text import BadConfig
from tests.audit.given import GOOD

HOST = HostSettings("xen1", cores=2, memory_mib=1024, dom0_memory_mib=512, bridges=(), paths=(("/a", "missing"),))
PARTS = [parts_of(entry) for entry in entries().values()]
SEEDS = [GOOD, *(parts[name] + "\n" for parts in PARTS for name in ("Example", "Instead") if name in parts)]
WORDS = [
    *KEYS, *XM_ONLY, "=", "+=", "[", "]", ",", ";", "\n", " ", "'", '"', "#", "\\", "(", ")", "0", "1", "-1", "0x",
    "True", "phy:", "file:", "target=", "vdev=", "format=", "xvda", "/dev/", "w", "mac=", "00:16:3e:", "rate=", "1Mb/s",
    "bridge=", "permissive=1", "vnclisten=", "# teig: ignore MEM\n", "# teig: ignore-file X\n", "\r\n", "\0", "é",
    "\udcff",
]  # fmt: skip


def check(text: str) -> None:
    """Do everything that the audit does with one file."""
    file = ConfigText("/etc/xen/fuzz.cfg", text)
    report = review([file, ConfigText("/etc/xen/other.cfg", text)], HOST)
    json.dumps(report.as_record())
    mended = fixed(file, HOST)
    diff(file.path, text, mended)
    again = review([ConfigText(file.path, mended)], HOST)
    assert not any(finding.edits for finding in again.findings), "something is left to mend"
    try:
        config = parse(text)
    except BadConfig:
        return
    if not config.deviations:
        assert _plain(parse(render(config.assignments))) == _plain(config), "what is written is read otherwise"


def _plain(config: ConfigFile) -> dict[str, object]:
    return {name: _value(setting.value) for name, setting in config.settings.items()}


def _value(value: Value) -> object:
    return [_value(item) for item in value.items] if isinstance(value, ListValue) else value.text


def with_hypothesis(seconds: float) -> int:
    """Draw files of three kinds until the time is over; return how many."""
    pieces = st.lists(st.sampled_from(WORDS), max_size=60).map("".join)
    spoilt = st.builds(_spoil, st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 2000), pieces), max_size=4))
    files = st.one_of(pieces, spoilt, st.binary(max_size=400).map(decode), st.text(max_size=200))
    count = 0

    @settings(
        max_examples=500, deadline=None, database=None, phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(files)
    def some(text: str) -> None:
        nonlocal count
        count += 1
        check(text)

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        some()
    return count


def _spoil(text: str, changes: list[tuple[int, str]]) -> str:
    for place, piece in changes:
        at = place % (len(text) + 1)
        text = text[:at] + piece + text[at + len(piece) // 2 :]
    return text


def with_atheris(seconds: float) -> int:
    """Let coverage choose; atheris ends the process itself, with a traceback where something broke."""
    import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]  # noqa: PLC0415 - only for this engine

    run: Callable[[bytes], None] = lambda data: check(decode(data))  # noqa: E731 - atheris wants a function of bytes
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], f"-max_total_time={seconds:.0f}", "-max_len=2000", "-close_fd_mask=0"], run)
    atheris.Fuzz()
    return 0


def main() -> int:
    """Run one engine."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engine", choices=("hypothesis", "atheris"), default="hypothesis")
    parser.add_argument("--seconds", type=float, default=300)
    args = parser.parse_args()
    if args.engine == "atheris":
        return with_atheris(args.seconds)
    count = with_hypothesis(args.seconds)
    print(f"{count} files in {args.seconds:g} s, and nothing broke.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
