# One command runs the app, one runs the tests; both make the environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TEST_STAMP := $(VENV)/.installed-dev

.PHONY: run test test-fast mutants lint bench clean

run: $(STAMP)
	$(BIN)/python -m streamlit run serve.py

test: $(TEST_STAMP) lint
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal --ignore tests/browser
	$(BIN)/python -m pytest tests/browser

test-fast: $(TEST_STAMP)
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal --ignore tests/browser -m "not slow and not journey"

mutants: $(TEST_STAMP)
	$(BIN)/python -m tests.mutants

lint: $(TEST_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(TEST_STAMP)
	$(BIN)/python -m core bench epoch

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Affinity Lab needs Python 3.11 or newer.")'
	$(PYTHON) -m venv $(VENV)

$(STAMP): requirements.txt constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --requirement requirements.txt --constraint constraints.txt
	touch $@

$(TEST_STAMP): requirements-dev.txt requirements-cluster.txt $(STAMP)
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt --constraint constraints.txt
	touch $@
