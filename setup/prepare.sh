#!/bin/sh
# Make this checkout ready: Debian packages, a Python environment in .venv with pinned packages, and Teig in it.
# What is there already is left alone, so running it again takes a blink. Usage: setup/prepare.sh [LIST OF PACKAGES...]
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # a plain user's PATH on Debian lacks them
for folder in /usr/lib/postgresql/*/bin; do PATH=$PATH:$folder; done # where Debian keeps initdb
log=$(mktemp)
trap 'rm -f "$log"' EXIT
stamp=.venv/teig-is-ready

fail() {
	for line in "$@"; do echo "$line" >&2; done
	exit 1
}

# Run a command with its output in the log; show that it goes on, how long it took, and the log's end if it fails.
quietly() { # WHAT COMMAND...
	what=$1
	shift
	begin=$(date +%s)
	printf '%s ' "$what" >&2
	(while sleep 2; do printf . >&2; done) &
	dots=$!
	status=0
	"$@" >"$log" 2>&1 </dev/null || status=$?
	kill "$dots" 2>/dev/null || true
	wait "$dots" 2>/dev/null || true
	if [ "$status" -ne 0 ]; then
		echo " failed:" >&2
		tail -n 15 "$log" >&2
		return "$status"
	fi
	echo " $(($(date +%s) - begin)) s" >&2
}

# Whether a Python is new enough and can make an environment (Debian keeps that in a package of its own).
python_fits() { # PYTHON
	"$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
	for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 "$HOME"/.pyenv/versions/3.*/bin/python3 /usr/bin/python3; do
		if [ -n "$candidate" ] && python_fits "$candidate"; then
			"$candidate" -c 'import sys; print(sys.executable)'
			return 0
		fi
	done
	return 1
}

package_there() { # PACKAGE PROGRAM
	[ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ||
		command -v "$2" >/dev/null 2>&1
}

missing_packages() { # LIST...
	cat setup/packages "$@" | while read -r package program; do
		case $package in '' | '#'*) continue ;; esac
		package_there "$package" "$program" || printf '%s ' "$package"
	done
	find_python >/dev/null || printf 'python3-venv '
}

install_packages() { # PACKAGE...
	command="apt-get update && apt-get install --yes --no-install-recommends $*"
	if [ "$(id -u)" -eq 0 ]; then
		as_root=
	elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; } && sudo -v; then
		as_root=sudo
	else
		fail "These packages are missing, and you are not allowed to install them: $*" \
			"Ask an administrator to run: $command"
	fi
	command -v apt-get >/dev/null 2>&1 ||
		fail "These packages are missing, and this is no Debian that could install them: $*" "Install them and try again."
	quietly "Reading Debian's list of packages" $as_root env DEBIAN_FRONTEND=noninteractive apt-get --quiet update ||
		fail "Debian's list of packages could not be read." "Look into the network, then try again."
	quietly "Installing $*" $as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get --quiet --yes --no-install-recommends install "$@" ||
		fail "The packages could not be installed." "Run by hand: $command"
}

make_environment() {
	python=$(find_python) || fail "There is no Python 3.11 or later that can make an environment." \
		"Install Debian's python3-venv, or name one: PYTHON=/path/to/python3 make demo"
	wanted=$(cat constraints.txt pyproject.toml setup/prepare.sh | sha256sum | cut -d' ' -f1)
	if [ -x .venv/bin/teig ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted $PWD" ] &&
		.venv/bin/python -c '' 2>/dev/null; then
		return 0
	fi
	rm -f "$stamp"
	if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
		rm -rf .venv
		quietly "Making a Python environment in .venv" "$python" -m venv .venv
	fi
	pip=".venv/bin/python -m pip --disable-pip-version-check install --quiet"
	quietly "Installing Python packages" $pip --require-hashes --requirement constraints.txt ||
		fail "The Python packages could not be installed." "Look into the network, then try again."
	quietly "Installing Teig" $pip --no-deps --no-build-isolation --editable . ||
		fail "Teig could not be installed into .venv." "Remove .venv and try again."
	echo "$wanted $PWD" >"$stamp"
}

missing=$(missing_packages "$@")
# shellcheck disable=SC2086 # one word per package
[ -z "$missing" ] || install_packages $missing
make_environment
