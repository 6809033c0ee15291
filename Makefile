# Every target works on a fresh clone: it first sets up what it needs (tools/setup.sh) and skips what is there.
# Arguments for the development server: make run ARGS="--port 9000 --data-dir /some/folder"
# The same behind nginx, with TLS:        make run TLS=1
# Arguments for pytest:                 make test TESTS="tests/unit -k wire"

.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := /bin/bash

PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest
ARGS ?=
TLS ?=
TESTS ?= tests

.PHONY: help setup run quick test lint rules spec-coverage bench conformance fuzz fault load nightly lock clean

help: ## print this help
	@echo "csc-server: remote signatures over the Cloud Signature Consortium API"
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## /\1|/' \
		| while IFS='|' read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done
	@echo
	@echo "Start with 'make run'; README.md goes on from there."

setup: ## install everything that development needs (Python environment, system packages)
	@tools/setup.sh all

run: ## start a development server with keys, users and clients of its own on loopback (TLS=1: behind nginx)
	@tools/setup.sh $(if $(TLS),tls,run)
	@exec .venv/bin/csc-server dev $(if $(TLS),--tls-proxy deploy/nginx.conf) $(ARGS)

quick: ## unit, property and contract tests on SQLite, in under 90 seconds
	@tools/setup.sh quick
	@CSC_PROFILE=quick $(PYTEST) -q -m "not postgres and not nightly" tests/unit tests/property tests/contract

test: ## the whole gate: lint, rules, then every ring of tests; a skipped test is a failure
	@tools/setup.sh test
	@tools/gate.sh $(TESTS)

lint: ## formatting, ruff, mypy --strict and the import contracts
	@tools/setup.sh lint
	@status=0; \
	$(PYTHON) -m ruff format --check . || status=1; \
	$(PYTHON) -m ruff check . || status=1; \
	$(PYTHON) -m mypy || status=1; \
	.venv/bin/lint-imports || status=1; \
	exit $$status

rules: ## every security rule with the tests that hold it, or the issue that brings it
	@tools/setup.sh lint
	@$(PYTHON) tests/rules.py

spec-coverage: ## every row of the API's parameter and error tables against a server of its own; the counts
	@tools/setup.sh test
	@$(PYTEST) -q tests/rows; status=$$?; $(PYTHON) tests/rows/coverage.py && exit $$status

bench: ## speed and memory, each figure as a ratio to the raw device in the same run
	@tools/setup.sh bench
	@$(PYTHON) benchmarks/bench.py $(ARGS)

conformance: ## the public conformance suite against the development server
	@echo "make conformance: not there yet. The suite csc-conformance arrives with issue 4; nothing was checked."

fuzz: ## coverage-guided fuzzing, a minute for each target, then the property tests with twenty times the examples
	@tools/setup.sh quick
	@CSC_FUZZ_SECONDS=60 $(PYTEST) -q tests/fuzz
	@CSC_PROFILE=fuzz $(PYTEST) -q -m "not postgres" --timeout=900 tests/property

fault: ## kill, hang and unplug parts of the running service
	@tools/setup.sh test
	@CSC_NO_SKIPS=1 CSC_PROFILE=ci $(PYTEST) -q -m "not nightly" tests/fault

load: ## a thousand slow connections before the shipped nginx configuration
	@tools/setup.sh test
	@CSC_NO_SKIPS=1 $(PYTEST) -q -s tests/load

nightly: ## everything again with the long tests and many more generated examples
	@tools/setup.sh test
	@CSC_NO_SKIPS=1 CSC_PROFILE=nightly CSC_FUZZ_SECONDS=300 $(PYTEST) -q --timeout=3600 --durations=20 tests

lock: ## write requirements/*.txt anew from pyproject.toml (make lock ARGS=--upgrade for newer releases)
	@tools/setup.sh lint
	@tools/lock.sh $(ARGS)

clean: ## remove what was built or installed here; the data of a development server stays
	@rm -rf .venv build dist tests/integration/openid_client/node_modules src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
