# The verbs of this project. `make help` lists them; each says what it does and creates what it needs.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help serve test check bench soak clean lock
.DEFAULT_GOAL := help

help: ## list these verbs
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-8s %s\n", $$1, $$2}'

serve: $(READY) ## run the registry on 127.0.0.1:5000; on a file: make serve CONFIG=FILE; with TLS and accounts: make serve HOST=NAME
	@$(if $(HOST),$(BIN)/entrepot init --if-absent $(HOST),true)
	@exec $(BIN)/entrepot serve $(CONFIG)

test: $(READY) ## run the tests; those that lack a program are skipped by name, with how to install it
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: $(READY) ## lint, format, types and the import contracts of the rooms
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

bench: $(READY) ## measure entrepot beside docker-registry 2.8.2 in one run
	@$(BIN)/python -m bench $(ARGS)

soak: $(READY) ## the long forms of the tests of faults and races
	@ENTREPOT_SOAK=1 $(BIN)/python -m pytest -m soak $(ARGS)

lock: $(READY) ## write requirements.lock anew from pyproject.toml
	@$(BIN)/python -m pip install -q uv && $(BIN)/uv pip compile -q --universal --python-version 3.11 --extra dev \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml -o requirements.lock

clean: ## remove .venv and caches; data stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(READY): requirements.lock pyproject.toml
	@command -v $(firstword $(PYTHON)) >/dev/null || { \
	  echo "$(PYTHON) is not installed. Name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "entrepot needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python's venv module is missing. Install it, then run make again:"; \
	  echo "    sudo apt-get install --yes python3-venv"; exit 1; }
	@echo "Setting up .venv from requirements.lock (once, about a minute)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
