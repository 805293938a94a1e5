"""cli.start_s: how long `teig --help` takes, and beside it a Python that does nothing."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from figures import Figure, options, report


def seconds(argv: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def main() -> int:
    parser = options("Measure how fast the command line starts.")
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    teig = str(Path(sys.executable).with_name("teig"))
    seconds([teig, "--help"])  # compiles what was never imported
    ours, bare = [], []
    for _ in range(args.rounds):
        ours.append(seconds([teig, "--help"]))
        bare.append(seconds([sys.executable, "-c", "pass"]))
    return report(
        [
            Figure("cli.start_s", statistics.median(ours), "s", "< 0.25", ours),
            Figure("cli.python_start_s", statistics.median(bare), "s", rounds=bare),
        ],
        args.output,
    )


if __name__ == "__main__":
    sys.exit(main())
