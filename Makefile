# `make help` lists the targets. Settings come from the environment, from .env, or from the command
# line: make ingest SOURCE=files EVENTS_URL='/data/%Y-%m-%d.jsonl.gz' FROM=2026-01-01 TO=2026-01-31
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements.lock
RUN := $(BIN)/python -m

# What is given on the command line is data: to make `$1` in it would be a variable, and USER_ID='u$1'
# the user "u".
$(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),\
  $(eval override export $(name) := $$(value $(name)))))

# Telemetry of dbt, dlt and Dagster is off (Dagster's also in orchestration/home/dagster.yaml).
export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export RUNTIME__DLTHUB_TELEMETRY := false
export DAGSTER_DISABLE_TELEMETRY := 1

.PHONY: help install run demo-api demo-files ingest mapping-draft mapping-check replay retract transform rebuild test-data \
        dbt follow backfill dagster prune forget report compare doctor roles alert-test silence ui services init code-server daemon webserver up down reset psql checks lint format types docs unit browser pgbouncer test-quick \
        test test-full test-soak test-examples test-real-data test-dbt-adapters test-server image test-image containers helm-check coverage mutants screenshots bench bench-plots settings lock lock-examples clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[36mmake %-13s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# On Python 3.14 dbt-core 1.11 fails on import.
# uv comes out of the lock with its hash, then installs the rest in a fifth of pip's time
# (22 s against 117 s). Where uv cannot reach the package index, pip, which has its own settings, can.
$(VENV)/installed: $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "error: PYTHON=$(PYTHON) is $$($(PYTHON) --version 2>&1): Python 3.11, 3.12 or 3.13 is needed" >&2; exit 2; }
	@echo "Installing the locked packages into $(VENV) (once, about a minute) ..." >&2
	@$(PYTHON) -m venv $(VENV)
	@awk '/^[a-z]/ {uv = /^uv==/} uv' $(LOCK) > $(VENV)/uv.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	@$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes --python $(BIN)/python $(LOCK) || \
	  $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	@touch $@

install: $(VENV)/installed ## create .venv from requirements.lock

run: install ## the main job: demo API -> raw -> dbt build -> fact_events by day
	@$(RUN) commands.main_job

demo-api: install ## serve the demo events API on loopback until Ctrl-C
	@$(RUN) ingestion demo-api

demo-files: install ## write the demo's events as files: canonical ones, and a shop's CSV that needs a mapping
	@$(RUN) ingestion demo-files

ingest: install ## land what is new of FROM= TO=: [SOURCE_NAME=] [SOURCE=api|files|dlt] [MAPPING=] [EVENTS_URL=] [PROFILES_URL=] [RESOURCE=] [FORCE=1] [DRY=1] [JSON=1]
	@$(RUN) ingestion ingest

mapping-draft: install ## write a first mapping from samples: EVENTS_URL= [PROFILES_URL=], RESOURCE= or SOURCE_NAME= [MAPPING=name] [FROM=] [TO=]
	@$(RUN) ingestion mapping-draft

mapping-check: install ## what sample records become by a mapping, without landing: MAPPING= and EVENTS_URL= [PROFILES_URL=] or RESOURCE=, or SOURCE_NAME= [FROM=]
	@$(RUN) ingestion mapping-check

retract: install ## take a delivery back: UNIT= [MAPPING=] [DRY=1]
	@$(RUN) ingestion retract

replay: install ## read quarantined records again after a fix of the mapping: [REASON=] [MAPPING=] [DRY=1]
	@$(RUN) ingestion replay

transform: install ## dbt build of the days that new loads touched, or of FROM= TO=
	@$(RUN) transform

rebuild: install ## days anew with today's models, in chunks, newest first: FROM= TO=, or those on older models
	@$(RUN) transform.rebuild

test-data: install ## the data tests of all days, or of FROM= TO=
	@$(RUN) transform.test_data

dbt: install ## any dbt command with the same settings and server: ARGS='compile -s fact_events'
	@$(RUN) transform.dbt $(ARGS)

follow: install ## stay up: land and build what arrives of today and the last days, until Ctrl-C: [SOURCE_NAME=] [SOURCE=] [MAPPING=] [EVENTS_URL=] [PROFILES_URL=] [RESOURCE=] [FOLLOW_DAYS=] [FOLLOW_SECONDS=]
	@$(RUN) commands.follow

backfill: install ## ingest + transform FROM= TO= in Dagster: one run, and one of the regions
	@$(RUN) orchestration.backfill

dagster: install ## any Dagster command with the history of make ui: ARGS='asset materialize --select … --partition-range A..B'
	@$(RUN) orchestration.dagster_command $(ARGS)

prune: install ## drop events older than KEEP_DAYS= [DRY=1]
	@$(RUN) commands.prune

# Every shell has a USER, the person at it: given here it was the old word for the user to forget.
forget: install ## delete every trace of a user: USER_ID= [DRY=1]
	@[ '$(origin USER)' != 'override' ] || \
	  { echo "error: USER=$$USER is no setting of forget: give USER_ID=$$USER" >&2; exit 2; }
	@[ -z "$$USER_ID" ] || ! $(ARGUMENTS) | grep -q '\(^\| \)USER_ID=[[:space:]]' || \
	  { echo "error: USER_ID begins with a blank, which make drops from its arguments: USER_ID=' $$USER_ID' make forget" >&2; exit 2; }
	@$(RUN) commands.forget

# Of make itself, one a line where there is /proc: what it holds of a variable has lost the blanks in front.
ARGUMENTS = { tr '\0' '\n' < /proc/$$PPID/cmdline || ps -o args= -p $$PPID; } 2>/dev/null

report: install ## events per day, row accounting and quarantine reasons
	@$(RUN) reporting

compare: install ## two fact tables per day, wherever they are: LEFT= RIGHT=[libpq URL/]schema.table KEY=column[,column] [FROM= TO=] [DAY_COLUMN=] [RECEIPT_COLUMN=] [IGNORE=] [REPORT=] [JSON=1]
	@$(RUN) reporting.compare

doctor: install ## what this sees: program, server, data, settings, secrets masked; status 1 where something is wrong
	@$(RUN) commands.doctor

roles: install ## group roles of the warehouse, each with its own rights: [ROLE_PREFIX=] [DRY=1]
	@$(RUN) commands.roles

alert-test: install ## send one alert of each kind everywhere that is set, and say what was sent
	@$(RUN) alerts test

silence: install ## tell nobody of one kind of alert for some hours: ALERT= HOURS=
	@$(RUN) alerts silence

ui: install ## Dagster UI on 127.0.0.1:3000
	@$(RUN) orchestration.ui

services: install ## the UI's three processes apart, each by a supervisor of its own: the next three
	@$(MAKE) --no-print-directory --old-file=$(VENV)/installed --jobs=3 code-server daemon webserver

init: install ## make the tables of the warehouse and of Dagster's history: an upgrade's first step
	@$(RUN) orchestration.serve init

code-server: install ## Dagster's code server on CODE_SERVER_HOST and CODE_SERVER_PORT
	@$(RUN) orchestration.serve code-server

daemon: install ## Dagster's daemon: schedules, sensors and the queue
	@$(RUN) orchestration.serve daemon

webserver: install ## Dagster's web server on 127.0.0.1 and UI_PORT
	@$(RUN) orchestration.serve webserver

up: install ## start the embedded Postgres
	@$(RUN) ingestion up

down: install ## stop the embedded Postgres
	@$(RUN) ingestion down

reset: install ## stop the embedded Postgres and delete all its data
	@$(RUN) ingestion reset

psql: install ## a psql prompt on the warehouse
	@$(RUN) ingestion psql

# On GitHub what they find is an annotation of the pull request.
lint: export RUFF_OUTPUT_FORMAT := $(if $(GITHUB_ACTIONS),github,full)
lint: SQL_FORMAT := $(if $(GITHUB_ACTIONS),--format github-annotation-native --annotation-level error)
lint: install ## ruff, the rules of tests/structure, sqlfluff
	@$(BIN)/ruff check .
	@$(RUN) tests.structure.rules
	@$(BIN)/ruff format --check .
	@$(BIN)/sqlfluff lint --processes 2 $(SQL_FORMAT) dbt/models dbt/tests

format: install ## format the code in place; draw the import graph
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(RUN) tests.structure.graph
	@$(BIN)/sqlfluff fix --processes 2 dbt/models dbt/tests

types: install ## mypy, strict
	@$(BIN)/mypy

docs: install ## dbt's documentation of all models, in dbt/target/static_index.html
	@$(RUN) transform.docs

unit: install ## the tests that need no Postgres
	@$(RUN) pytest tests/unit -q

# Tests of a file share what is dear to make. In the order of tests/helpers/tiers.py, the longest first.
# Three on two cores: a test also waits, for disks, locks and processes.
SPREAD = -n $${JOBS:-3} --dist loadfile --no-loadscope-reorder

# What each runs, and how long it takes: docs/testing.md.
test-quick: install ## for every save: unit tests and the quickest on Postgres (under a minute)
	@$(RUN) pytest --tier quick -q $(SPREAD)

checks: install ## lint and types, side by side
	@$(MAKE) --no-print-directory --jobs=2 --output-sync lint types

test: checks browser pgbouncer ## what CI runs on every change: lint, types, tests; TEST_SEED= chooses the cases
	@$(RUN) pytest --tier change $(SPREAD)

test-full: checks browser pgbouncer ## every case of every matrix, and the proof at length: nightly
	@$(RUN) pytest $(SPREAD)
	@$(MAKE) --no-print-directory test-soak INTERLEAVINGS=$${INTERLEAVINGS:-40} SCHEDULES=$${SCHEDULES:-20}

test-real-data: install ## the counts of the real event logs in SHARED_DATA= (../shared/data)
	@$(RUN) pytest tests/outside -n 2

test-dbt-adapters: install ## dbt-postgres' own tests, without and with our macros: DBT_ADAPTERS=/path/to/checkout (an hour)
	@$(RUN) tests.outside.official_suite

# Of each example that needs packages an environment of its own: none of them is the project's.
examples/%/.venv/installed: examples/%/requirements.lock $(VENV)/installed
	@echo "Installing the locked packages into $(@D) (once) ..." >&2
	@$(PYTHON) -m venv $(@D)
	@$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes --python $(@D)/bin/python $< || \
	  $(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

EXAMPLES := $(wildcard examples/*/requirements.in)

test-examples: install $(EXAMPLES:requirements.in=.venv/installed) ## the same week by every driver in examples/, each in its own environment: equal rows
	@$(RUN) pytest tests/examples

# They need no more than SQL; they make and drop a database `test` there.
test-server: install ## tests of the SQL on the server that PGHOST names
	@[ -n "$$PGHOST" ] || { echo "error: PGHOST is not set: test-server needs a server to test on" >&2; exit 2; }
	@TEST_ON_PGHOST=1 $(RUN) pytest -q $(patsubst %,tests/integration/test_%.py,days_replaced profiles replay \
	  drift data_tests retention partition_overwrite partition_overwrite_elsewhere compare)

coverage: install browser pgbouncer ## what the tests run of our own code, in other processes too: htmlcov/index.html
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(SPREAD); status=$$?; $(BIN)/coverage combine --quiet; \
	  $(BIN)/coverage html --quiet; $(BIN)/coverage report --skip-covered; exit $$status

mutants: install ## faults, one at a time: do the tests notice? N=40 SEED= FILES='dbt/**/*.sql' (an hour)
	@$(RUN) tests.mutants

# CHROMIUM= is another one's path.
browser: PROGRAM := $${CHROMIUM:-chromium}
browser: ## Chromium for the tests of the UI: Debian's, installed where this is root
	@$(INSTALLED)

pgbouncer: PROGRAM := pgbouncer
pgbouncer: ## PgBouncer for the tests of Postgres servers: Debian's, installed where this is root
	@$(INSTALLED)

INSTALLED = PATH="$$PATH:/usr/sbin" command -v "$(PROGRAM)" >/dev/null || { \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; } || \
	    { echo "error: $(PROGRAM) is not there, and only root with apt-get can install it" >&2; exit 2; }; \
	  apt-get update -qq && apt-get install -y -qq $(or $(PACKAGES_$@),$@); }
PACKAGES_browser := chromium
PACKAGES_containers := buildah podman runc

screenshots: install browser ## the pictures of README, from the test of the UI
	@SCREENSHOTS=$(CURDIR)/docs/img $(RUN) pytest tests/e2e/test_ui.py -q

image: ## build the images fact-events:VERSION and …-slim, list what they consist of in dist/image: [BASE=] [IMAGE=] [TAG=] [ENGINE=docker|podman|buildah] [CA_FILE=]
	@bash deploy/image/build.sh

test-image: install containers ## build the images and run the main job in one: [BASE=] (on a base that is made here, without a registry)
	@$(RUN) pytest tests/deployed/test_image.py -q

helm-check: install ## render Dagster's chart with deploy/helm and validate it: CHART=directory [HELM=]
	@bash deploy/helm/check.sh

# Docker, where its daemon answers; else podman with runc.
containers: PROGRAM := podman
containers: ## podman, runc and buildah for make test-image: Debian's, installed where this is root and no docker answers
	@docker info >/dev/null 2>&1 || { $(INSTALLED); }

test-soak: install ## the proof at length: INTERLEAVINGS=200 STEPS=6 SCHEDULES=50 ROUNDS=3 SEED=1 JOBS=2
	@export INTERLEAVINGS=$${INTERLEAVINGS:-200} JOBS=$${JOBS:-2} SCHEDULES=$${SCHEDULES:-50}; \
	  $(RUN) pytest tests/proof -q -n $$JOBS --capture=sys

bench: install ## what it costs, as ratios side by side: SCALE=small|medium|large (minutes to an hour)
	@$(RUN) benchmarks

bench-plots: install ## draw docs/img/bench-*.svg of the last results of make bench
	@$(RUN) benchmarks.plots

settings: install ## write .env.example and docs/settings.md from the declared settings
	@$(RUN) commands.reference

lock: install ## pin every dependency with hashes into requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --quiet --all-extras --universal --no-strip-extras \
	  --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" --upgrade -o $(LOCK)
	@$(BIN)/python deploy/image/locked.py | sed -n 's/^\([a-z0-9-]*\).*==.*/--no-emit-package \1/p' | \
	  xargs $(BIN)/uv pip compile deploy/image/kubernetes.in --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --constraint $(LOCK) --custom-compile-command "make lock" -o deploy/image/kubernetes.lock

lock-examples: install ## pin what each example needs, with hashes, into examples/*/requirements.lock
	@for each in $(EXAMPLES); do \
	  $(BIN)/uv pip compile $$each --quiet --universal --no-strip-extras --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command "make lock-examples" --upgrade -o $${each%.in}.lock || exit 1; \
	done

clean: ## remove .venv and those of the examples, caches and dbt's target (data stays)
	@rm -rf $(VENV) examples/*/.venv .mypy_cache .ruff_cache .pytest_cache dbt/target dbt/logs
