# Two commands on a fresh machine: `make demo` and `make test`. They need Python >= 3.11 and make, nothing else.
# `uv` is used where present, `venv` + `pip` otherwise; everything is installed from requirements.lock by hash.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SKIPS := $(VENV)/.skipped
ARGS ?=
SOURCES := hub adapters contracts ledger monitoring packaging tests bench

.DEFAULT_GOAL := help
.PHONY: help demo test lint types conformance integration faults sim bench docs docs-check wheel wheelhouse format clean

help:
	@echo "make demo        see dossiers flow between three systems (ARGS=\"--seconds 20 --headless --json\")"
	@echo "make test        the whole test suite; last it prints what was skipped and why"
	@echo "make lint types  ruff, import contracts, spelling; mypy strict"
	@echo "make conformance integration faults sim bench docs wheel wheelhouse"

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || { command -v uv >/dev/null 2>&1 && UV_PYTHON_DOWNLOADS=never uv venv --quiet --seed $(VENV); } || $(PYTHON) -m venv $(VENV)
	@if command -v uv >/dev/null 2>&1; then \
		uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock; \
	else \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; \
	fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . \
		|| uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP)
	@$(BIN)/lienthong demo $(ARGS)

# Two sessions: what kills processes or builds wheels runs alone. The second runs also when the first has failed.
test: $(STAMP)
	@rm -f $(SKIPS); export LIENTHONG_TEST_SKIPS=$(SKIPS); failed=0; \
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m "not faults and not packaging" $(ARGS) || failed=1; \
	$(BIN)/python -m pytest -q -p no:xdist -p no:randomly -m "faults or packaging" $(ARGS) || failed=1; \
	if test -s $(SKIPS); then echo "Skipped, and why:"; sort -u $(SKIPS); else echo "Skipped: nothing."; fi; \
	if test $$failed = 0; then echo "All tests passed."; else echo "Tests failed."; fi; \
	exit $$failed

lint: $(STAMP)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/codespell $(SOURCES) README.md CONTRIBUTING.md CHANGELOG.md docs deploy Makefile

types: $(STAMP)
	@$(BIN)/mypy

conformance: $(STAMP)
	@$(BIN)/python -m pytest -q tests/conformance $(ARGS)

integration: $(STAMP)
	@$(BIN)/python -m pytest -q tests/integration $(ARGS)

faults: $(STAMP)
	@$(BIN)/python -m pytest -q -p no:xdist -p no:randomly -m faults $(ARGS)

# One seed, one world. SEEDS=1..5000, ARGS="--seed 7 --trace", PLAN=tests/simulation/plans/….json
SEEDS ?= 1..1500
sim: $(STAMP)
	@$(BIN)/python -m tests.simulation.sweep $(if $(PLAN),--plan $(PLAN),--seeds $(SEEDS) --twice 100 --mutants) $(ARGS)

bench: $(STAMP)
	@$(BIN)/python -m bench.run $(ARGS)

# Run as a file: a module called `packaging` is a distribution of other people.
docs: $(STAMP)
	@$(BIN)/python packaging/generate_docs.py
	@$(BIN)/python packaging/generate_schemas.py

docs-check: docs
	@git diff --exit-code -- docs contracts/api

wheel: $(STAMP)
	@$(BIN)/python -m hatchling build -t wheel
	@$(BIN)/python packaging/build_verifier.py

wheelhouse: wheel
	@mkdir -p dist/wheelhouse
	@$(BIN)/python -m pip download --quiet --require-hashes -r requirements.lock -d dist/wheelhouse
	@cp dist/*.whl dist/wheelhouse/

format: $(STAMP)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:
	rm -rf build dist .lienthong .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
