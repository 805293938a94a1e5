"""lab.resume_s: how long `teig lab up` takes from a saved host to its answer over SSH; and what the first time costs.

`--first` also builds the images and boots in an empty cache: what the lab adds to the first demo on a new machine.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from figures import Figure, options, report
from teig.lab import images
from teig.lab.lab import Lab, running_lab
from teig.lab.options import LabOptions


def seconds(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def resume_s() -> float:
    """Start a lab from its saved state until it has answered a command over SSH."""
    with tempfile.TemporaryDirectory(prefix="tb-") as folder:
        lab = Lab(Path(folder))
        try:
            return seconds(lambda: lab.up(tie=True))
        finally:
            lab.down()


def first_time() -> list[Figure]:
    """Do in an empty cache what a new machine has to do."""
    before = os.environ.get("XDG_CACHE_HOME")
    with tempfile.TemporaryDirectory(prefix="tb-", dir=Path.home()) as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        try:
            built = {name: seconds(partial(images.build, name)) for name in ("dom0", "micro")}
            boot = seconds(lambda: start_once(Path(folder) / "state"))
        finally:
            os.environ.pop("XDG_CACHE_HOME")
            if before is not None:
                os.environ["XDG_CACHE_HOME"] = before
    figures = [Figure(f"lab.build_{name}_s", value, "s") for name, value in built.items()]
    return [*figures, Figure("lab.first_up_s", boot, "s")]


def start_once(state: Path) -> None:
    with running_lab(LabOptions(), state):
        pass


def main() -> int:
    parser = options("Measure how fast the lab starts.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--first", action="store_true", help="build and boot too, in an empty cache: minutes")
    args = parser.parse_args()
    figures = first_time() if args.first else []
    resume_s()  # boots, where this host was never booted
    rounds = [resume_s() for _ in range(args.rounds)]
    figures.append(Figure("lab.resume_s", statistics.median(rounds), "s", "<= 5", rounds))
    return report(figures, args.output)


if __name__ == "__main__":
    sys.exit(main())
