# What one does with a checkout of Teig. Everything that is missing is installed first.
.PHONY: demo test test-slow lint bench clean-demo ready constraints

ready:
	@setup/prepare.sh

demo: ready ## a real Xen host on this machine, and a guest of your own on it
	@.venv/bin/teig demo

test: ## the whole test suite, on real Xen too
	@setup/prepare.sh setup/packages-for-tests
	@.venv/bin/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-slow: ready ## the tests that take minutes each, which `make test` leaves out
	@.venv/bin/python -m pytest -m slow

lint: ready ## style, types and layers; `make test` runs them too
	@.venv/bin/python -m pytest -q tests/test_linters.py

bench: ready ## measure, and say which bars are missed
	@setup/bench.sh

clean-demo: ## remove every trace of the demo; Debian packages stay
	@setup/clean.sh

constraints: ready ## pin again after a change of dependencies (needs uv)
	@uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
		--python-version 3.11 --group dev pyproject.toml --output-file constraints.txt
