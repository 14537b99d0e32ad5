# Needs Python 3.11.1+ and make, nothing else. Everything runs in .venv, installed from the lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MINUTES := 5
READY := $(VENV)/ready
PEERS := .venv-peers
PEERS_READY := $(PEERS)/ready
PEERS_LOCK := benchmarks/peers/requirements.txt

.DEFAULT_GOAL := help
.PHONY: help demo up test coverage bench bench-peers bench-e2e bench-gateway bench-year bombs chaos screenshots messages scale lint lock clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# pip compiles at install; without bytecode every start of a process takes 2 to 4 times the import time.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 1) and "Python 3.11.1 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages into $(VENV) (about a minute, once) ..."
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## Load five made-up files from webhook to callback, check the results, then stop
	$(BIN)/alumniq demo

up: $(READY) ## Start the gateway, the Dagster UI and the Dagster daemon; Ctrl-C stops them
	$(BIN)/alumniq up

# In order of collection: the few long tests come first, so that no process waits for the others.
# Three on two processors: tests of whole systems mostly wait.
PYTEST = $(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

test: lint ## Lint, type-check and run every test
	$(PYTEST)

coverage: $(READY) ## Run every test once more, half as long again, and measure which lines they reach: at least 90 %
	$(PYTEST) --cov --cov-report=term

chaos: $(READY) ## Random strikes at a running system for MINUTES=5; the result is on the last line
	$(BIN)/python -m tests.chaos --minutes $(MINUTES)

screenshots: $(READY) ## Retake the documentation's screenshots in a real browser
	SCREENSHOTS=docs/images $(BIN)/pytest -q -m browser tests/browser

messages: $(READY) ## Regenerate docs/messages.md from the code
	$(BIN)/python -m tests.house.message_catalog

# The packages of the peers, a gigabyte, are nothing that we depend on.
$(PEERS_READY): $(PEERS_LOCK)
	$(PYTHON) -m venv $(PEERS)
	@echo "Installing what loads are compared with into $(PEERS) (some minutes, once) ..."
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $(PEERS_LOCK)
	@touch $@

bench: $(READY) $(PEERS_READY) ## Compare checking and loading with bare loads, then with other tools; writes benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks.loading
	$(BIN)/python -m benchmarks.peers.compare

bench-peers: $(READY) $(PEERS_READY) ## Compare a load with other tools alone (half an hour); writes benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks.peers.compare

bench-year: $(READY) ## Simulate a year of nightly files, some of them damaged; writes the table of docs/holding.md
	$(BIN)/python -m benchmarks.simulated_year

bench-gateway: $(READY) ## Compare the gateway with a bare app; the result is on the last line
	$(BIN)/python -m benchmarks.gateway

bench-e2e: $(READY) ## Compare whole loads with a bare Dagster project, and launchers (80 min, quiet machine); writes benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks.e2e
	$(BIN)/python -m benchmarks.e2e_cluster

CUSTOMERS := 2000
PAST := 1000000

scale: $(READY) ## Time ticks, pages and retention with 2,000 customers (10 min, quiet machine); writes docs/scale.md
	$(BIN)/python -m benchmarks.scale --customers $(CUSTOMERS) --past $(PAST)

bombs: $(READY) ## Check files made to exhaust memory, disk or time; each must be refused within limits
	$(BIN)/python -m benchmarks.bombs

lint: $(READY) ## Check format, style, types, import contracts, dependencies and Dagster's definitions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/dg check defs

RESOLVE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-strip-extras --no-annotate --no-header --python-version 3.11.1 --upgrade

lock: $(READY) ## Resolve the dependencies and write all locks, with hashes: ours, the image's, and that of the benchmarks' peers
	$(RESOLVE) --group dev --output-file requirements.lock pyproject.toml
	$(RESOLVE) --constraint requirements.lock --extra celery --extra k8s --extra otel --output-file deploy/requirements.lock pyproject.toml
	$(RESOLVE) --constraint requirements.lock --group build --output-file deploy/build.lock
	$(RESOLVE) --output-file $(PEERS_LOCK) benchmarks/peers/requirements.in

clean: ## Remove the virtual environment and caches; var/ stays
	rm -rf $(VENV) $(PEERS) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage*
