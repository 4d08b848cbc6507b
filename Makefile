# two commands do all set-up on a fresh machine: make demo, make test

PYTHON ?= python3
INTEROP ?= auto
# most tests wait for somebody, so two a core; but each worker starts servers of its own
WORKERS ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN); echo $$((cores < 4 ? 2 * cores : 8)))

BIN := .venv/bin
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
export INTEROP
# compiled once, not by every worker and every command that a test starts
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## list the targets
	@echo "usage: make TARGET [PYTHON=python3] [INTEROP=auto|off|require] [WORKERS=4]"
	@echo
	@sed -n 's/^\([a-z.][a-z.]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{ printf "  %-8s %s\n", $$1, $$2 }'

.PHONY: demo
demo: .venv/.ready ## show what unstrip does, on this machine alone
	@$(BIN)/unstrip demo

.PHONY: test
test: interop-known .venv/.ready ## install the servers to test against, check the code, run all tests
	@bash tests/interop/install.sh $(INTEROP)
	@$(MAKE) lint
	@$(MAKE) types
	@$(PYTEST)

.PHONY: lint
lint: .venv/.ready ## check style and layout of the code
	@echo "checking style and layout"
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet

.PHONY: types
types: .venv/.ready ## check the types
	@echo "checking types"
	@$(BIN)/mypy

.PHONY: fmt
fmt: .venv/.ready ## lay out the code and mend what can be mended
	@$(BIN)/ruff check --fix --quiet --exit-zero
	@$(BIN)/ruff format

.PHONY: fuzz
fuzz: .venv/.ready ## search long for input that breaks a dialog
	@$(PYTEST) tests -m "not interop" --hypothesis-profile=fuzz

.PHONY: bench
bench: .venv/.ready ## measure the speed, beside C programs
	@$(BIN)/python tests/bench/run.py
	@echo
	@PYTHONPATH=. $(BIN)/python tests/bench/policies.py
	@echo
	@PYTHONPATH=. $(BIN)/python tests/bench/daemon.py
	@echo
	@PYTHONPATH=. $(BIN)/python tests/bench/tlsrpt.py

.PHONY: lock
lock: ## pin the newest dependencies, with hashes (needs pip-compile)
	@command -v pip-compile > /dev/null || { \
	  echo "make: error: pip-compile is missing"; \
	  echo "make: hint: python3 -m pip install pip-tools"; exit 1; } >&2
	@for set in run dev; do \
	  echo "pinning requirements/$$set.in"; \
	  pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras --no-header \
	    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	    --output-file requirements/$$set.txt requirements/$$set.in || exit 1; \
	done

.PHONY: clean
clean: ## remove .venv and all that was built
	@rm -rf .venv .interop build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis src/*.egg-info
	@find src tests -type d -name __pycache__ -prune -exec rm -rf {} + 2> /dev/null || true

.PHONY: .venv
.venv: .venv/.ready ## set up .venv with unstrip and its tools in it
	@:

.venv/.ready: requirements/dev.txt pyproject.toml
	@command -v "$(PYTHON)" > /dev/null || { \
	  echo "make: error: $(PYTHON) is missing, unstrip needs python 3.11 or newer"; \
	  echo "make: hint: PYTHON=python3.12 make ... picks another one"; exit 1; } >&2
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: error: $(PYTHON) is too old or does not start, unstrip needs python 3.11 or newer"; \
	  echo "make: hint: PYTHON=python3.12 make ... picks another one"; exit 1; } >&2
	@"$(PYTHON)" -c 'import ensurepip, venv' 2> /dev/null || { \
	  echo "make: error: $(PYTHON) cannot make a virtual environment"; \
	  echo "make: hint: on debian: apt-get install python3-venv"; exit 1; } >&2
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || { \
	  echo "making .venv"; "$(PYTHON)" -m venv --clear .venv; }
	@echo "installing the pinned dependencies into .venv"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@echo "installing unstrip into .venv"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: interop-known
interop-known:
	@case "$(INTEROP)" in auto|off|require) ;; *) \
	  echo "make: error: INTEROP is auto, off or require, not '$(INTEROP)'" >&2; exit 1 ;; esac
