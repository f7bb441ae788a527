# `make help` is the manual. Everything sets itself up: Python 3.11 and pip are all it needs.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# Compiled modules are kept, whatever the environment says: tests start a hundred processes.
export PYTHONDONTWRITEBYTECODE :=
export PIP_DISABLE_PIP_VERSION_CHECK := 1
STORY ?=
PYTEST ?=
SHORT ?=
JSON ?=
SEEDS ?= 200

.DEFAULT_GOAL := help
.PHONY: help demo test interpreters slow bench bench-memory bench-placement bench-reads properties simulate ci-time check fix storyboards schema lock clean

help: ## show this manual
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.runtime ## the daemon, an embedded AWS and 200 users on this machine; STORY=failover plays a story
	@$(BIN)/gtc sandbox run $(if $(STORY),--story $(STORY)) || [ $$? = 130 ] # 130: Ctrl-C

test: $(VENV)/.dev ## every test; PYTEST="-k name" passes arguments on
	@$(BIN)/python -m pytest --numprocesses=2 $(PYTEST)

interpreters: ## the tests on Python 3.12 and 3.13, where they are installed; PYTEST="tests/adapters/probing" for some
	@PYTEST="$(PYTEST)" .ci/interpreters

slow: $(VENV)/.dev ## what `make test` leaves out: kill -9 at named points, faults over processes, 1,000 slow clients
	@$(BIN)/python -m pytest -m slow $(PYTEST)

simulate: $(VENV)/.dev ## SEEDS=200 random lives of the daemon in simulated time, faults of all kinds; a failure says how to replay it
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS)

properties: $(VENV)/.dev ## 10,000 random cases of every property, of deciding above all; takes hours
	@$(BIN)/python -m pytest -m "hypothesis and not slow" --hypothesis-profile=properties --timeout=0 $(PYTEST)

ci-time: ## seconds of each step of .ci/run, as it last ran here
	@cat .ci-time 2>/dev/null || { echo "run .ci/run first: it notes what each step takes"; exit 1; }

bench: $(VENV)/.dev ## our prober beside its peers, as root; SHORT=1 for two minutes, JSON=path writes a file
	@SHORT=$(SHORT) JSON=$(JSON) $(BIN)/python -m tests.bench.prober

bench-placement: $(VENV)/.dev ## time of placing and deciding beside a solver's; costs of readings and answers
	@$(BIN)/python -m tests.bench.placement

bench-memory: $(VENV)/.dev ## bytes of everything that is kept, at 20 regions x 250 pools and x 60 pools x 3 services
	@$(BIN)/python -m tests.bench.memory

bench-reads: $(VENV)/.dev ## how much reading delays a failover; SHORT=1 for a small world
	@$(BIN)/python -m tests.bench.reads $(if $(SHORT),--short)

check: $(VENV)/.dev ## format, lint, types, layers, dependencies
	@$(BIN)/ruff format --check --quiet . || { echo "run: make fix"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry controller

fix: $(VENV)/.dev ## format and mend what can be mended
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

storyboards: $(VENV)/.dev ## accept the storyboards' new text; read the diff before committing it
	@$(BIN)/python -m pytest tests/storyboards --rewrite

schema: $(VENV)/.runtime ## write config/schema.json from the configuration models
	@$(BIN)/gtc config schema > config/schema.json

lock: ## pin dependencies anew, with hashes (needs uv)
	uv pip compile pyproject.toml --extra build --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links -q -o requirements.txt
	uv pip compile pyproject.toml --extra build --extra dev -c requirements.txt --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links -q -o requirements-dev.txt

clean: ## remove what was built and the sandbox's state
	find controller tests -name __pycache__ -prune -exec rm -rf {} +
	rm -rf $(VENV) .sandbox .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, not '$(PYTHON)'; say PYTHON=/path/to/python3.11"; exit 1; }
	@"$(PYTHON)" -m venv $(VENV)

$(VENV)/.runtime: requirements.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing what the daemon needs into $(VENV) …"
	@$(BIN)/python -m pip install -q --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.txt
	@echo "installing what tests and checks need into $(VENV) …"
	@$(BIN)/python -m pip install -q --require-hashes -r requirements-dev.txt
	@touch $@
