"""How long `teig demo` takes until the guest has answered.

demo.again_s: all images are built, nothing runs. demo.rerun_s: everything runs already. demo.first_s, with --first
only: nothing is built either; it takes minutes and some hundred megabytes of Debian packages.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import Figure, options, report
from teig import paths


def demo(environment: dict[str, str], *args: str) -> float:
    begin = time.perf_counter()
    argv = [sys.executable, "-m", "teig", "demo", *args]
    subprocess.run(argv, env=environment, stdout=sys.stderr, check=True)
    return time.perf_counter() - begin


def own_cache(folder: Path, *, shared: bool) -> Path:
    """Make a cache directory that the demo may remove: empty, or with links to the user's own."""
    cache = folder / "cache/teig"
    cache.mkdir(parents=True)
    for name in ("images", "lab") if shared else ():
        (paths.cache_dir() / name).mkdir(parents=True, exist_ok=True)
        (cache / name).symlink_to(paths.cache_dir() / name)
    return cache.parent


def measure(folder: Path, *, first: bool, rounds: int) -> list[Figure]:
    cache = own_cache(folder, shared=not first)

    def state(index: int) -> dict[str, str]:
        return {**os.environ, "XDG_CACHE_HOME": str(cache), "XDG_STATE_HOME": str(folder / f"s{index}")}

    figures, again, rerun = [], [], []
    try:
        took = demo(state(0))
        if first:
            figures.append(Figure("demo.first_s", took, "s", "<= 420", [took]))
        for index in range(rounds):
            demo_stop(state(index))
            again.append(demo(state(index + 1)))
            rerun.append(demo(state(index + 1)))
    finally:
        demo_stop(state(0), *(state(index + 1) for index in range(rounds)))
    return [
        *figures,
        Figure("demo.again_s", sorted(again)[len(again) // 2], "s", "<= 60", again),
        Figure("demo.rerun_s", sorted(rerun)[len(rerun) // 2], "s", "<= 60", rerun),
    ]


def demo_stop(*environments: dict[str, str]) -> None:
    """End what a demo left running, and keep what was built: the server first, so that it loses no host."""
    for environment in environments:
        code = "from teig.cli import lab_machines, server_process as s; s.stop(); lab_machines.remove()"
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def main() -> int:
    parser = options(__doc__ or "")
    parser.add_argument("--first", action="store_true", help="build the images too, in an empty cache")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="teig-") as folder:
        figures = measure(Path(folder), first=args.first, rounds=args.rounds)
    return report(figures, args.output)


if __name__ == "__main__":
    sys.exit(main())
