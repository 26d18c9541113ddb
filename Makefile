# If a command fails, make exits with code 2. Scripts that need the command's own code call .venv/bin/stx-pipelines.
PYTHON ?= python3
BIN := .venv/bin
ANVIL := .cache/anvil
ANVIL_VERSION := 1.7.1
TARGET_DAYS ?=
TARGET ?=
# Tests run in parallel on all cores; `AT_ONCE= make test` runs one at a time.
AT_ONCE ?= -n auto --dist loadfile --no-loadscope-reorder
# Keep a Mac awake during a long sync.
AWAKE := $(if $(shell command -v caffeinate 2>/dev/null),caffeinate -i)
DAYS_OPTION := $(if $(TARGET_DAYS),--target-days $(TARGET_DAYS))

# The targets whose names begin with backfill- are from an earlier version. These variables of that version have no
# effect today, and every target says so.
OLD_VARIABLES := MAX_PAGES MAX_ITERATIONS BACKFILL_LOG BACKFILL_PID
$(foreach name,$(OLD_VARIABLES),$(if $(filter command line environment,$(origin $(name))),\
	$(warning $(name) has no effect any more: see "Old commands and new ones" in docs/runbook.md)))

.PHONY: help install page notebook smoke-notebook demo test test-faults test-topology test-haul bench anvil publish backfill status backfill-status health backfill-health verify rebuild dev up down ps logs lint clean
.PHONY: backfill-wallet backfill-bg backfill-tail backfill-stop backfill-tmux backfill-tmux-start backfill-tmux-attach
.PHONY: backfill-tmux-stop backfill-tmux-status backfill-tmux-logs

# The first target: `make` alone shows it.
help:
	@echo 'make demo       sync and show made-up chains, without keys and without the network'
	@echo 'make backfill   fetch all wanted days, newest first; TARGET_DAYS=30 sets how many'
	@echo 'make status     show how many days are complete'
	@echo 'make health     say in one sentence whether you must do something'
	@echo 'make page       open the dashboard page'
	@echo 'make notebook   open a notebook over the stored days, or those of the demo'
	@echo 'make up         start webserver and daemon in the background; also: down, ps, logs'
	@echo 'make dev        start the Dagster UI in this terminal; AUTOSTART=1 starts its sensors too'
	@echo 'make verify     prove stored days again'
	@echo 'make rebuild    make the database again from the day files'
	@echo 'make publish    send the page and the results to TARGET=, a folder or an address like s3://bucket/path'
	@echo 'make install    install everything into .venv (the targets above do so when needed)'
	@echo 'make test       run the tests; also: smoke-notebook, test-faults, test-topology, test-haul, bench, lint'
	@echo
	@echo 'More commands: .venv/bin/stx-pipelines --help. All settings: .env.example.'

install: .venv/runtime
	@echo 'everything is installed in .venv; the command is $(BIN)/stx-pipelines; `make demo` shows what it does'

demo: .venv/runtime
	$(BIN)/stx-pipelines demo

test: .venv/dev anvil
	$(BIN)/python -m pytest $(AT_ONCE)

# All figures take 40 minutes on an otherwise idle machine. For one figure, run
# .venv/bin/python -m stx_pipelines_tests.benchmarks --only NAME
bench: .venv/dev anvil
	$(BIN)/python -m stx_pipelines_tests.benchmarks

# The whole fault suite takes about an hour and a quarter. `make test` runs a short form. SEED=123 repeats the random
# choices of an earlier run with this seed. MINUTES=15 shortens the storm of all faults at once, which lasts an hour.
SEED ?=
MINUTES ?=
test-faults: .venv/dev anvil
	$(BIN)/python -m pytest $(AT_ONCE) stx_pipelines_tests/faults stx_pipelines_tests/cli/test_kill.py --faults-whole $(if $(SEED),--faults-seed $(SEED)) \
		$(if $(MINUTES),--faults-minutes $(MINUTES))

# Several machines: a daemon and Celery workers with disks of their own, PostgreSQL, a bucket and a broker. The
# transcript is in docs/deploy.md.
test-topology: .venv/dev
	$(BIN)/python -m pytest -s stx_pipelines_tests/deploy/test_topology.py --faults-whole

# The services of `make up` follow both chains for an hour, with faults and kills of every kind. Its report is printed and
# kept in .cache/haul.txt.
test-haul: .venv/dev
	$(BIN)/python -m pytest -s stx_pipelines_tests/faults/test_haul.py --haul-minutes $(or $(MINUTES),60) \
		$(if $(SEED),--faults-seed $(SEED))

# A real Ethereum node for the tests, 43 MB. npm chooses the build for this machine (Linux or macOS). Without npm or
# without a build, the tests that need the node are skipped.
anvil: $(ANVIL)/$(ANVIL_VERSION)

$(ANVIL)/$(ANVIL_VERSION):
	@if ! command -v npm >/dev/null; then echo 'npm is not installed: the tests against a real node will be skipped.'; exit; fi; \
	npm install --prefix $(ANVIL) --no-save --no-package-lock --no-audit --no-fund --ignore-scripts --fetch-retries=1 \
		@foundry-rs/anvil@$(ANVIL_VERSION) && touch $@ || echo 'anvil could not be installed: the tests against it will be skipped.'

backfill: .venv/runtime
	$(AWAKE) $(BIN)/stx-pipelines sync $(DAYS_OPTION)

status backfill-status: .venv/runtime
	$(BIN)/stx-pipelines status $(DAYS_OPTION)

health backfill-health: .venv/runtime
	$(BIN)/stx-pipelines health $(DAYS_OPTION)

notebook: .venv/notebook
	$(BIN)/marimo edit --skip-update-check notebooks/explore.py

# The notebook runs whole, without a browser, over a small made-up history.
smoke-notebook: .venv/dev
	$(BIN)/python -m pytest stx_pipelines_tests/read/test_notebook.py

verify rebuild page: .venv/runtime
	$(BIN)/stx-pipelines $@

# `make publish TARGET=s3://bucket/stacks`. For the days too: .venv/bin/stx-pipelines publish TARGET --days
publish: .venv/share
	@$(if $(TARGET),,echo 'give the folder or the address: make publish TARGET=s3://bucket/stacks' >&2; exit 1)
	$(BIN)/stx-pipelines publish '$(TARGET)'

backfill-wallet: backfill
	@echo '`make backfill-wallet` is `make backfill` now.' >&2

backfill-bg backfill-tmux backfill-tmux-start: up
	@echo '`make $@` is `make up` now.' >&2

backfill-stop backfill-tmux-stop: down
	@echo '`make $@` is `make down` now.' >&2

backfill-tmux-status: ps
	@echo '`make $@` is `make ps` now.' >&2

backfill-tail backfill-tmux-logs backfill-tmux-attach:
	@echo '`make $@` is `make logs` now.' >&2
	@$(MAKE) --no-print-directory logs

# `AUTOSTART=1 make dev` starts the sensors and schedules too.
dev: .venv/runtime
	@$(if $(AUTOSTART),,echo 'Sensors are off unless STX_AUTOSTART is set. To start them: AUTOSTART=1 make dev, or the page Automation of the UI.' >&2)
	$(if $(AUTOSTART),export STX_AUTOSTART=$(AUTOSTART);) \
	_STX_EXPORTED=$$($(BIN)/python -c 'from stx_pipelines.settings import exported; print(exported())') \
	DAGSTER_HOME=$${DAGSTER_HOME:-$(CURDIR)} DAGSTER_DISABLE_TELEMETRY=1 $(BIN)/dagster dev -w workspace.yaml

# Start, stop or show the webserver and the daemon in the background. `PORT=3001 make up` sets the UI's port (default 3000).
up down ps logs: .venv/runtime
	@BIN=$(BIN) deploy/services.sh $@

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	PATH=$(BIN):$$PATH dg check defs

.venv/pip:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/runtime: pyproject.toml constraints.txt | .venv/pip
	@echo 'installing into .venv; the first time this takes a minute or two' >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/notebook: pyproject.toml constraints.txt | .venv/pip
	@echo 'installing into .venv, with the notebook; the first time this takes a minute or two' >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[notebook]'
	@touch $@ .venv/runtime

.venv/share: pyproject.toml constraints.txt | .venv/pip
	@echo 'installing into .venv, with what publishing needs' >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[share]'
	@touch $@ .venv/runtime

.venv/dev: pyproject.toml constraints.txt | .venv/pip
	@echo 'installing into .venv, with what tests need; the first time this takes a minute or two' >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ .venv/runtime .venv/share

clean:
	rm -rf .venv .cache .dagster .pytest_cache .mypy_cache .ruff_cache
