# Python >= 3.11 and make are all that this needs. ARGS goes to the tool: make test ARGS="-k vaix -x".

# The first Python on the path that is new enough.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
UV := uv==0.13.9

.DEFAULT_GOAL := help
.PHONY: help run test console chromium prometheus soak check format bench lock clean

help:
	@echo "make run     start the five vendors' sandbox and the gateway, and see what to try"
	@echo "make test    run every test (ARGS=... goes to pytest)"
	@echo "make soak    kill the gateway under load, 150 times, and count (ARGS=... goes to tests/soak.py)"
	@echo "make check   lint, formatting, types, floors, what the pure core does"
	@echo "make format  mend formatting and what the linter can mend"
	@echo "make bench   measure beside what people would use instead (ARGS=... goes to the bench)"
	@echo "make lock    pin the dependencies anew (ARGS=--upgrade for newer ones)"
	@echo "make clean   remove .venv and all caches"

# Absent, or older than what it was made from.
$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: put it on the path, or say make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --require-hashes -r requirements.lock
	$(PY) -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

run: $(READY) console
	@sh scripts/run.sh

# One file's tests stay in one process: they may share a server.
test: $(READY) console chromium prometheus
	$(PY) -m pytest -n auto --dist loadfile $(ARGS)

# The page of the admin port, when its sources are newer than what was built; without Node it says so.
console: $(READY)
	@$(PY) hatch_build.py

# What the console is tested in.
chromium:
	@sh scripts/chromium.sh

# What the dashboard and the alerts are tested against.
prometheus: $(READY)
	@sh scripts/prometheus.sh

# Minutes rather than seconds: what `make test` does five times.
soak: $(READY)
	$(PY) tests/soak.py $(ARGS)

check: $(READY)
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(PY) -m mypy examples/house_collector/house_collector.py
	$(VENV)/bin/lint-imports
	@sh scripts/console.sh
	$(PY) -m bench report --check
	$(PY) -m bench guard

format: $(READY)
	$(PY) -m ruff check --fix
	$(PY) -m ruff format
	@sh scripts/console.sh format

bench: $(READY)
	$(PY) -m bench $(ARGS)

# One resolution for every Python and system that the project supports.
lock: $(READY)
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip install --quiet $(UV)
	$(VENV)/lock/bin/uv pip compile pyproject.toml --extra dev --extra otel --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		--quiet --output-file requirements.lock $(ARGS)

clean:
	rm -rf $(VENV) .bench build dist gateway/admin/dist console/node_modules .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
