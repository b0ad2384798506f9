# Two commands do all: `make demo` and `make test`.  Only Python >= 3.11, git and make are needed.
PYTHON ?= python3
VENV ?= .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
DEMO ?= demo
STAMP := $(VENV)/.installed
TOOLS := $(VENV)/.installed-tools

.PHONY: help demo test lint campaign data lock clean

help:
	@echo "make demo   run the main job on a simulated pair, into $(DEMO)/"
	@echo "make test   run lint, types and all the tests"
	@echo "make lint   check style and types alone"
	@echo "make campaign  count the alignments that are wrongly accepted or refused"
	@echo "make lock   renew the three constraints files (needs uv)"
	@echo "make clean  remove the environment and the demo"

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'twopass needs Python 3.11 or newer: set PYTHON=')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

# What tests need, and every extra that they test.
$(TOOLS): $(STAMP) constraints-test.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints-test.txt
	@touch $(TOOLS)

demo: $(STAMP)
	$(BIN)/twopass demo --out $(DEMO) --overwrite

test: $(TOOLS) lint
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(TOOLS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

campaign: $(TOOLS)
	$(BIN)/python benchmarks/campaign_alignment.py --readme

COMPILE := uv pip compile --universal --python-version 3.11 --no-annotate --no-header --group build
EVERYTHING := --extra test --extra clouds --extra cluster --extra timezones

lock:
	$(COMPILE) --generate-hashes -o constraints.txt pyproject.toml
	$(COMPILE) --generate-hashes $(EVERYTHING) -c constraints.txt -o constraints-test.txt pyproject.toml
	$(COMPILE) --resolution lowest-direct $(EVERYTHING) -o constraints-min.txt pyproject.toml

clean:
	rm -rf $(VENV) $(DEMO)
