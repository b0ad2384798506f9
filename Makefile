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

.PHONY: help demo test lint campaign data lock clean

help:
	@echo "make demo   run the main job on a simulated pair, into $(DEMO)/"
	@echo "make test   run lint, types and all the tests"
	@echo "make lint   check style and types alone"
	@echo "make campaign  count the alignments that are wrongly accepted or refused"
	@echo "make lock   renew constraints.txt and constraints-min.txt (needs uv)"
	@echo "make clean  remove the environment and the demo"

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'twopass needs Python 3.11 or newer: set PYTHON=')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: $(STAMP)
	$(BIN)/twopass demo --out $(DEMO) --overwrite

test: $(STAMP) lint
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

campaign: $(STAMP)
	$(BIN)/python benchmarks/campaign_alignment.py --readme

lock:
	uv pip compile --universal --generate-hashes --python-version 3.11 --no-annotate --no-header \
	    --extra test --group build -o constraints.txt pyproject.toml
	uv pip compile --universal --resolution lowest-direct --python-version 3.11 --no-annotate --no-header \
	    --extra test --group build -o constraints-min.txt pyproject.toml

clean:
	rm -rf $(VENV) $(DEMO)
