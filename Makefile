# The only door: every command of the README is a target here.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
EMULATOR_VENV := .venv-emulator
AUDIT_VENV := .venv-audit
CLIENTS_VENV := .venv-clients
BIN := $(VENV)/bin

# Tools that compile everything anew each time take twice as long.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help up reload down reset drop-demo seed test test-fast test-pythons test-servers check audit clients function migration format lock openapi bench soak faults histories fuzz mutants screens drill ops invoke shell sql localstack localstack-build sam-local release wheels

help:  ## Show what can be done
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

$(VENV)/.installed: requirements-bootstrap.lock requirements.lock
	@echo "Creating $(VENV) from requirements.lock …"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 …" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@touch $@

$(EMULATOR_VENV)/.installed: $(VENV)/.installed requirements-emulator.lock
	@echo "Creating $(EMULATOR_VENV) from requirements-emulator.lock …"
	@$(PYTHON) -m venv $(EMULATOR_VENV)
	@$(BIN)/uv pip sync --quiet --python $(EMULATOR_VENV)/bin/python --require-hashes requirements-emulator.lock
	@touch $@

$(AUDIT_VENV)/.installed: $(VENV)/.installed requirements-audit.lock
	@echo "Creating $(AUDIT_VENV) from requirements-audit.lock, once: a minute or two …"
	@$(PYTHON) -m venv $(AUDIT_VENV)
	@$(BIN)/uv pip sync --quiet --python $(AUDIT_VENV)/bin/python --require-hashes requirements-audit.lock
	@touch $@

$(CLIENTS_VENV)/.installed: $(VENV)/.installed requirements-clients.lock
	@echo "Creating $(CLIENTS_VENV) from requirements-clients.lock …"
	@$(PYTHON) -m venv $(CLIENTS_VENV)
	@$(BIN)/uv pip sync --quiet --python $(CLIENTS_VENV)/bin/python --require-hashes requirements-clients.lock
	@touch $@

up: $(VENV)/.installed $(EMULATOR_VENV)/.installed  ## Start everything, place an order, stay until Ctrl-C
	@$(BIN)/python -m infra.local.up

reload: $(VENV)/.installed  ## Bring saved code to the running system once, where `make up` does not notice
	@$(BIN)/python -m infra.local.live

down:  ## End what `make up` started
	@test ! -x $(BIN)/python || $(BIN)/python -m infra.local.down

reset:  ## End it and forget its data
	@test ! -x $(BIN)/python || $(BIN)/python -m infra.local.reset

test: $(VENV)/.installed $(EMULATOR_VENV)/.installed  ## Run every suite: unit, integration, contract, races, faults, end to end
	@PROPERTY_EXAMPLES=100 $(BIN)/pytest -n 4 $(PYTEST_ARGS)

test-fast: $(VENV)/.installed  ## Run the unit suite and, for a minute, the tests that the change touches (SINCE=commit)
	@PYTHONPATH=layers/domain/python:. $(BIN)/python -m tests.harness.fast $(SINCE)

test-pythons: $(VENV)/.installed  ## Run the unit and integration suites and `make up` on each Python here (PYTHONS="3.12 3.13")
	@$(BIN)/python -m infra.pythons $(PYTHONS)

test-servers: $(VENV)/.installed  ## Start the tests' servers and keep them for the next runs, until `make down`
	@PYTHONPATH=layers/domain/python:. $(BIN)/python -m tests.support.kept_servers

check: $(VENV)/.installed $(AUDIT_VENV)/.installed  ## Format, lint, types, imports, templates, OpenAPI, documents, names (FORCE=1: unchanged ones too)
	@$(BIN)/python -m infra.check $(if $(FORCE),--force)

audit: $(VENV)/.installed $(AUDIT_VENV)/.installed  ## Look for known vulnerabilities, write SBOMs to .local/sbom, check the templates
	@$(BIN)/python -m infra.audit

clients: $(VENV)/.installed $(CLIENTS_VENV)/.installed  ## Make Python and TypeScript clients and a collection, compile and try them (Node.js; SMOKE=1)
	@$(BIN)/python -m infra.clients $(if $(SMOKE),--smoke)

openapi: $(VENV)/.installed  ## Write docs/openapi.json and docs/scopes.md from what the functions declare
	@PYTHONPATH=layers/domain/python:. $(BIN)/python -m infra.openapi

function: $(VENV)/.installed  ## Write a new function: NAME=user/greet_me METHOD=GET PATH_=/users/me/greeting (ACCESS=anyone)
	@$(BIN)/python -m infra.scaffold function "$(NAME)" "$(METHOD)" "$(PATH_)" $(if $(ACCESS),--access $(ACCESS))

migration: $(VENV)/.installed  ## Write the next migration: NAME=orders_have_a_note
	@$(BIN)/python -m infra.scaffold migration "$(NAME)"

format: $(VENV)/.installed  ## Let the formatter have its way
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

drop-demo: $(VENV)/.installed  ## Play one whole drop on the running local system in a minute, and verify its proof
	@$(BIN)/python -m infra.local.drop_demo

seed: $(VENV)/.installed  ## Add SIZE products (default 100000) with stock and likes to the running local system
	@$(BIN)/python -m infra.local.seed $(or $(SIZE),100000)

bench: $(VENV)/.installed  ## Measure what is promised: a table, and JSON in .local/bench.json (BENCH=catalogue …)
	@PYTHONPATH=layers/domain/python:. $(BIN)/python -m tests.harness.bench $(BENCH) $(BENCH_ARGS)

soak: $(VENV)/.installed  ## Pay 2,000 card orders through a failing gateway and prove the books (SOAK_ARGS=…)
	@PYTHONPATH=layers/domain/python:. $(BIN)/python -m tests.harness.soak $(SOAK_ARGS)

faults: $(VENV)/.installed  ## Kill, fail and hang every use case at every step, and prove the books (ARGS=--help)
	@PYTHONPATH=layers/domain/python:. $(BIN)/python -m tests.harness.crash $(ARGS)

histories: $(VENV)/.installed  ## Look for concurrent answers that no serial order explains (ARGS=--help)
	@PYTHONPATH=layers/domain/python:. $(BIN)/python -m tests.harness.histories $(ARGS)

fuzz: $(VENV)/.installed  ## Attack the API with 20,000 hostile requests and messages (FUZZ_ARGS=…)
	@PYTHONPATH=layers/domain/python:. $(BIN)/python -m tests.harness.fuzz $(FUZZ_ARGS)

mutants: $(VENV)/.installed  ## Plant bugs one at a time, and see that a test finds each (ARGS=--help)
	@PYTHONPATH=layers/domain/python:. $(BIN)/python -m tests.harness.mutants $(ARGS)

screens: $(VENV)/.installed  ## Take the pictures of console and documents anew, into docs/screens
	@mkdir -p docs/screens
	@SCREENS=docs/screens $(BIN)/pytest -q -p no:xdist tests/integration/console/test_screens.py

drill: $(VENV)/.installed  ## List the drills, run one (DRILL=restore), or a night on the running system (NIGHT=1; SCREENS=folder)
	@PYTHONPATH=layers/domain/python:. $(BIN)/python -m $(if $(NIGHT),tests.harness.night $(if $(SCREENS),--screens $(SCREENS)),infra.drills $(DRILL)) $(DRILL_ARGS)

ops: $(VENV)/.installed  ## Dead letters, outbox, books: make ops ARGS="dlq list" (ARGS=--help)
	@PYTHONPATH=layers/domain/python:. $(BIN)/python -m infra.ops $(ARGS)

LOCALSTACK_BUILT := .local/localstack/build/localstack.yaml
$(LOCALSTACK_BUILT): $(VENV)/.installed template.yaml samconfig.toml docs/openapi.json infra/template.py infra/local/localstack.py \
  $(shell find functions layers infra/stacks infra/migrations -type f -not -name '*.pyc')
	@$(BIN)/python -m infra.local.localstack build

localstack-build: $(LOCALSTACK_BUILT)

localstack: $(LOCALSTACK_BUILT)  ## Deploy to the LocalStack at AWS_ENDPOINT_URL, run the end-to-end tests there
	@$(BIN)/python -m infra.local.localstack deploy
	@set -a; source .local/localstack/env; $(BIN)/pytest tests/e2e $(PYTEST_ARGS)

invoke: $(VENV)/.installed  ## Run FUNCTION here on its sample event (EVENT=file, DEBUG=port, ARGS=--help)
	@$(BIN)/python -m infra.local.invoke "$(FUNCTION)" $(if $(EVENT),--event "$(EVENT)") $(if $(DEBUG),--debug $(DEBUG)) $(ARGS)

shell: $(VENV)/.installed  ## Open a Python prompt in the running shop
	@$(BIN)/python -m infra.local.shell

sql: $(VENV)/.installed  ## Open psql on the running database (ARGS="-c 'SELECT 1'")
	@$(BIN)/python -m infra.local.sql $(ARGS)

sam-local: $(VENV)/.installed  ## Run FUNCTION in AWS's container image with its sample event; all; api (Docker; SAM_ARGS=…)
	@$(BIN)/python -m infra.local.sam_local "$(FUNCTION)" $(SAM_ARGS)

release: $(VENV)/.installed  ## Make the packages of TAG (v0.1.0), from what is checked out, in .local/release
	@$(BIN)/python -m infra.release "$(TAG)"

wheels: $(VENV)/.installed  ## See that every pinned package of the layers has a wheel for each Python and architecture
	@for target in layers/targets/*; do echo "$$target"; \
	  for layer in dependencies migrations; do \
	  $(MAKE) --silent -C layers/$$layer -f ../../$$target/Makefile wheels PIP="$(abspath $(BIN))/python -m pip" || exit 1; done; done

lock: $(VENV)/.installed  ## Pin every package anew, with hashes; ADD=package that one alone (TO=requirements.in)
	@$(BIN)/python -m infra.lock $(ADD) $(if $(TO),--to $(TO))
	@test -n "$(ADD)" -a -z "$(findstring layers/,$(TO))" || $(MAKE) wheels
