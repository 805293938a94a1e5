#!/bin/sh
# Run every benchmark in turn; ends with status 1 where one missed its bar.
set -u
cd "$(dirname "$0")/.."
status=0
for file in bench/*.py; do
	grep -q __main__ "$file" || continue # what they share
	echo "== $file" >&2
	.venv/bin/python "$file" "$@" || status=1
done
exit "$status"
