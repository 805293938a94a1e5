#!/bin/sh
# Remove every trace of the demo: guest, lab host, server, state, images and .venv. Debian packages stay.
set -eu
cd "$(dirname "$0")/.."
state=${XDG_STATE_HOME:-$HOME/.local/state}/teig
cache=${XDG_CACHE_HOME:-$HOME/.cache}/teig
if [ -e "$state" ] || [ -e "$cache" ]; then
	setup/prepare.sh # .venv may be gone already, and only teig knows what to stop
	.venv/bin/teig demo --clean
fi
rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
